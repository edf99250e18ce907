"""Streams and Collectors: lazy, used once, every element counted. Spec 04 section 15.

Elements of the primitive streams are unboxed; `boxed` and `collect` make Java values of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fairlead.java.text import signed32, signed64
from fairlead.painless.api.collectors import COLLECTORS, Collector
from fairlead.painless.api.reductions import (
    STATISTICS,
    extreme,
    gathered,
    optional,
    reduce,
    reduce_some,
    show_statistics,
    statistics,
    statistics_rows,
)
from fairlead.painless.errors import class_cast, null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.convert import boxer, jvm_to
from fairlead.painless.runtime.equality import jvm_cast_text, key_of, sort
from fairlead.painless.runtime.text import class_name, name_class, print_class
from fairlead.painless.runtime.values import (
    Array,
    Cursor,
    Function,
    Optional,
    Stream,
)
from fairlead.painless.types import DOUBLE, INT, LONG, ClassRows, Row, Type, needed

_KINDS = {"IntStream": INT, "LongStream": LONG, "DoubleStream": DOUBLE}
_PREFIX = {"Stream": "", "IntStream": "Int", "LongStream": "Long", "DoubleStream": "Double"}


def open_stream(meter: Meter, stream: Stream) -> Iterator[Any]:
    """The elements; a second use fails as in Java. Each costs a step."""
    if stream.used:
        raise thrown("IllegalStateException", "stream has already been operated upon or closed")
    stream.used = True
    return _counted(meter, stream.items)


def _counted(meter: Meter, items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        meter.fuel -= 1
        if meter.fuel < 0:
            meter.refuel()
        yield item


def _next_stage(kind: str | None, change: Callable[..., Iterator[Any]]) -> Callable[..., Stream]:
    """An intermediate operation; `kind` None keeps the kind."""

    def run(meter: Meter, stream: Stream, *values: Any) -> Stream:
        return Stream(kind or stream.kind, change(meter, open_stream(meter, stream), *values))

    return run


def _map(meter: Meter, items: Iterator[Any], function: Function) -> Iterator[Any]:
    return map(function.call, items)


def _filter(meter: Meter, items: Iterator[Any], test: Function) -> Iterator[Any]:
    return filter(test.call, items)


def _flat(meter: Meter, items: Iterator[Any], function: Function) -> Iterator[Any]:
    for item in items:
        inner = function.call(item)
        if inner is not None:
            yield from open_stream(meter, inner)


def _peek(meter: Meter, items: Iterator[Any], function: Function) -> Iterator[Any]:
    for item in items:
        function.call(item)
        yield item


def _distinct(meter: Meter, items: Iterator[Any]) -> Iterator[Any]:
    seen = set()
    for item in items:
        key = key_of(meter, item)
        if key not in seen:
            meter.take_elements(1)
            seen.add(key)
            yield item


def _sorted(meter: Meter, items: Iterator[Any], order: Function | None = None) -> Iterator[Any]:
    yield from sort(meter, gathered(meter, items), order.call if order is not None else None)


def _sorted_numbers(meter: Meter, items: Iterator[Any]) -> Iterator[Any]:
    yield from sort(meter, gathered(meter, items), None)


def _limit(meter: Meter, items: Iterator[Any], count: int) -> Iterator[Any]:
    _not_negative(count)
    return itertools.islice(items, count)


def _skip(meter: Meter, items: Iterator[Any], count: int) -> Iterator[Any]:
    _not_negative(count)
    return itertools.islice(items, count, None)


def _not_negative(count: int) -> None:
    if count < 0:
        raise thrown("IllegalArgumentException", str(count))


def _boxed(kind: Type) -> Callable[..., Iterator[Any]]:
    make = boxer(kind)
    return lambda m, items: items if make is None else map(make, items)


def _converted(change: Callable[[Any], Any]) -> Callable[..., Iterator[Any]]:
    return lambda m, items: map(change, items)


# Ends -------------------------------------------------------------------------------------------------------------------


def _end(finish: Callable[..., Any]) -> Callable[..., Any]:
    """A terminal operation."""

    def run(meter: Meter, stream: Stream, *values: Any) -> Any:
        return finish(meter, open_stream(meter, stream), *values)

    return run


def _for_each(meter: Meter, items: Iterator[Any], function: Function) -> None:
    for item in items:
        function.call(item)


def _reduce_combining(meter: Meter, items: Iterator[Any], start: Any, function: Function, _: Function) -> Any:
    return reduce(meter, items, start, function)


def _first(wrap: Callable[[list[Any]], Optional]) -> Callable[..., Optional]:
    return lambda m, items: wrap(list(itertools.islice(items, 1)))


def _count(meter: Meter, items: Iterator[Any]) -> int:
    return sum(1 for _ in items)


def _to_array(kind: str) -> Callable[..., Array]:
    return lambda m, items: Array(needed(kind), gathered(m, items))


def _to_made_array(meter: Meter, items: Iterator[Any], make: Function) -> Array:
    found = gathered(meter, items)
    array: Any = make.call(len(found))
    if type(array) is not Array:
        if array is None:
            raise null_pointer(None)
        raise class_cast(jvm_cast_text(class_name(array), "[Ljava.lang.Object;"))
    change = jvm_to(array.kind.component) if array.kind.component is not None else None
    array.items = found if change is None else [change(item) for item in found]
    return array


def _collect(meter: Meter, items: Iterator[Any], collector: Collector) -> Any:
    return collector.run(meter, items)


def _collect_parts(meter: Meter, items: Iterator[Any], supply: Function, accumulate: Function, _: Function) -> Any:
    made = supply.call()
    for item in items:
        accumulate.call(made, item)
    return made


def _total(kind: Type) -> Callable[[Iterable[Any]], Any]:
    if kind is INT:
        return lambda items: signed32(sum(items))
    if kind is LONG:
        return lambda items: signed64(sum(items))
    return lambda items: float(sum(items))


def _average(meter: Meter, items: Iterator[Any]) -> Optional:
    found = gathered(meter, items)
    return Optional("OptionalDouble", True, sum(found) / len(found)) if found else Optional("OptionalDouble", False)


# Tables -----------------------------------------------------------------------------------------------------------------


def _shared(kind: str) -> tuple[Row, ...]:
    """What all four kinds have, over their own functional interfaces."""
    p = _PREFIX[kind]
    number = {"Int": "int", "Long": "long", "Double": "double", "": "def"}[p]
    make = boxer(_KINDS[kind]) if p else None
    wrap = optional(f"Optional{p}", make)
    some = f"Optional{p}"
    combine = f"{p}BinaryOperator" if p else "BinaryOperator"
    return (
        Row(f"{kind} distinct()", _next_stage(None, _distinct)),
        Row(f"{kind} filter({p}Predicate)", _next_stage(None, _filter)),
        Row(f"{kind} flatMap({p}Function)", _next_stage(None, _flat)),
        Row(f"{kind} limit(long)", _next_stage(None, _limit)),
        Row(f"{kind} skip(long)", _next_stage(None, _skip)),
        Row(f"{kind} peek({p}Consumer)", _next_stage(None, _peek)),
        Row(f"{kind} sequential()", lambda m, s: s),
        Row(f"{kind} sorted()", _next_stage(None, _sorted_numbers if p else _sorted)),
        Row("Iterator iterator()", lambda m, s: Cursor(_as_values(m, s, make), lambda: None)),
        Row(f"boolean anyMatch({p}Predicate)", _end(lambda m, items, t: any(map(t.call, items)))),
        Row(f"boolean allMatch({p}Predicate)", _end(lambda m, items, t: all(map(t.call, items)))),
        Row(f"boolean noneMatch({p}Predicate)", _end(lambda m, items, t: not any(map(t.call, items)))),
        Row("long count()", _end(_count)),
        Row(f"{some} findAny()", _end(_first(wrap))),
        Row(f"{some} findFirst()", _end(_first(wrap))),
        Row(f"void forEach({p}Consumer)", _end(_for_each)),
        Row(f"void forEachOrdered({p}Consumer)", _end(_for_each)),
        Row(f"{some} reduce({combine})", _end(reduce_some(wrap))),
        Row(f"{number} reduce({number},{combine})", _end(reduce)),
        Row(f"{number}[] toArray()", _end(_to_array(f"{number}[]"))),
        Row(f"{kind} empty()", lambda m: Stream(kind, iter(())), static=True),
        Row(f"{kind} concat({kind},{kind})", lambda m, a, b: _concat(m, kind, a, b), static=True),
        Row(f"{kind} of({number}[])", lambda m, array: Stream(kind, iter(_elements(array))), static=True),
    )


def _as_values(meter: Meter, stream: Stream, make: Callable[[Any], Any] | None) -> list[Any]:
    items = gathered(meter, open_stream(meter, stream))
    return items if make is None else [make(item) for item in items]


def _concat(meter: Meter, kind: str, a: Stream, b: Stream) -> Stream:
    return Stream(kind, itertools.chain(open_stream(meter, a), open_stream(meter, b)))


def _elements(array: Any) -> list[Any]:
    if type(array) is not Array:
        if array is None:
            raise null_pointer(None)
        raise class_cast(jvm_cast_text(class_name(array), "[Ljava.lang.Object;"))
    found: list[Any] = array.items
    return found


def _numeric(kind: str) -> tuple[Row, ...]:
    p = _PREFIX[kind]
    number = {"Int": "int", "Long": "long", "Double": "double"}[p]
    wrap = optional(f"Optional{p}", boxer(_KINDS[kind]))
    total = _total(_KINDS[kind])
    return (
        Row("OptionalDouble average()", _end(_average)),
        Row("Stream boxed()", _next_stage("Stream", _boxed(_KINDS[kind]))),
        Row(f"def collect(Supplier,Obj{p}Consumer,BiConsumer)", _end(_collect_parts)),
        Row(f"{kind} map({p}UnaryOperator)", _next_stage(None, _map)),
        Row(f"Stream mapToObj({p}Function)", _next_stage("Stream", _map)),
        Row(f"Optional{p} max()", _end(extreme(1, wrap))),
        Row(f"Optional{p} min()", _end(extreme(-1, wrap))),
        Row(f"{number} sum()", _end(lambda m, items: total(items))),
        Row(f"{p}SummaryStatistics summaryStatistics()", _end(statistics(p))),
    )


def _range(closed: bool) -> Callable[[Meter, int, int], Stream]:
    def run(meter: Meter, start: int, end: int) -> Stream:
        return Stream("IntStream", iter(range(start, end + closed)))

    return run


def _long_range(closed: bool) -> Callable[[Meter, int, int], Stream]:
    def run(meter: Meter, start: int, end: int) -> Stream:
        return Stream("LongStream", iter(range(start, end + closed)))

    return run


_STREAM = (
    Row("def collect(Collector)", _end(_collect)),
    Row("def collect(Supplier,BiConsumer,BiConsumer)", _end(_collect_parts)),
    Row("IntStream flatMapToInt(Function)", _next_stage("IntStream", _flat)),
    Row("LongStream flatMapToLong(Function)", _next_stage("LongStream", _flat)),
    Row("DoubleStream flatMapToDouble(Function)", _next_stage("DoubleStream", _flat)),
    Row("Stream map(Function)", _next_stage("Stream", _map)),
    Row("IntStream mapToInt(ToIntFunction)", _next_stage("IntStream", _map)),
    Row("LongStream mapToLong(ToLongFunction)", _next_stage("LongStream", _map)),
    Row("DoubleStream mapToDouble(ToDoubleFunction)", _next_stage("DoubleStream", _map)),
    Row("Optional max(Comparator)", _end(extreme(1, optional("Optional", None)))),
    Row("Optional min(Comparator)", _end(extreme(-1, optional("Optional", None)))),
    Row("def reduce(def,BiFunction,BinaryOperator)", _end(_reduce_combining)),
    Row("Stream sorted(Comparator)", _next_stage("Stream", _sorted)),
    Row("def[] toArray(IntFunction)", _end(_to_made_array)),
)
_INT = (
    Row("DoubleStream asDoubleStream()", _next_stage("DoubleStream", _converted(float))),
    Row("LongStream asLongStream()", _next_stage("LongStream", _converted(int))),
    Row("DoubleStream mapToDouble(IntToDoubleFunction)", _next_stage("DoubleStream", _map)),
    Row("LongStream mapToLong(IntToLongFunction)", _next_stage("LongStream", _map)),
    Row("IntStream range(int,int)", _range(False), static=True),
    Row("IntStream rangeClosed(int,int)", _range(True), static=True),
)
_LONG = (
    Row("DoubleStream asDoubleStream()", _next_stage("DoubleStream", _converted(float))),
    Row("DoubleStream mapToDouble(LongToDoubleFunction)", _next_stage("DoubleStream", _map)),
    Row("IntStream mapToInt(LongToIntFunction)", _next_stage("IntStream", _map)),
    Row("LongStream range(long,long)", _long_range(False), static=True),
    Row("LongStream rangeClosed(long,long)", _long_range(True), static=True),
)
_DOUBLE = (
    Row("IntStream mapToInt(DoubleToIntFunction)", _next_stage("IntStream", _map)),
    Row("LongStream mapToLong(DoubleToLongFunction)", _next_stage("LongStream", _map)),
)

_S = "java.util.stream."

TABLES = (
    ClassRows(_S + "BaseStream", (), (), tier=2),
    ClassRows(_S + "Collector", (), (), tier=2, python=(Collector,)),
    ClassRows(_S + "Collectors", (), COLLECTORS, tier=2),
    ClassRows(_S + "Stream", (_S + "BaseStream",), (*_shared("Stream"), *_STREAM), tier=2),
    ClassRows(_S + "IntStream", (_S + "BaseStream",), (*_shared("IntStream"), *_numeric("IntStream"), *_INT), tier=2),
    ClassRows(
        _S + "LongStream", (_S + "BaseStream",), (*_shared("LongStream"), *_numeric("LongStream"), *_LONG), tier=2
    ),
    ClassRows(
        _S + "DoubleStream",
        (_S + "BaseStream",),
        (*_shared("DoubleStream"), *_numeric("DoubleStream"), *_DOUBLE),
        tier=2,
    ),
    statistics_rows("Int", "int"),
    statistics_rows("Long", "long"),
    statistics_rows("Double", "double"),
)

name_class(Collector, "java.util.stream.Collectors$CollectorImpl")
for _kind, _class in STATISTICS.items():
    name_class(_class, f"java.util.{_kind}SummaryStatistics")
    print_class(_class, show_statistics)
