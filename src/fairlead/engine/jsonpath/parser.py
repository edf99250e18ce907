"""Path text to nodes, with Jayway's grammar, its leniency and its messages. It evaluates nothing."""

from __future__ import annotations

import re

from fairlead.engine.jsonpath.filters import OPERATORS
from fairlead.engine.jsonpath.functions import FUNCTIONS
from fairlead.engine.jsonpath.lexer import Cursor
from fairlead.engine.jsonpath.nodes import (
    Call,
    Comparison,
    Condition,
    Exists,
    Filter,
    Index,
    Joined,
    Junction,
    Literal,
    Not,
    Operand,
    PathNode,
    Pattern,
    Property,
    Scan,
    Slice,
    Token,
    Wildcard,
)
from fairlead.errors import IllegalArgument

MAX_LENGTH = 10_000
MAX_NESTING = 40
_MAX_INT = 2**31

_ENDS_INSIDE = frozenset(" =<>!~&|,)]")
"""What ends a dotted name inside a filter or an argument list; outside these are part of a name."""

_INTEGER = re.compile(r"-?[0-9]+")
_WORD = re.compile(r"[A-Za-z]+")
_SYMBOLS = ("===", "!==", "==", "!=", ">=", "<=", "=~", ">", "<")


def parse_path(text: str) -> PathNode:
    """Parse a whole path; the leading `$.` may be left out. Raises InvalidPath, IllegalArgument for an empty text."""
    if not text:
        raise IllegalArgument("path can not be null or empty")
    cursor = Cursor(text if text[0] in "$@" else "$." + text)
    if len(text) > MAX_LENGTH:
        cursor.fail(f"Path is longer than {MAX_LENGTH} characters")
    cursor.text = cursor.text.rstrip()
    if cursor.text.endswith("."):
        cursor.fail("Path must not end with a '.' or '..'")
    return _inverted(_path(cursor, inside=False))


def _inverted(path: PathNode) -> PathNode:
    """`$..x.sum()` sums over all hits: Jayway reads it as `$.sum($..x)`."""
    if len(path.tokens) < 2 or not isinstance(path.tokens[0], Scan) or not isinstance(path.tokens[-1], Call):
        return path
    call = path.tokens[-1]
    scanned = PathNode(path.root, path.tokens[:-1])
    return PathNode(path.root, (Call(call.name, (scanned, *call.arguments)),))


def _path(cursor: Cursor, inside: bool) -> PathNode:
    cursor.depth += 1
    if cursor.depth > MAX_NESTING:
        cursor.fail("Path nested too deep")
    root = cursor.peek()
    cursor.at += 1
    tokens: list[Token] = []
    first = cursor.peek()
    if first and first not in ".[" and not (inside and first in _ENDS_INSIDE):
        cursor.fail(f"Illegal character at position {cursor.at} expected '.' or '['")
    while (char := cursor.peek()) == "." or char == "[":
        if char == "[" and cursor.at == len(cursor.text) - 1 and not inside and tokens and tokens[-1] != Scan():
            cursor.at += 1  # an unclosed bracket at the very end is read over
            break
        if char == "[":
            tokens.append(_bracket(cursor))
        else:
            _dotted(cursor, tokens, inside)
        if isinstance(tokens[-1], Call):
            break
    # Text that follows a bracket without a dot is read over, as Jayway does; after a function nothing may follow.
    if tokens and isinstance(tokens[-1], Call):
        if cursor.peek() and not (inside and cursor.peek() in _ENDS_INSIDE):
            cursor.fail(f"A function ends a path, position {cursor.at}")
    elif not inside:
        cursor.at = len(cursor.text)
    cursor.depth -= 1
    return PathNode(root, tuple(tokens))


