"""Connectors: read from requests, checked, merged, stored, and what their authors are told of them."""
