"""Short ways to write JSON schemas (draft 2020-12) for the OpenAPI document; what a value may be, not what it means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


def text(doc: str = "", *, example: str | None = None, pattern: str | None = None) -> Schema:
    return _with({"type": "string"}, description=doc or None, examples=example and [example], pattern=pattern)


def texts(doc: str = "") -> Schema:
    return _with({"type": "array", "items": {"type": "string"}}, description=doc or None)


def flag(doc: str = "") -> Schema:
    return _with({"type": "boolean"}, description=doc or None)


def whole(doc: str = "", *, low: int | None = None, high: int | None = 2**31 - 1) -> Schema:
    """An integer; without bounds given, of 32 bits."""
    least = low if low is not None or high is None else -high - 1
    return _with({"type": "integer"}, description=doc or None, minimum=least, maximum=high)


def time(doc: str = "") -> Schema:
    """A time as this API writes it."""
    return whole(f"{doc} Milliseconds since 1970-01-01." if doc else "Milliseconds since 1970-01-01.", low=0, high=None)


def choice(values: Iterable[str], doc: str = "") -> Schema:
    return _with({"type": "string", "enum": [str(value) for value in values]}, description=doc or None)


def mapped(values: Schema, doc: str = "") -> Schema:
    """An object whose keys the caller chooses."""
    return _with({"type": "object", "additionalProperties": values}, description=doc or None)


def listed(items: Schema, doc: str = "", **limits: int) -> Schema:
    return _with({"type": "array", "items": items, **limits}, description=doc or None)


def whatever(doc: str = "") -> Schema:
    """Any object."""
    return _with({"type": "object"}, description=doc or None)


def members(properties: dict[str, Schema], required: Iterable[str] = (), doc: str = "") -> Schema:
    """An object of these members; others are let through."""
    needed = list(required)
    return _with({"type": "object", "properties": properties}, required=needed or None, description=doc or None)


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _with(schema: Schema, **more: Any) -> Schema:
    return schema | {key: value for key, value in more.items() if value is not None}