def _dotted(cursor: Cursor, tokens: list[Token], inside: bool) -> None:
    cursor.at += 1
    if cursor.peek() == ".":
        cursor.at += 1
        tokens.append(Scan())
    char = cursor.peek()
    if char == ".":
        cursor.fail(f"Character '.' on position {cursor.at} is not valid.")
    if char == "[":
        if cursor.at == len(cursor.text) - 1:
            cursor.fail(f"Could not parse token starting at position {cursor.at}. Expected ?, ', 0-9, * ")
        tokens.append(_bracket(cursor))
    elif char == "*":
        cursor.at += 1
        tokens.append(Wildcard())
    elif not char or char == " ":
        cursor.fail(f"Could not parse token starting at position {cursor.at}")
    else:
        token = _name(cursor, inside)
        if isinstance(token, Call) and tokens and isinstance(tokens[-1], Scan):
            cursor.fail("Current path token is a leaf")
        tokens.append(token)


def _name(cursor: Cursor, inside: bool) -> Token:
    start = cursor.at
    while char := cursor.peek():
        if char in ".[" or (inside and char in _ENDS_INSIDE):
            break
        if char == "(":
            return _call(cursor, cursor.text[start : cursor.at])
        if char == " ":
            cursor.fail(f"Use bracket notion ['my prop'] if your property contains blank characters. position: {start}")
        cursor.at += 1
    if cursor.at == start:
        cursor.fail(f"Could not parse token starting at position {start}")
    return Property((cursor.text[start : cursor.at],))


def _call(cursor: Cursor, name: str) -> Call:
    if name not in FUNCTIONS:
        cursor.fail(f"Function with name: {name} does not exist.")
    cursor.at += 1
    arguments: list[Literal | PathNode] = []
    while (char := cursor.skip_spaces()) != ")":
        if not char:
            cursor.fail(f"Arguments to function: '{name}' are not closed properly.")
        if char == ",":
            cursor.at += 1
        elif char in "$@":
            arguments.append(_path(cursor, inside=True))
        else:
            operand = _literal(cursor, char)
            if operand is None:
                cursor.fail(f"Arguments to function: '{name}' are not closed properly.")
            arguments.append(operand)
    cursor.at += 1
    return Call(name, tuple(arguments))


def _bracket(cursor: Cursor) -> Token:
    """The token from `[` to `]`."""
    start = cursor.at
    cursor.at += 1
    char = cursor.skip_spaces()
    if char and char in "'\"":
        return _names(cursor)
    if char == "*":
        cursor.at += 1
        if cursor.skip_spaces() != "]":
            cursor.fail(f"Expected wildcard token to end with ']' on position {cursor.at}")
        cursor.at += 1
        return Wildcard()
    if char == "?":
        return _filter(cursor, start)
    end = cursor.text.find("]", cursor.at)
    body = cursor.text[cursor.at : end].strip() if end >= 0 else ""
    if not body or not set(body) <= set("0123456789-:, ") or body[0] == ",":
        cursor.fail(f"Could not parse token starting at position {start}. Expected ?, ', 0-9, * ")
    cursor.at = end + 1
    return _slice(cursor, body) if ":" in body else _indexes(cursor, body)


def _indexes(cursor: Cursor, body: str) -> Index:
    indexes: list[int] = []
    for part in body.split(","):
        shown = part.strip()
        if not _INTEGER.fullmatch(shown) or not -_MAX_INT <= int(shown[:12]) < _MAX_INT:
            cursor.fail(f"Failed to parse token in ArrayIndexOperation: {part}")
        indexes.append(int(shown))
    return Index(tuple(indexes))


def _slice(cursor: Cursor, body: str) -> Slice:
    """`start:stop`; a third part is read over, as Jayway does."""
    bounds: list[int | None] = []
    for part in body.split(":")[:2]:
        if part and (not _INTEGER.fullmatch(part) or not -_MAX_INT <= int(part[:12]) < _MAX_INT):
            cursor.fail(f"Failed to parse SliceOperation: {body}")
        bounds.append(int(part) if part else None)
    if bounds == [None, None]:
        cursor.fail(f"Failed to parse SliceOperation: {body}")
    return Slice(bounds[0], bounds[1])


