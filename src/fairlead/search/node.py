"""Reading a position-keeping JSON tree: scalars, options, and faults that name the place; refuses to know a query.

The texts are those of OpenSearch's parsers (spec/01 1.16); a position is where the offending token starts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from fairlead.errors import FairleadError, IllegalArgument, NumberFormat, TokenMismatch, XContentParse

_INT32 = 1 << 31
_INT64 = 1 << 63
_TOKENS = {
    "object": "START_OBJECT",
    "array": "START_ARRAY",
    "string": "VALUE_STRING",
    "number": "VALUE_NUMBER",
    "true": "VALUE_BOOLEAN",
    "false": "VALUE_BOOLEAN",
    "null": "VALUE_NULL",
}
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_POSITION = re.compile(r"\[(\d+):(\d+)\]")


class JsonNode(Protocol):
    """One JSON value; `line` and `col` (from 1) of its first character, `end_*` of what follows its first token.

    `members` are key, value, line and column of the key.
    """

    @property
    def kind(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def line(self) -> int: ...
    @property
    def col(self) -> int: ...
    @property
    def end_line(self) -> int: ...
    @property
    def end_col(self) -> int: ...
    @property
    def members(self) -> Sequence[tuple[str, JsonNode, int, int]]: ...
    @property
    def items(self) -> Sequence[JsonNode]: ...
    def plain(self) -> Any: ...


def token(node: JsonNode) -> str:
    """The name OpenSearch gives to the value's first token."""
    return _TOKENS[node.kind]


def is_scalar(node: JsonNode) -> bool:
    return node.kind not in ("object", "array")


def closing(node: JsonNode) -> tuple[int, int]:
    """Line and column of the bracket that closes an object or array, exact when no blank stands before it."""
    if node.kind == "object":
        last = node.members[-1][1] if node.members else None
    else:
        last = node.items[-1] if node.items else None
    if last is None:
        return node.end_line, node.end_col
    if is_scalar(last):
        return last.end_line, last.end_col
    line, col = closing(last)
    return line, col + 1


def refuse(reason: str, node: JsonNode) -> NoReturn:
    """A parsing_exception at the value."""
    raise TokenMismatch(reason, node.line, node.col)


def refuse_at_end(reason: str, node: JsonNode) -> NoReturn:
    """A parsing_exception at the end of the object."""
    raise TokenMismatch(reason, *closing(node))


def position_of(fault: FairleadError, node: JsonNode) -> tuple[int, int]:
    """Where the parser stood when `fault` was raised, as far as the fault tells; else where `node` starts."""
    line, col = fault.fields.get("line"), fault.fields.get("col")
    if isinstance(line, int) and isinstance(col, int):
        return line, col
    found = _POSITION.search(fault.reason or "")
    return (int(found[1]), int(found[2])) if found else (node.line, node.col)


def unknown_member(parser: str, key: str, known: Iterable[str], line: int, col: int) -> XContentParse:
    """The fault of a parser that lists its fields: `[1:21] [bool] unknown field [musty] did you mean ...?`."""
    return XContentParse(f"[{line}:{col}] [{parser}] unknown field [{key}]{did_you_mean(key, known)}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` did you mean [x]?` for names more than half alike (Levenshtein), the likest first; else nothing."""
    known = [name for name in set(known) if 2 * min(len(name), len(word)) > max(len(name), len(word))]
    scored = sorted(((similarity(word, name), name) for name in known), key=lambda pair: (-pair[0], pair[1]))
    near = [name for score, name in scored if score > 0.5]
    if not near:
        return ""
    return f" did you mean [{near[0]}]?" if len(near) == 1 else f" did you mean any of [{', '.join(near)}]?"


def similarity(left: str, right: str) -> float:
    """1 minus the edit distance over the longer length."""
    longest = max(len(left), len(right))
    return 1.0 if longest == 0 else 1 - edit_distance(left, right, transpose=False) / longest


def edit_distance(left: str, right: str, *, transpose: bool, most: int | None = None) -> int:
    """Levenshtein distance; with `transpose`, swapping two neighbours counts once (optimal string alignment).

    With `most`, a greater distance comes out as some number greater than it, in time proportional to the length.
    """
    band = max(len(left), len(right)) if most is None else most
    far = len(left) + len(right) + 1
    older: dict[int, int] = {}
    old = {j: j for j in range(min(band, len(right)) + 1)}
    for i, a in enumerate(left, 1):
        row: dict[int, int] = {0: i} if i <= band else {}
        for j in range(max(1, i - band), min(len(right), i + band) + 1):
            b = right[j - 1]
            best = min(old.get(j, far) + 1, row.get(j - 1, far) + 1, old.get(j - 1, far) + (a != b))
            if transpose and i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, older.get(j - 2, far) + 1)
            row[j] = best
        older, old = old, row
    return old.get(len(right), far)


