"""Conversions between types at run time: boxing, casts of the language, and casts that a JVM call site does itself.

Spec 04 section 6. "Java value" means boxed (Long, Float, Char ...); an unboxed primitive is a plain int, float or bool.
Functions that cannot fail are simple; those that can raise class_cast_exception with the original's words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fairlead.java.text import signed32, signed64, to_float32
from fairlead.painless.errors import Thrown, class_cast, illegal_argument, is_subclass, null_pointer
from fairlead.painless.runtime.arithmetic import narrow_box, to_int, to_long
from fairlead.painless.runtime.bignum import BigDecimal
from fairlead.painless.runtime.equality import jvm_cast_text
from fairlead.painless.runtime.text import class_name, def_name
from fairlead.painless.runtime.values import (
    Array,
    BigInteger,
    Byte,
    Char,
    Float,
    Function,
    Long,
    Optional,
    Short,
    Stream,
)
from fairlead.painless.types import (
    BOOLEAN,
    BYTE,
    CHAR,
    DEF,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    OBJECT,
    SHORT,
    VOID,
    Type,
    needed,
    type_of,
    unboxed,
)

Conversion = Callable[[Any], Any]

_BOX_CLASS: dict[Type, type] = {
    BYTE: Byte,
    SHORT: Short,
    CHAR: Char,
    INT: int,
    LONG: Long,
    FLOAT: Float,
    DOUBLE: float,
}
_BOXES = frozenset({int, Long, Short, Byte, Char, Float, float})
_WIDENS: dict[Type, frozenset[type]] = {
    BYTE: frozenset({Byte}),
    SHORT: frozenset({Byte, Short}),
    CHAR: frozenset({Char}),
    INT: frozenset({Byte, Short, Char, int}),
    LONG: frozenset({Byte, Short, Char, int, Long}),
    FLOAT: frozenset({Byte, Short, Char, int, Long, Float}),
    DOUBLE: frozenset({Byte, Short, Char, int, Long, Float, float}),
}

BOXERS: dict[Type, Conversion] = {LONG: Long, FLOAT: Float, BYTE: Byte, SHORT: Short, CHAR: Char}
"""How an unboxed primitive becomes a Java value; types that are not here are their own box."""


def boxer(kind: Type) -> Conversion | None:
    """None when unboxed and boxed are the same."""
    return BOXERS.get(kind)


def unbox(value: Any) -> Any:
    """A Java value as its plain Python number."""
    kind = type(value)
    if kind is float or kind is Float:
        return float(value)
    return value if kind is bool or kind is int else int(value)


_NARROW: dict[Type, Conversion] = {
    BYTE: lambda n: ((n + 0x80) & 0xFF) - 0x80,
    SHORT: lambda n: ((n + 0x8000) & 0xFFFF) - 0x8000,
    CHAR: lambda n: n & 0xFFFF,
    INT: signed32,
    LONG: signed64,
}


def narrowing(source: Type, target: Type) -> Conversion | None:
    """A conversion between unboxed numeric primitives, by Java's rules; None when nothing changes."""
    if source is target:
        return None
    if target is DOUBLE:
        return float if source.rank < FLOAT.rank else None
    if target is FLOAT:
        return to_float32
    if source.rank >= FLOAT.rank:
        if target is LONG:
            return to_long
        if target is INT:
            return to_int
        cut = _NARROW[target]
        return lambda x: cut(to_int(x))
    if _widens(source, target):
        return None
    return _NARROW[target]


def _widens(source: Type, target: Type) -> bool:
    if target is CHAR or source is CHAR:
        return source is target or (source is CHAR and target.rank >= INT.rank)
    return source.rank <= target.rank


def widens(source: Type, target: Type) -> bool:
    """Whether a numeric primitive converts to another without a cast."""
    return source.numeric and target.numeric and _widens(source, target)


# Classes of values ----------------------------------------------------------------------------------------------------


def class_of(value: Any) -> Type:
    """The class of a non-null Java value, for looking up its methods."""
    kind = type(value)
    if kind is Array:
        found: Type = value.kind
        return found
    if kind is Thrown:
        return _thrown_type(value.kind.simple)
    if kind is Function or kind is Stream or kind is Optional:
        return needed(value.kind)
    try:
        return type_of(kind)
    except KeyError:
        # Somebody passed a Python value that is none of the model's: nothing can be done with it.
        raise illegal_argument("a value in params is of no kind that scripts know") from None


@cache
def _thrown_type(simple: str) -> Type:
    from_table: str | None = simple
    while from_table is not None:
        try:
            return needed(from_table)
        except LookupError:
            from_table = _parent(from_table)
    return OBJECT


def _parent(simple: str) -> str | None:
    for name in ("IllegalArgumentException", "RuntimeException", "Exception"):
        if simple != name and is_subclass(simple, name):
            return name
    return None


def instance_of(value: Any, target: Type) -> bool:
    """`value instanceof target` for a reference type."""
    if value is None:
        return False
    if target is OBJECT or target is DEF:
        return True
    if type(value) is Array:
        kind: Type = value.kind
        return kind.subclass_of(target)
    return class_of(value).subclass_of(target)


# Casts of the language ------------------------------------------------------------------------------------------------


def def_to_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if value is None:
        raise null_pointer('Cannot invoke "Object.getClass()" because "value" is null')
    raise class_cast(f"cannot cast def [{def_name(value)}] to boolean")


