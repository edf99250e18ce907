"""Fairlead: a model gateway that speaks the remote-model REST API of OpenSearch ML Commons.

The library is at hand as `fairlead.Connector` and `fairlead.AsyncConnector`; it is imported when one of them is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairlead.library import AsyncConnector, Connector

__version__ = "0.1.0"

__all__ = ["AsyncConnector", "Connector", "__version__"]


def __getattr__(name: str) -> Any:
    if name in ("AsyncConnector", "Connector"):
        return getattr(importlib.import_module("fairlead.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