def to_int(node: JsonNode) -> int:
    """A 32-bit integer, also from text, as Java's coercion does it. Raises NumberFormat or IllegalArgument."""
    number = _whole(node, "Integer")
    if not -_INT32 <= number < _INT32:
        raise IllegalArgument(f"Numeric value ({number}) out of range of int ({-_INT32} - {_INT32 - 1})")
    return number


def _whole(node: JsonNode, what: str) -> int:
    if node.kind == "number":
        if isinstance(node.value, int):
            return node.value
        if math.isfinite(node.value) and node.value == int(node.value):
            return int(node.value)
        raise IllegalArgument(f"{node.value} cannot be converted to {what} without data loss")
    text = to_text(node)
    try:
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else _whole_text(text)
    except ValueError:
        raise NumberFormat(f'For input string: "{text}"') from None


def _whole_text(text: str) -> int:
    number = float(text) if re.fullmatch(r"[+-]?[0-9]+\.[0-9]*", text) and len(text) < 40 else None
    if number is None:
        raise ValueError(text)
    return int(number)


def to_float(node: JsonNode) -> float:
    """A number, also from text."""
    return decimal(str(node.value) if node.kind == "number" else to_text(node))


def decimal(text: str) -> float:
    """A finite number in digits, without what only Python takes for one. Raises NumberFormat."""
    number = float(text) if len(text) < 400 and _DECIMAL.fullmatch(text) else math.inf
    if not math.isfinite(number):
        raise NumberFormat(f'For input string: "{text}"')
    return number


def to_bool(node: JsonNode) -> bool:
    """true or false, also as text. Raises IllegalArgument."""
    if node.kind in ("true", "false"):
        return node.kind == "true"
    text = to_text(node)
    if text in ("true", "false"):
        return text == "true"
    raise IllegalArgument(f"Failed to parse value [{text}] as only [true] or [false] are allowed.")


def to_text(node: JsonNode) -> str:
    """The text of a scalar the way Java prints it. Raises a parsing_exception for anything else."""
    if node.kind == "string":
        return str(node.value)
    if node.kind == "number":
        return java_number(node.value)
    if node.kind in ("true", "false"):
        return node.kind
    return refuse(f"Expected a value but found [{token(node)}]", node)


def java_number(value: float) -> str:
    """A number as Java prints it: whole ones in digits, others like `2.0` or `1.0E10`."""
    if isinstance(value, int):
        return str(value)
    magnitude = abs(value)
    if value == 0 or 1e-3 <= magnitude < 1e7:
        return repr(float(value))
    mantissa, _, exponent = f"{value:e}".partition("e")
    shortest = repr(float(value))
    if "e" in shortest:
        mantissa = shortest.partition("e")[0]
    else:
        digits = shortest.lstrip("-").replace(".", "").strip("0") or "0"
        mantissa = ("-" if value < 0 else "") + digits[0] + "." + (digits[1:] or "0")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def texts(node: JsonNode) -> list[str]:
    """One text or a list of texts."""
    return [to_text(item) for item in node.items] if node.kind == "array" else [to_text(node)]


def options(clause: str, node: JsonNode, known: Iterable[str]) -> dict[str, JsonNode]:
    """The members of a clause's object; one that is not known is `[clause] query does not support [key]`."""
    allowed = frozenset(known)
    for key, value, _, _ in node.members:
        if key not in allowed:
            refuse(f"[{clause}] query does not support [{key}]", value)
    return {key: value for key, value, _, _ in node.members}


def members(node: JsonNode) -> Mapping[str, JsonNode]:
    return {key: value for key, value, _, _ in node.members}
