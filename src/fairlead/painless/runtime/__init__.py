"""What values are at run time and how they convert, compare, compute and print; it knows no syntax."""
