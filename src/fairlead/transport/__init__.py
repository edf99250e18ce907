"""The pooled upstream HTTP client: one port, its adapters, and the map from their faults to our errors."""
