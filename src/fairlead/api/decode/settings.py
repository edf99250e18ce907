"""The body of a settings change: dotted and nested keys become one flat map (spec/01 4.3)."""

from __future__ import annotations

import orjson

from fairlead.api.decode.fields import text
from fairlead.domain.cluster_settings import Text
from fairlead.errors import ActionValidation, IllegalState, SettingsFault, TokenMismatch
from fairlead.java.jackson import Node, expect, parse

Flat = dict[str, Text | None]


def settings_update(body: bytes) -> tuple[Flat, Flat]:
    """The persistent and the transient changes."""
    node = parse(body)
    if node.kind == "array":
        raise ActionValidation("no settings to update")
    expect(node, "object")
    return _scope(node.get("persistent")), _scope(node.get("transient"))


def _scope(node: Node | None) -> Flat:
    if node is None:
        return {}
    if node.kind == "null":
        cause = TokenMismatch(
            "Failed to parse object: expecting token of type [START_OBJECT] but found [VALUE_NULL]", node.line, node.col
        )
        raise SettingsFault("Failed to load settings from [null]", cause=cause)
    flat: Flat = {}
    _flatten(expect(node, "object"), "", flat, node)
    return flat


def _flatten(node: Node, prefix: str, flat: Flat, scope: Node) -> None:
    for key, value, _, _ in node.members:
        name = prefix + key
        if value.kind == "object":
            _flatten(value, name + ".", flat, scope)
        elif value.kind == "array":
            if any(item.kind in ("object", "array", "null") for item in value.items):
                shown = orjson.dumps(scope.plain()).decode()
                cause = IllegalState("only value lists are allowed in serialized settings")
                raise SettingsFault(f"Failed to load settings from [{shown}]", cause=cause)
            flat[name] = tuple(text(item) for item in value.items)
        else:
            flat[name] = None if value.kind == "null" else text(value)
