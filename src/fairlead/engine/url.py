"""Where an action goes: a URL template compiled once; given values are percent-encoded for the place they stand in.

Connector texts go in as written. The result is a text; fairlead.security.url decides whether it is a URL to call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from fairlead.engine.parameters import Parameters
from fairlead.engine.placeholders import Placeholder, scan
from fairlead.errors import IllegalArgument

_AUTHORITY_SAFE = re.compile(r"[A-Za-z0-9.:_\[\]-]*", re.ASCII)


class UrlTemplate:
    """Rendering raises IllegalArgument when a value cannot stand where it is put or when texts name each other."""

    __slots__ = ("_owned", "names", "text")

    def __init__(self, text: str, owned: Mapping[str, str]) -> None:
        self.text = text
        self._owned = owned
        self.names = frozenset(_names(text, owned, frozenset()))
        """Every parameter that can change the URL, nested ones included."""

    def render(self, parameters: Parameters) -> str:
        return self._expand(self.text, "", parameters, ())

    def _expand(self, text: str, before: str, parameters: Parameters, stack: tuple[str, ...]) -> str:
        out = before
        for part in scan(text):
            out += part if isinstance(part, str) else self._value(part, out, parameters, stack)
        return out[len(before) :]

    def _value(self, part: Placeholder, before: str, parameters: Parameters, stack: tuple[str, ...]) -> str:
        if part.name in stack:
            raise IllegalArgument(f"Infinite loop in property interpolation of {self.text}: {'->'.join(stack)}")
        given = parameters.given.get(part.name)
        if given is not None:
            return given if part.name in parameters.raw else _encode(part.name, given, before)
        owned = self._owned.get(part.name)
        if owned is not None and part.name not in parameters.given:
            return self._expand(owned, before, parameters, (*stack, part.name))
        return part.source if part.default is None else part.default


def _encode(name: str, value: str, before: str) -> str:
    _, found, rest = before.partition("://")
    if not found or not (cut := re.search(r"[/?#]", rest)):
        if _AUTHORITY_SAFE.fullmatch(value):
            return value
        return quote(value, safe="", errors="replace")
    if value in (".", "..") and "?" not in rest[cut.start() :]:
        raise IllegalArgument(f"Parameter [{name}] stands in the path of the connector's URL and cannot be [{value}]")
    return quote(value, safe="-._~:", errors="replace")


def _names(text: str, owned: Mapping[str, str], seen: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for part in scan(text):
        if isinstance(part, Placeholder) and part.name not in seen:
            found.add(part.name)
            if part.name in owned:
                found |= _names(owned[part.name], owned, seen | found)
    return found
