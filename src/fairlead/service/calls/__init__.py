"""One call to a provider: where it goes, what it carries, how often it is tried, and its reply, whole or as a stream."""
