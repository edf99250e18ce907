"""The body of a settings change: dotted and nested keys become one flat map (spec/01 4.3)."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.api.decode.fields import text
from fairlead.domain.cluster_settings import Text
from fairlead.errors import ActionValidation, IllegalState, SettingsFault, TokenMismatch
from fairlead.java.jackson import Node, expect, parse
from fairlead.java.json import compact

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
    for name, value in _leaves(expect(node, "object")):
        if value.kind != "array":
            flat[name] = None if value.kind == "null" else text(value)
        elif any(item.kind in ("object", "array", "null") for item in value.items):
            reason = f"Failed to load settings from [{compact(node.plain())}]"
            raise SettingsFault(reason, cause=IllegalState("only value lists are allowed in serialized settings"))
        else:
            flat[name] = tuple(text(item) for item in value.items)
    return flat


def _leaves(node: Node) -> Iterator[tuple[str, Node]]:
    """Dotted names and what stands there, in body order. Callers choose the depth, so it costs no Python frames."""
    waiting = [("", node)]
    while waiting:
        name, value = waiting.pop()
        if value.kind == "object":
            prefix = f"{name}." if value is not node else ""
            waiting += [(prefix + key, member) for key, member, _, _ in reversed(value.members)]
        else:
            yield name, value
