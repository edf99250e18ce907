"""The conditions of a conditional step: one text each, compiled to a predicate over a value. Nothing here fails."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from fairlead.engine.processors.config import to_text
from fairlead.java.json import JsonFault
from fairlead.java.regex import JavaPattern, PatternFault, compile_java

Condition: TypeAlias = Callable[[Any], bool]

TOLERANCE = 1e-10
"""How far apart two numbers may be that `==` takes for equal."""

_ABSENT = ("null", "not_exists")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?\s*")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": lambda one, other: abs(one - other) < TOLERANCE,
    ">": operator.gt,
    "<": operator.lt,
}


def compile_condition(text: str) -> Condition:
    """The predicate for one route's condition. May raise RegexTimeout when called, nothing else."""
    if text in _ABSENT:
        return _is_absent
    if text == "exists":
        return lambda value: not _is_absent(value)
    tests = [test for test in (_equality(text), _comparison(text), _matching(text), _containing(text)) if test]

    def holds(value: Any) -> bool:
        if _is_absent(value):
            return False
        try:
            shown = to_text(value)
        except JsonFault:
            return False
        return any(test(shown) for test in tests)

    return holds


def _is_absent(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and value.strip() == "[]")


def _number(text: str) -> float | None:
    return float(text) if len(text) < 400 and _NUMBER.fullmatch(text) else None


def _equality(text: str) -> Callable[[str], bool]:
    return lambda shown: shown == text


def _comparison(text: str) -> Callable[[str], bool] | None:
    sign = text[:2] if text[:2] in _COMPARISONS else text[:1]
    compare = _COMPARISONS.get(sign)
    bound = _number(text[len(sign) :])
    if compare is None or bound is None:
        return None

    def test(shown: str) -> bool:
        number = _number(shown)
        return number is not None and compare(number, bound)

    return test


def _matching(text: str) -> Callable[[str], bool] | None:
    if not text.startswith("regex:"):
        return None
    try:
        pattern: JavaPattern = compile_java(text[6:])
    except PatternFault:
        return None
    return lambda shown: pattern.fullmatch(shown) is not None


def _containing(text: str) -> Callable[[str], bool] | None:
    return (lambda shown: text[9:] in shown) if text.startswith("contains:") else None
