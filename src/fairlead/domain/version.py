"""Which release of the original we answer as."""

from __future__ import annotations

REFERENCE_VERSION = "3.6.0"
"""The release of the recorded replies; clients read it from `GET /`."""
