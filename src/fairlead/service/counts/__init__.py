"""What workers count and time, and what is made of it: metrics, stats, profile."""
