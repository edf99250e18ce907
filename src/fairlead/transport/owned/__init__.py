"""The owned upstream client: llhttp parses, everything a gateway is about is ours (docs/decisions/0003-transport.md)."""
