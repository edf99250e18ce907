"""JSON text the way gson writes it and RFC 8259 reads it; it repairs nothing: whatever is not strict JSON is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NoReturn

import msgspec
import orjson

from fairlead.java.text import double_text

MAX_DEPTH = 1000
"""How deep arrays and objects may be nested, as Jackson limits it."""

_PLAIN_FLOATS = (1e-3, 1e7)
"""Between these sizes Java and orjson write the same text."""

_LONG = (-(2**63), 2**64 - 1)
"""The integers that orjson writes."""

_ESCAPES = {
    **{code: f"\\u{code:04x}" for code in range(0x20)},
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)},
    ord("\b"): "\\b",
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\f"): "\\f",
    ord("\r"): "\\r",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}

# A byte is looked for as a number: for bytes that are no number `in` first makes, and throws away, an exception.
_BACKSLASH = 0x5C
_SEPARATORS_LEAD = 0xE2
"""What U+2028 and U+2029 begin with in UTF-8."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class JsonFault(ValueError):
    """Text that is no strict JSON, or a value that JSON cannot hold; `reason` quotes nothing of the text but a key."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def compact(value: Any) -> str:
    """The JSON text of `value` as gson writes it: no spaces, nulls kept, only `"`, `\\`, controls, U+2028 and U+2029
    escaped, floats in Java's text, integers of any size. Raises JsonFault for anything JSON has no form for.
    """
    if _fast(value, 0):
        try:
            written = orjson.dumps(value)
        except (TypeError, ValueError):
            return "".join(_pieces(value))
        if _SEPARATORS_LEAD in written:
            written = written.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        return written.decode()
    return "".join(_pieces(value))


def _fast(value: Any, depth: int) -> bool:
    """Whether orjson writes this value the way Java would."""
    kind = type(value)
    if kind is dict:
        value = value.values()
    elif kind is not list:
        value = (value,)
    for item in value:
        kind = type(item)
        if kind is str or item is None or kind is bool:
            continue
        if kind is dict or kind is list:
            if depth < 100 and _fast(item, depth + 1):
                continue
        elif kind is float:
            if _PLAIN_FLOATS[0] <= abs(item) < _PLAIN_FLOATS[1] or item == 0.0:
                continue
        elif kind is int and _LONG[0] <= item <= _LONG[1]:
            continue
        return False
    return True


def _pieces(value: Any) -> Iterator[str]:
    """The text piece by piece; a stack of its own, so that depth is bounded by MAX_DEPTH and not by Python's frames."""
    stack: list[tuple[Iterator[Any], str]] = []
    item, lead = value, ""
    while True:
        if isinstance(item, dict):
            yield lead + "{"
            stack.append((iter(item.items()), "}"))
            lead = ""
        elif isinstance(item, (list, tuple)):
            yield lead + "["
            stack.append((iter(item), "]"))
            lead = ""
        else:
            yield lead + _scalar(item)
            lead = ","
        if len(stack) > MAX_DEPTH:
            raise JsonFault(f"nested deeper than {MAX_DEPTH} levels")
        while stack:
            members, close = stack[-1]
            try:
                item = next(members)
            except StopIteration:
                stack.pop()
                yield close
                lead = ","
                continue
            if close == "}":
                key, item = item
                if not isinstance(key, str):
                    raise JsonFault("an object key is not a string")
                lead = f'{lead}"{key.translate(_ESCAPES)}":'
            break
        else:
            return


def _scalar(item: Any) -> str:
    if isinstance(item, str):
        return f'"{item.translate(_ESCAPES)}"'
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    try:
        if isinstance(item, int):
            return str(int(item))
        if isinstance(item, float) and item - item == 0.0:
            return double_text(item)
    except ValueError as fault:
        raise JsonFault("a number is too long") from fault
    raise JsonFault(f"JSON has no form for a {type(item).__name__}" + (" that is not finite" * isinstance(item, float)))


def strict_loads(text: str | bytes) -> Any:
    """The value of a whole JSON text (RFC 8259); integers exact, other numbers doubles.

    Raises JsonFault for anything else: a repeated key, NaN, a number beyond a double, an integer of more than 4,300
    digits, half a surrogate pair, bytes that are no UTF-8, nesting deeper than MAX_DEPTH, text after the value.
    """
    try:
        raw = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as fault:
        raise JsonFault("half a surrogate pair") from fault
    if len(raw) > MAX_DEPTH:
        check_depth(raw)
    try:
        value = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise JsonFault(_reason(fault)) from fault
    # A key that was repeated is gone from `value`, and its colon with it: fewer colons are written than were read.
    # An escaped colon would spoil the count, so such texts go the long way.
    if (_BACKSLASH in raw and b"\\u003" in raw) or _encode(value).count(b":") != raw.count(b":"):
        _check_keys(raw)
    return value


def _reason(fault: Exception) -> str:
    if isinstance(fault, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(fault, RecursionError):
        return f"nested deeper than {MAX_DEPTH} levels"
    return str(fault).removeprefix("JSON is malformed: ")


def check_depth(raw: bytes) -> None:
    """Raises JsonFault for a text that is nested deeper than MAX_DEPTH."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRINGS.sub(b"", raw).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise JsonFault(f"nested deeper than {MAX_DEPTH} levels")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise JsonFault(f"repeated key '{key[:64]}'")
            seen.add(key)
    return members


def _check_keys(raw: bytes) -> None:
    try:
        json.loads(raw, object_pairs_hook=_distinct)
    except RecursionError as fault:
        raise JsonFault(f"nested deeper than {MAX_DEPTH} levels") from fault


def _refuse_constant(name: str) -> NoReturn:
    raise JsonFault(f"{name} is no JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0.0:
        raise JsonFault("a number is out of range")
    return number


_first = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")


def first_value(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at `start` (white space before it is skipped) and the position after it.

    What follows the value is not looked at; of a repeated key the last value counts. Raises JsonFault.
    """
    found = _SPACE.match(text, start)
    begin = found.end() if found else start
    try:
        value, end = _first(text, begin)
        if end - begin > MAX_DEPTH:
            check_depth(text[begin:end].encode("utf-8", "surrogatepass"))
        return value, end
    except JsonFault:
        raise
    except ValueError as fault:
        raise JsonFault("no JSON value") from fault
    except RecursionError as fault:
        raise JsonFault(f"nested deeper than {MAX_DEPTH} levels") from fault


def is_json(text: str | bytes) -> bool:
    """Whether the text is strict JSON and an object or an array."""
    head = text.lstrip(" \t\n\r")[:1] if isinstance(text, str) else text.lstrip(b" \t\n\r")[:1]
    if head not in ("{", "[", b"{", b"["):
        return False
    try:
        strict_loads(text)
    except JsonFault:
        return False
    return True
