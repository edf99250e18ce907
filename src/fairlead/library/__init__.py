"""Fairlead as a library: blueprints run in this process, without a server, a database or an event loop left running.

Importing this package imports nothing heavy; what a name needs comes with its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairlead.library.async_connector import AsyncConnector
    from fairlead.library.connector import Connector
    from fairlead.library.result import Prediction, Tensor
    from fairlead.service.calls.explaining import OutgoingRequest

__all__ = ["AsyncConnector", "Connector", "OutgoingRequest", "Prediction", "Tensor"]

_HOMES = {
    "AsyncConnector": "fairlead.library.async_connector",
    "Connector": "fairlead.library.connector",
    "OutgoingRequest": "fairlead.service.calls.explaining",
    "Prediction": "fairlead.library.result",
    "Tensor": "fairlead.library.result",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