def _names(cursor: Cursor) -> Property:
    quote = cursor.peek()
    names: list[str] = []
    while True:
        char = cursor.skip_spaces()
        if not char or char not in "'\"":
            cursor.fail(f"Found empty property at index {cursor.at}")
        names.append(cursor.quoted())
        char = cursor.skip_spaces()
        if char == "]":
            cursor.at += 1
            return Property(tuple(names), quote)
        if char != ",":
            cursor.fail(
                "Property must be separated by comma or Property must be terminated close square bracket"
                f" at index {cursor.at}"
            )
        cursor.at += 1


def _filter(cursor: Cursor, start: int) -> Filter:
    cursor.at += 1
    if cursor.skip_spaces() in ("]", ","):
        cursor.fail(f"Not enough predicates supplied for filter [?] at position {start}")
    if cursor.peek() != "(":
        cursor.fail(f"Could not parse token starting at position {start}. Expected ?, ', 0-9, * ")
    cursor.at += 1
    condition = _or(cursor)
    cursor.expect(")")
    if cursor.skip_spaces() != "]":
        cursor.fail(f"Could not parse token starting at position {start}. Expected ?, ', 0-9, * ")
    cursor.at += 1
    return Filter(condition)


def _or(cursor: Cursor) -> Condition:
    return _joined(cursor, Junction.OR)


def _joined(cursor: Cursor, junction: Junction) -> Condition:
    operands: list[Condition] = []
    while True:
        operands.append(_joined(cursor, Junction.AND) if junction is Junction.OR else _term(cursor))
        cursor.skip_spaces()
        if not cursor.take(junction.value):
            return operands[0] if len(operands) == 1 else Joined(junction, tuple(operands))


def _term(cursor: Cursor) -> Condition:
    cursor.depth += 1
    if cursor.depth > MAX_NESTING:
        cursor.fail("Filter nested too deep")
    try:
        negated = False
        while cursor.skip_spaces() == "!":
            cursor.at += 1
            negated = not negated
        if cursor.peek() == "(":
            cursor.at += 1
            condition = _or(cursor)
            cursor.expect(")")
            return Not(condition) if negated else condition
        return _expression(cursor, negated)
    finally:
        cursor.depth -= 1


def _expression(cursor: Cursor, negated: bool) -> Condition:
    left = _operand(cursor)
    operator = _operator(cursor)
    if operator is None:
        if not isinstance(left, PathNode):
            cursor.fail("Expected path node")
        return Exists(left, not negated)
    # Jayway forgets a `!` before a path that an operator follows.
    comparison = Comparison(left, operator, _operand(cursor))
    return comparison if not negated or isinstance(left, PathNode) else Not(comparison)


def _operator(cursor: Cursor) -> str | None:
    cursor.skip_spaces()
    for symbol in _SYMBOLS:
        if cursor.take(symbol):
            return symbol
    word = _WORD.match(cursor.text, cursor.at)
    if word is None or word.group().upper() not in OPERATORS:
        return None
    cursor.at = word.end()
    return word.group().upper()


def _operand(cursor: Cursor) -> Operand:
    char = cursor.skip_spaces()
    if char and char in "$@":
        return _path(cursor, inside=True)
    if char == "/":
        return Pattern(*cursor.regex())
    operand = _literal(cursor, char)
    if operand is None:
        cursor.fail(f"Failed to parse filter: {cursor.text}, error on position: {cursor.at}, char: {char}")
    return operand


_WORDS = {"true": True, "false": False, "null": None}


def _literal(cursor: Cursor, char: str) -> Literal | None:
    if not char:
        return None
    if char in "'\"":
        return Literal(cursor.quoted())
    if char in "[{":
        return Literal(cursor.json())
    if char in "-.0123456789":
        number = cursor.number()
        return Literal(number.value, number.text)
    for word, value in _WORDS.items():
        if cursor.take(word):
            return Literal(value)
    return None
