"""Models: registered, updated, deployed, loaded, read and deleted."""
