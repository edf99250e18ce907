"""Opens the upstream client that a setting names; imports no adapter that is not used.

The default is decided in docs/decisions/0003-transport.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast, get_args

from fairlead.transport.port import Dialer, Upstream

AdapterName = Literal["aiohttp", "owned"]
DEFAULT: AdapterName = "owned"

# Module and class; aiohttp alone costs 0.1 s and 14 MB to import (reference/transport.md section 3).
ADAPTERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "aiohttp": ("fairlead.transport.aiohttp_adapter", "AiohttpUpstream"),
        "owned": ("fairlead.transport.owned.adapter", "OwnedUpstream"),
    }
)
NAMES: tuple[str, ...] = get_args(AdapterName)


def open_upstream(name: AdapterName, dialer: Dialer) -> Upstream:
    """The adapter called `name`. Nothing is opened before its first call, so it may be made before a fork.

    Raises ValueError for a name that is none.
    """
    if name not in ADAPTERS:
        raise ValueError(f"no transport is called {name!r}; there are {', '.join(NAMES)}")
    module, attribute = ADAPTERS[name]
    return cast(Upstream, getattr(importlib.import_module(module), attribute)(dialer))
