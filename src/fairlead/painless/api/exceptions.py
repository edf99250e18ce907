"""Exceptions that scripts can make and catch; their classes are listed in `painless.errors`. Spec 04 section 13.1."""

from __future__ import annotations

from typing import Any

from fairlead.painless.errors import EXCEPTIONS, ExceptionClass, Thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.values import Array
from fairlead.painless.types import ClassRows, Row, needed


def _maker(kind: ExceptionClass) -> tuple[Row, ...]:
    if not kind.allowed:
        return ()
    name = kind.name
    return (
        Row(f"{name} new()", lambda m: Thrown(kind, None)),
        Row(f"{name} new(String)", lambda m, message: Thrown(kind, message)),
    )


def _stack_trace(meter: Meter, value: Any) -> Array:
    """Empty: there are no Java frames, and none of ours may show."""
    return Array(needed("Object[]"), [])


_MEMBERS = (
    Row("String getMessage()", lambda m, e: e.message),
    Row("String getLocalizedMessage()", lambda m, e: e.message),
    Row("Object[] getStackTrace()", _stack_trace),
    Row("String toString()", lambda m, e: m.made(str(e))),
)

_SCRIPT_VISIBLE = [kind for kind in EXCEPTIONS.values() if kind.allowed]

TABLES = tuple(
    ClassRows(
        kind.name,
        () if kind.parent == "Throwable" else (EXCEPTIONS[kind.parent or ""].name,),
        _MEMBERS if kind.parent == "Throwable" else (),
        _maker(kind),
    )
    for kind in _SCRIPT_VISIBLE
)
