"""Why a path led nowhere, in Jayway's words. Values are shown by their beginning only: a message is no place for a payload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairlead.java.json import compact

_PROVIDER = "com.jayway.jsonpath.spi.json.JsonSmartJsonProvider"
_SHOWN = 200
"""Characters of a value that a message may hold."""


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a path has no value; `reason` is Jayway's text."""

    reason: str


def blocked(value: Any, key: str | int, path: str) -> str | None:
    """Why a name or an index cannot even be looked up in this value, None if it can."""
    if isinstance(key, str):
        return None if isinstance(value, dict) else no_object(f"['{key}']", value, path)
    return None if isinstance(value, list) else no_array(f"[{key}]", value, path)


def no_object(wanted: str, value: Any, path: str) -> str:
    """A name was asked of something that is no object."""
    return (
        f"Expected to find an object with property {wanted} in path {path} but found '{_class_name(value)}'."
        f" This is not a json object according to the JsonProvider: '{_PROVIDER}'."
    )


def no_array(wanted: str, value: Any, path: str) -> str:
    """An index or a slice was asked of something that is no array."""
    if value is None:
        return f"The path {path} is null"
    return f"Filter: {wanted} can only be applied to arrays. Current context is: {shown(value)}"


def shown(value: Any) -> str:
    """The beginning of what Java prints for a value: objects as `{k=v}`, arrays as JSON."""
    if isinstance(value, str):
        text = value
    else:
        out: list[str] = []
        _show(value, out, in_array=False, depth=0)
        text = "".join(out)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _show(value: Any, out: list[str], in_array: bool, depth: int) -> None:
    if len(out) > _SHOWN or depth > 8:
        out.append("...")
    elif isinstance(value, dict):
        comma = "," if in_array else ", "
        out.append("{")
        for number, (name, item) in enumerate(value.items()):
            if len(out) > _SHOWN:
                break
            key = name[:_SHOWN]
            out.append(comma * (number > 0) + (f"{compact(key)}:" if in_array else f"{key}="))
            _show(item, out, in_array, depth + 1)
        out.append("}")
    elif isinstance(value, list):
        out.append("[")
        for number, item in enumerate(value):
            if len(out) > _SHOWN:
                break
            out.append("," * (number > 0))
            _show(item, out, True, depth + 1)
        out.append("]")
    elif isinstance(value, str):
        out.append(compact(value[:_SHOWN]) if in_array else value[:_SHOWN])
    else:
        out.append(compact(value))


def _class_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "java.lang.Boolean"
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return "java.lang.Integer"
        return "java.lang.Long" if -(2**63) <= value < 2**63 else "java.math.BigInteger"
    if isinstance(value, str):
        return "java.lang.String"
    return "java.lang.Double" if isinstance(value, float) else "net.minidev.json.JSONArray"
