"""Sealed credentials, the keys that seal them, the egress guard and the redaction of logs. No routes, no HTTP client."""