@cache
def def_to(target: Type, explicit: bool) -> Conversion:
    """A Java value to `target` (unboxed when primitive) by the language's own rules (spec 6.3)."""
    if target is BOOLEAN:
        return def_to_boolean
    if target.numeric:
        return _explicit(target) if explicit else _implicit(target)
    box = unboxed(target)
    if box is not None and box.numeric:
        return _to_box(target, box, explicit)
    if target is DEF or target is OBJECT:
        return _same
    if target.name == "java.lang.String":
        return _explicit_string if explicit else _implicit_string
    return checked(target)


def _same(value: Any) -> Any:
    return value


def _implicit(target: Type) -> Conversion:
    accepted = _WIDENS[target]
    make = float if target.rank >= FLOAT.rank else int
    single = target is FLOAT

    def run(value: Any) -> Any:
        if type(value) in accepted:
            return to_float32(value) if single else make(value)
        if value is None:
            raise null_pointer(None)
        raise class_cast(f"cannot implicitly cast def [{def_name(value)}] to {target.name}")

    return run


def _explicit(target: Type) -> Conversion:
    box = _BOX_CLASS[target]

    def run(value: Any) -> Any:
        if type(value) in _BOXES:
            return unbox(narrow_box(value, box))
        if value is None:
            raise null_pointer(None)
        if type(value) is str and target is CHAR:
            return string_to_char(value)
        if type(value) is BigDecimal or type(value) is BigInteger:
            return unbox(narrow_box(value, box))
        raise class_cast(f"cannot explicitly cast def [{def_name(value)}] to {target.name}")

    return run


def string_to_char(value: str) -> int:
    if len(value) == 1 and value <= "\uffff":
        return ord(value)
    raise class_cast("cannot cast java.lang.String with length not equal to one to char")


def _to_box(target: Type, primitive: Type, explicit: bool) -> Conversion:
    accepted = _BOXES if explicit else _WIDENS[primitive]
    word = "explicitly" if explicit else "implicitly"
    box = _BOX_CLASS[primitive]

    def run(value: Any) -> Any:
        if value is None or type(value) is box:
            return value
        if type(value) in accepted:
            return narrow_box(value, box)
        raise class_cast(f"cannot {word} cast def [{def_name(value)}] to {target.name}")

    return run


def _implicit_string(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
    raise class_cast(f"cannot implicitly cast def [{def_name(value)}] to java.lang.String")


def _explicit_string(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
    if type(value) is Char:
        return chr(value)
    raise class_cast(f"cannot explicitly cast def [{def_name(value)}] to java.lang.String")


@cache
def checked(target: Type) -> Conversion:
    """The JVM's checkcast to a class."""

    def run(value: Any) -> Any:
        if value is None or instance_of(value, target):
            return value
        raise class_cast(jvm_cast_text(class_name(value), target.name))

    return run


# Casts of a JVM call site ---------------------------------------------------------------------------------------------


def jvm_to(target: Type) -> Conversion | None:
    """A Java value to `target` as a call site of the JVM converts its result or argument; None when nothing to do."""
    if target is DEF or target is OBJECT or target is VOID:
        return None
    if target.primitive:
        return _jvm_unbox(target)
    return _jvm_class(target)


@cache
def _jvm_class(target: Type) -> Conversion:
    def run(value: Any) -> Any:
        if value is None or instance_of(value, target):
            return value
        raise class_cast(f"Cannot cast {class_name(value)} to {target.name}")

    return run


@cache
def _jvm_unbox(target: Type) -> Conversion:
    accepted = _WIDENS.get(target, frozenset({bool}))
    single = target is FLOAT
    make: Conversion = float if target.rank >= FLOAT.rank else bool if target is BOOLEAN else int
    reader = {BOOLEAN: "intValue", CHAR: "intValue"}.get(target, f"{target.name}Value")

    def run(value: Any) -> Any:
        kind = type(value)
        if kind in accepted:
            return to_float32(value) if single else make(value)
        if value is None:
            raise null_pointer(
                f'Cannot invoke "java.lang.Number.{reader}()" because the return value of '
                '"sun.invoke.util.ValueConversions.primitiveConversion(sun.invoke.util.Wrapper, Object, boolean)" is null'
            )
        if kind in _BOXES or kind is bool or kind is BigDecimal or kind is BigInteger:
            raise class_cast(f"Cannot cast {class_name(value)} to {target.box.name}")
        raise class_cast(jvm_cast_text(class_name(value), "java.lang.Number"))

    return run


def adapts(source: Type, target: Type) -> bool:
    """Whether a method handle can be adapted from `source` to `target` at all; casts may still fail (`asType`)."""
    if target is VOID:
        return True
    if source is VOID:
        return not target.primitive
    if source.primitive and target.primitive:
        return source is target or widens(source, target)
    if source.primitive:
        return target is DEF or source.box.subclass_of(target)
    if target.primitive:
        primitive = unboxed(source)
        if primitive is not None:
            return primitive is target or widens(primitive, target)
        return source is DEF or source is OBJECT or source.name in ("java.lang.Number", "java.lang.Comparable")
    return True


def adapter(source: Type, target: Type) -> Conversion | None:
    """How an argument of static type `source` reaches a parameter of type `target` through a def call."""
    if source.primitive:
        if target.primitive:
            return narrowing(source, target) if source.numeric else None
        return boxer(source)
    return jvm_to(target)
