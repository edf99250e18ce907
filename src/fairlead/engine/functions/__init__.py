"""The built-in pre- and post-process functions, as two tables of frozen rows."""
