"""Filter conditions as predicates: operators are rows of one table. A comparison of unlike kinds is false, never a fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from fairlead.engine.jsonpath.functions import text_of
from fairlead.engine.jsonpath.nodes import (
    Comparison,
    Condition,
    Exists,
    Joined,
    Junction,
    Literal,
    Not,
    Operand,
    PathNode,
    Pattern,
)
from fairlead.errors import InvalidPath
from fairlead.java.json import JsonFault
from fairlead.java.regex import JavaPattern, PatternFault, compile_java

Predicate: TypeAlias = Callable[[Any, Any], bool]
"""Takes the item and the root of the document."""

Lookup: TypeAlias = Callable[[Any, Any], Any]
"""Gives a path's value for item and root, or UNDEFINED."""


class _Undefined:
    __slots__ = ()


UNDEFINED = _Undefined()
"""The value of a path that leads nowhere."""

_NUMERIC = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Written:
    """A number literal with its text, because a string is compared with that."""

    value: int | float
    text: str


def _number(value: Any) -> int | float | None:
    if isinstance(value, Written):
        return value.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return None


def _number_text(value: Any) -> str:
    return value.text if isinstance(value, Written) else text_of(value)


def _equal(left: Any, right: Any) -> bool:
    """Jayway's `==`: a number on the left makes a number of the text on the right; on the right it becomes text."""
    if left is UNDEFINED or right is UNDEFINED:
        return False
    first, second = _number(left), _number(right)
    if first is not None:
        if isinstance(right, str):
            return _NUMERIC.fullmatch(right) is not None and len(right) < 400 and float(right) == first
        return second is not None and first == second
    if second is not None:
        return isinstance(left, str) and left == _number_text(right)
    return _same(left, right)


def _same(left: Any, right: Any) -> bool:
    """Deep equality that keeps true and 1 apart; a stack of its own, for documents of any depth."""
    stack = [(left, right)]
    while stack:
        one, other = stack.pop()
        if isinstance(one, dict):
            if not isinstance(other, dict) or one.keys() != other.keys():
                return False
            stack.extend((value, other[key]) for key, value in one.items())
        elif isinstance(one, list):
            if not isinstance(other, list) or len(one) != len(other):
                return False
            stack.extend(zip(one, other, strict=True))
        elif isinstance(one, bool) is not isinstance(other, bool) or one != other:
            return False
    return True


def _identical(left: Any, right: Any) -> bool:
    if left is UNDEFINED or right is UNDEFINED:
        return False
    if (_number(left) is None) is not (_number(right) is None):
        return False
    return _equal(left, right)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """`<` and its kin: two numbers or two strings."""

    def compare(left: Any, right: Any) -> bool:
        first, second = _number(left), _number(right)
        if first is not None and second is not None:
            return test(first, second)
        return isinstance(left, str) and isinstance(right, str) and test(left, right)

    return compare


def _in(left: Any, right: Any) -> bool:
    return left is not UNDEFINED and isinstance(right, list) and any(_equal(left, item) for item in right)


def _not_in(left: Any, right: Any) -> bool:
    return isinstance(right, list) and not _in(left, right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return isinstance(left, list) and any(_equal(item, right) for item in left)


def _size(left: Any, right: Any) -> bool:
    return isinstance(left, (list, str)) and _number(right) == len(left)


def _empty(left: Any, right: Any) -> bool:
    return isinstance(left, (list, str, dict)) and isinstance(right, bool) and (not left) is right


def _lists(test: Callable[[list[Any], list[Any]], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        return isinstance(left, list) and isinstance(right, list) and test(left, right)

    return compare


def _matches(left: Any, right: Any) -> bool:
    """Either side may be the pattern; it must match the whole text, of a list any item's."""
    pattern, value = (right, left) if isinstance(right, JavaPattern) else (left, right)
    if not isinstance(pattern, JavaPattern) or value is UNDEFINED or isinstance(value, JavaPattern):
        return False
    for item in value if isinstance(value, list) else (value,):
        try:
            text = _number_text(item)
        except JsonFault:
            continue
        if pattern.fullmatch(text) is not None:
            return True
    return False


def _never(left: Any, right: Any) -> bool:
    return False


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "===": _identical,
    "!==": lambda left, right: not _identical(left, right),
    "<": _ordered(lambda a, b: bool(a < b)),
    "<=": _ordered(lambda a, b: bool(a <= b)),
    ">": _ordered(lambda a, b: bool(a > b)),
    ">=": _ordered(lambda a, b: bool(a >= b)),
    "=~": _matches,
    "IN": _in,
    "NIN": _not_in,
    "CONTAINS": _contains,
    "SIZE": _size,
    "EMPTY": _empty,
    "SUBSETOF": _lists(lambda left, right: all(_in(item, right) for item in left)),
    "ANYOF": _lists(lambda left, right: any(_in(item, right) for item in left)),
    "NONEOF": _lists(lambda left, right: not any(_in(item, right) for item in left)),
    # Jayway's grammar has these words, but in a path text they hold for nothing.
    **dict.fromkeys(("ALL", "TYPE", "MATCHES", "EXISTS"), _never),
}


def compile_condition(condition: Condition, lookup: Callable[[PathNode, bool], Lookup]) -> Predicate:
    """A predicate for a condition; `lookup(path, every)` compiles a path, `every` asks for all names of a union."""
    if isinstance(condition, Exists):
        find, wanted = lookup(condition.path, True), condition.wanted
        return lambda item, root: (find(item, root) is not UNDEFINED) is wanted
    if isinstance(condition, Not):
        inner = compile_condition(condition.operand, lookup)
        return lambda item, root: not inner(item, root)
    if isinstance(condition, Joined):
        parts = tuple(compile_condition(operand, lookup) for operand in condition.operands)
        if condition.junction is Junction.AND:
            return lambda item, root: all(part(item, root) for part in parts)
        return lambda item, root: any(part(item, root) for part in parts)
    return _comparison(condition, lookup)


def _comparison(condition: Comparison, lookup: Callable[[PathNode, bool], Lookup]) -> Predicate:
    test = OPERATORS[condition.operator]
    left, right = _operand(condition.left, lookup), _operand(condition.right, lookup)
    if isinstance(condition.right, PathNode):
        return lambda item, root: test(left(item, root), right(item, root))
    constant = right(None, None)
    return lambda item, root: test(left(item, root), constant)


def _operand(operand: Operand, lookup: Callable[[PathNode, bool], Lookup]) -> Lookup:
    if isinstance(operand, PathNode):
        return lookup(operand, False)
    value: Any = _pattern(operand) if isinstance(operand, Pattern) else _constant(operand)
    return lambda item, root: value


def _constant(literal: Literal) -> Any:
    return literal.value if literal.text is None else Written(literal.value, literal.text)


def _pattern(pattern: Pattern) -> JavaPattern:
    try:
        return compile_java(f"(?{pattern.flags}){pattern.body}" if pattern.flags else pattern.body)
    except PatternFault as fault:
        raise InvalidPath(f"Invalid regex pattern: {pattern.body}") from fault
