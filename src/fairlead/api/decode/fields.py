"""Reading single fields of a JSON tree the way OpenSearch's parsers do: coercions and their error texts
(spec/01 1.2-1.7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from fairlead.domain.dataset import JsonText, Value
from fairlead.errors import BodyParse, IllegalArgument, InputCoercion, JsonSyntax, NumberFormat
from fairlead.java.jackson import Node, expect
from fairlead.java.json import JsonFault, compact
from fairlead.java.text import double_text

T = TypeVar("T")


def text(node: Node) -> str:
    """The text of a scalar; null, objects and arrays are refused (500 in the original at create, 400 here)."""
    if node.kind in ("null", "object", "array"):
        raise BodyParse(f"Can't get text on a {node.token} at {node.line}:{node.col}")
    if node.kind == "string":
        return str(node.value)
    return node.text or node.kind


def text_or_null(node: Node) -> str | None:
    return None if node.kind == "null" else text(node)


def boolean(node: Node) -> bool:
    """A boolean or its text; the empty text is false, as recorded."""
    if node.kind in ("true", "false"):
        return node.kind == "true"
    if node.kind != "string":
        raise JsonSyntax(f"Current token ({node.jackson_token}) not of boolean type{node.location()}")
    if node.value not in ("", "true", "false"):
        raise IllegalArgument(f"Failed to parse value [{node.value}] as only [true] or [false] are allowed.")
    return bool(node.value == "true")


def integer(node: Node) -> int:
    """A 32-bit integer from a number or its text; fractions are cut off (spec/01 1.7)."""
    return _whole(node, 31, "an integer", "int")


def long(node: Node) -> int:
    """A 64-bit integer, read like a 32-bit one (times in milliseconds)."""
    return _whole(node, 63, "a long", "long")


def _whole(node: Node, bits: int, named: str, kind: str) -> int:
    low, high = -(2**bits), 2**bits - 1
    if node.kind == "string":
        number = decimal(node.value)
        if number is None:
            raise NumberFormat(f'For input string: "{node.value}"')
        if not low <= number <= high:
            raise IllegalArgument(f"Value [{node.value}] is out of range for {named}")
        return int(number)
    if node.kind != "number":
        raise JsonSyntax(
            f"Current token ({node.jackson_token}) not numeric, can not use numeric value accessors{node.location()}"
        )
    if not low <= node.value < high + 1:
        raise InputCoercion(f"Numeric value ({node.text}) out of range of {kind} ({low} - {high}){node.location()}")
    return int(node.value)


_WHOLE = re.compile(r"[+-]?[0-9]{1,300}", re.ASCII)
_BLANK = "".join(map(chr, range(0x21)))
"""What Java trims: every character up to the blank."""
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


def decimal(value: str) -> int | float | None:
    """The number a text stands for, whole ones exactly; None for any other, though Python would take `1_0` or `nan`."""
    shown = value.strip(_BLANK)
    if _WHOLE.fullmatch(shown):
        return int(shown)
    return float(shown) if _DECIMAL.fullmatch(shown) else None


def texts(node: Node) -> tuple[str, ...]:
    """An array of scalars as texts."""
    return tuple(text(item) for item in expect(node, "array").items)


def lenient_object(node: Node) -> list[tuple[str, Node]]:
    """An object's members; a text or null reads as empty, an array is refused (spec/01 1.2)."""
    if node.kind == "array":
        expect(node, "object")
    return [(key, value) for key, value, _, _ in node.members]


def flat_texts(node: Node) -> dict[str, str]:
    """An object of scalars as texts (`credential`, `headers`)."""
    return {key: text(value) for key, value in lenient_object(node)}


def parameter_texts(node: Node) -> dict[str, str]:
    """Connector parameters: any JSON value becomes a text (spec/01 1.3)."""
    return {key: _parameter_text(value) for key, value in lenient_object(node)}


def _parameter_text(node: Node) -> str:
    value = flatten(node.plain())
    return "null" if value is None else str(value)


def flatten(value: Any) -> Value:
    """A JSON value as a parameter: texts stay, null stays null, the rest becomes gson's compact text (spec/03 1.3)."""
    if value is None or type(value) is str:
        return value
    if type(value) is float:
        if value in (float("inf"), float("-inf")) or value != value:
            raise IllegalArgument(
                f"{'-' if value < 0 else ''}Infinity is not a valid double value as per JSON specification. "
                "To override this behavior, use GsonBuilder.serializeSpecialFloatingPointValues() method."
            )
        return JsonText(double_text(value))
    if value is True or value is False:
        return JsonText("true" if value else "false")
    try:
        return JsonText(compact(value))
    except JsonFault as fault:  # a number beyond a double somewhere inside
        raise IllegalArgument(f"A parameter's value cannot be written as JSON: {fault.reason}") from fault


def each(node: Node, readers: dict[str, Callable[[Node], Any]]) -> dict[str, Any]:
    """The members that have a reader, in body order; others are skipped with their subtree."""
    return {key: readers[key](value) for key, value, _, _ in node.members if key in readers}
