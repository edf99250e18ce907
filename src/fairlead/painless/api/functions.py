"""The functional interfaces of java.util.function and Comparator, with their own methods. Spec 04 section 12.4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless.errors import null_pointer
from fairlead.painless.runtime.equality import compare, compare_doubles, equals
from fairlead.painless.runtime.values import Function
from fairlead.painless.types import ClassRows, Row

_PACKAGE = "java.util.function."


def _invoke(m: Any, f: Function, *values: Any) -> Any:
    return f.call(*values)


def made(kind: str, call: Callable[..., Any]) -> Function:
    return Function(kind, call)


def _and_then(kind: str) -> Callable[..., Function]:
    def run(m: Any, f: Function, g: Function) -> Function:
        first, second = f.call, g.call
        return Function(kind, lambda *values: second(first(*values)))

    return run


def _both(kind: str) -> Callable[..., Function]:
    """Consumers: one after the other on the same arguments."""

    def run(m: Any, f: Function, g: Function) -> Function:
        def call(*values: Any) -> None:
            f.call(*values)
            g.call(*values)

        return Function(kind, call)

    return run


def _compose(kind: str) -> Callable[..., Function]:
    def run(m: Any, f: Function, g: Function) -> Function:
        return Function(kind, lambda *values: f.call(g.call(*values)))

    return run


def _logical(kind: str) -> tuple[Row, ...]:
    return (
        Row(f"{kind} and({kind})", lambda m, f, g: Function(kind, lambda *v: f.call(*v) and g.call(*v))),
        Row(f"{kind} or({kind})", lambda m, f, g: Function(kind, lambda *v: f.call(*v) or g.call(*v))),
        Row(f"{kind} negate()", lambda m, f: Function(kind, lambda *v: not f.call(*v))),
    )


def _extra(kind: str) -> tuple[Row, ...]:
    if kind.endswith("Predicate"):
        return _logical(kind)
    if kind.endswith("Consumer") and not kind.startswith("Obj"):
        return (Row(f"{kind} andThen({kind})", _both(kind)),)
    if kind == "BiFunction":
        return (Row("BiFunction andThen(Function)", _and_then(kind)),)
    if kind in ("Function", "UnaryOperator"):
        return (
            Row("Function andThen(Function)", _and_then("Function")),
            Row("Function compose(Function)", _compose("Function")),
        )
    if kind in ("IntUnaryOperator", "LongUnaryOperator", "DoubleUnaryOperator"):
        return (Row(f"{kind} andThen({kind})", _and_then(kind)), Row(f"{kind} compose({kind})", _compose(kind)))
    return ()


def _identity(kind: str) -> Row:
    return Row(f"{kind} identity()", lambda m: Function(kind, lambda x: x), static=True)


# Interface, its one method; `def` is a type parameter.
_INTERFACES = (
    ("BiConsumer", "void accept(def,def)"),
    ("BiFunction", "def apply(def,def)"),
    ("BiPredicate", "boolean test(def,def)"),
    ("BinaryOperator", "def apply(def,def)"),
    ("BooleanSupplier", "boolean getAsBoolean()"),
    ("Consumer", "void accept(def)"),
    ("DoubleBinaryOperator", "double applyAsDouble(double,double)"),
    ("DoubleConsumer", "void accept(double)"),
    ("DoubleFunction", "def apply(double)"),
    ("DoublePredicate", "boolean test(double)"),
    ("DoubleSupplier", "double getAsDouble()"),
    ("DoubleToIntFunction", "int applyAsInt(double)"),
    ("DoubleToLongFunction", "long applyAsLong(double)"),
    ("DoubleUnaryOperator", "double applyAsDouble(double)"),
    ("Function", "def apply(def)"),
    ("IntBinaryOperator", "int applyAsInt(int,int)"),
    ("IntConsumer", "void accept(int)"),
    ("IntFunction", "def apply(int)"),
    ("IntPredicate", "boolean test(int)"),
    ("IntSupplier", "int getAsInt()"),
    ("IntToDoubleFunction", "double applyAsDouble(int)"),
    ("IntToLongFunction", "long applyAsLong(int)"),
    ("IntUnaryOperator", "int applyAsInt(int)"),
    ("LongBinaryOperator", "long applyAsLong(long,long)"),
    ("LongConsumer", "void accept(long)"),
    ("LongFunction", "def apply(long)"),
    ("LongPredicate", "boolean test(long)"),
    ("LongSupplier", "long getAsLong()"),
    ("LongToDoubleFunction", "double applyAsDouble(long)"),
    ("LongToIntFunction", "int applyAsInt(long)"),
    ("LongUnaryOperator", "long applyAsLong(long)"),
    ("ObjDoubleConsumer", "void accept(def,double)"),
    ("ObjIntConsumer", "void accept(def,int)"),
    ("ObjLongConsumer", "void accept(def,long)"),
    ("Predicate", "boolean test(def)"),
    ("Supplier", "def get()"),
    ("ToDoubleBiFunction", "double applyAsDouble(def,def)"),
    ("ToDoubleFunction", "double applyAsDouble(def)"),
    ("ToIntBiFunction", "int applyAsInt(def,def)"),
    ("ToIntFunction", "int applyAsInt(def)"),
    ("ToLongBiFunction", "long applyAsLong(def,def)"),
    ("ToLongFunction", "long applyAsLong(def)"),
    ("UnaryOperator", "def apply(def)"),
)
_ABOVE = {"BinaryOperator": ("BiFunction",), "UnaryOperator": ("Function",)}


def _by(order: Function | None) -> Callable[[Any, Any], int]:
    return compare if order is None else order.call


def _operator(pick: int) -> Row:
    name = "minBy" if pick < 0 else "maxBy"

    def run(m: Any, order: Function) -> Function:
        def choose(a: Any, b: Any) -> Any:
            sign = order.call(a, b)
            return (a if sign <= 0 else b) if pick < 0 else (a if sign >= 0 else b)

        return Function("BinaryOperator", choose)

    return Row(f"BinaryOperator {name}(Comparator)", run, static=True)


_STATIC: dict[str, tuple[Row, ...]] = {
    "Function": (_identity("Function"),),
    "UnaryOperator": (_identity("UnaryOperator"),),
    "IntUnaryOperator": (_identity("IntUnaryOperator"),),
    "LongUnaryOperator": (_identity("LongUnaryOperator"),),
    "DoubleUnaryOperator": (_identity("DoubleUnaryOperator"),),
    "BinaryOperator": (_operator(-1), _operator(1)),
    "Predicate": (
        Row(
            "Predicate isEqual(def)",
            lambda m, x: Function("Predicate", lambda y: equals(m, x, y)),
            static=True,
        ),
    ),
}


# Comparator -------------------------------------------------------------------------------------------------------------


def comparator(call: Callable[[Any, Any], int]) -> Function:
    return Function("Comparator", call)


def _keyed(key: Function, order: Callable[[Any, Any], int]) -> Callable[[Any, Any], int]:
    pick = key.call

    def call(a: Any, b: Any) -> int:
        x = pick(a)
        return order(x, pick(b))

    return call


def _numbers(a: Any, b: Any) -> int:
    return -1 if a < b else 1 if a > b else 0


def _then(order: Function, other: Callable[[Any, Any], int]) -> Function:
    first = order.call
    return comparator(lambda a, b: first(a, b) or other(a, b))


def _reversed(order: Function) -> Function:
    call = order.call
    return comparator(lambda a, b: call(b, a))


def _nulls(first: int, order: Function | None) -> Function:
    def call(a: Any, b: Any) -> int:
        if a is None or b is None:
            return 0 if a is b else first if a is None else -first
        return 0 if order is None else int(order.call(a, b))

    return comparator(call)


def _reverse_order(a: Any, b: Any) -> int:
    if a is None or b is None:
        raise null_pointer(None)
    return compare(b, a)


def _comparing(name: str, kind: str, order: Callable[[Any, Any], int]) -> tuple[Row, ...]:
    then = "then" + name[0].upper() + name[1:]
    return (
        Row(f"Comparator {name}({kind})", lambda m, key: comparator(_keyed(key, order)), static=True),
        Row(f"Comparator {then}({kind})", lambda m, c, key: _then(c, _keyed(key, order))),
    )


_COMPARATOR = (
    # thenComparing takes a Comparator only: one method a name and number of arguments.
    Row("Comparator comparing(Function)", lambda m, key: comparator(_keyed(key, compare)), static=True),
    *_comparing("comparingInt", "ToIntFunction", _numbers),
    *_comparing("comparingLong", "ToLongFunction", _numbers),
    *_comparing("comparingDouble", "ToDoubleFunction", compare_doubles),
    Row("Comparator comparing(Function,Comparator)", lambda m, k, c: comparator(_keyed(k, c.call)), static=True),
    Row("Comparator naturalOrder()", lambda m: comparator(compare), static=True),
    Row("Comparator reverseOrder()", lambda m: comparator(_reverse_order), static=True),
    Row("Comparator nullsFirst(Comparator)", lambda m, c: _nulls(-1, c), static=True),
    Row("Comparator nullsLast(Comparator)", lambda m, c: _nulls(1, c), static=True),
    Row("int compare(def,def)", _invoke),
    Row("Comparator reversed()", lambda m, c: _reversed(c)),
    Row("Comparator thenComparing(Comparator)", lambda m, c, d: _then(c, d.call)),
    Row("Comparator thenComparing(Function,Comparator)", lambda m, c, k, d: _then(c, _keyed(k, d.call))),
)


def _tables() -> tuple[ClassRows, ...]:
    tables = []
    for name, method in _INTERFACES:
        above = tuple(_PACKAGE + parent for parent in _ABOVE.get(name, ()))
        rows = (Row(method, _invoke), *_extra(name), *_STATIC.get(name, ()))
        tables.append(ClassRows(_PACKAGE + name, above, rows, tier=2, functional=method))
    tables.append(ClassRows("java.util.Comparator", (), _COMPARATOR, tier=2, functional="int compare(def,def)"))
    return tuple(tables)


TABLES = _tables()
