"""Fairlead: a model gateway that speaks the remote-model REST API of OpenSearch ML Commons."""

__version__ = "0.1.0"
