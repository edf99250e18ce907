"""Collectors: what collect does with all elements of a stream. Spec 04 section 15."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fairlead.java.text import signed32, signed64
from fairlead.painless.api.iterables import add
from fairlead.painless.api.reductions import (
    extreme,
    gathered,
    optional,
    reduce_some,
    statistics,
)
from fairlead.painless.errors import null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.convert import boxer, jvm_to
from fairlead.painless.runtime.text import text
from fairlead.painless.runtime.values import (
    Builder,
    Function,
    HashMap,
    HashSet,
)
from fairlead.painless.types import LONG, Row, needed

# Collectors -------------------------------------------------------------------------------------------------------------


class Collector:
    """Takes the meter and all elements, gives the result."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[Meter, Iterable[Any]], Any]) -> None:
        self.run = run


def _to_set(meter: Meter, items: Iterable[Any]) -> HashSet:
    made = HashSet(HashMap())
    for item in items:
        c.add_item(meter, made, item)
    return made


def _into(make: Function) -> Collector:
    def run(meter: Meter, items: Iterable[Any]) -> Any:
        made = make.call()
        for item in items:
            add(meter, made, item)
        return made

    return Collector(run)


def _joined(separator: Any = "", before: Any = "", after: Any = "") -> Collector:
    def run(meter: Meter, items: Iterable[Any]) -> str:
        parts = []
        for item in items:
            if item is not None and type(item) is not str and not isinstance(item, Builder):
                jvm = jvm_to(needed("CharSequence"))
                assert jvm is not None
                jvm(item)
            parts.append(text(meter, item))
        meter.take_chars(len(separator) * len(parts))
        return meter.made(f"{before}{separator.join(parts)}{after}")

    return Collector(run)


def _to_map(key: Function, value: Function, merge: Function | None = None, make: Function | None = None) -> Collector:
    def run(meter: Meter, items: Iterable[Any]) -> Any:
        made: Any = HashMap() if make is None else make.call()
        for item in items:
            k, v = key.call(item), value.call(item)
            if v is None:
                raise null_pointer(None)
            old = c.get(meter, made, k)
            if old is None:
                c.put(meter, made, k, v)
            elif merge is None:
                raise thrown(
                    "IllegalStateException",
                    f"Duplicate key {text(meter, k)} (attempted merging values {text(meter, old)} and {text(meter, v)})",
                )
            else:
                c.put(meter, made, k, merge.call(old, v))
        return made

    return Collector(run)


def _grouped(key: Function, below: Collector | None = None, make: Function | None = None) -> Collector:
    def run(meter: Meter, items: Iterable[Any]) -> Any:
        groups: Any = HashMap() if make is None else make.call()
        for item in items:
            k = key.call(item)
            if k is None:
                raise null_pointer("element cannot be mapped to a null key")
            group = c.get(meter, groups, k)
            if group is None:
                group = []
                c.put(meter, groups, k, group)
            meter.take_elements(1)
            group.append(item)
        if below is not None:
            for k, group in c.map_pairs(groups):
                c.put(meter, groups, k, below.run(meter, group))
        return groups

    return Collector(run)


def _partitioned(test: Function, below: Collector | None = None) -> Collector:
    def run(meter: Meter, items: Iterable[Any]) -> Any:
        parts: dict[bool, list[Any]] = {False: [], True: []}
        for item in items:
            meter.take_elements(1)
            parts[test.call(item)].append(item)
        made: dict[Any, Any] = {}
        for side, group in parts.items():
            c.put(meter, made, side, group if below is None else below.run(meter, group))
        return made

    return Collector(run)


def _reducing(start: Any, function: Function, mapper: Function | None = None) -> Collector:
    def run(meter: Meter, items: Iterable[Any]) -> Any:
        result = start
        for item in items:
            result = function.call(result, item if mapper is None else mapper.call(item))
        return result

    return Collector(run)


def _reducing_some(function: Function) -> Collector:
    reduce = reduce_some(optional("Optional", None))
    return Collector(lambda m, items: reduce(m, iter(items), function))


def _numbers(
    finish: Callable[[Meter, Iterator[Any]], Any], make: Callable[[Any], Any] | None
) -> Callable[..., Collector]:
    def collector(meter: Meter, function: Function) -> Collector:
        def run(m: Meter, items: Iterable[Any]) -> Any:
            found = finish(m, map(function.call, items))
            return found if make is None else make(found)

        return Collector(run)

    return collector


def _mean(meter: Meter, items: Iterator[Any]) -> float:
    found = gathered(meter, items)
    return sum(found) / len(found) if found else 0.0


def _best(pick: int) -> Callable[[Meter, Function], Collector]:
    find = extreme(pick, optional("Optional", None))
    return lambda m, order: Collector(lambda meter, items: find(meter, iter(items), order))


def _long(value: Any) -> Any:
    make = boxer(LONG)
    return value if make is None else make(value)


COLLECTORS = tuple(
    Row(f"Collector {signature}", run, static=True)
    for signature, run in (
        ("toList()", lambda m: Collector(gathered)),
        ("toSet()", lambda m: Collector(_to_set)),
        ("toCollection(Supplier)", lambda m, make: _into(make)),
        ("joining()", lambda m: _joined()),
        ("joining(CharSequence)", lambda m, s: _joined(text(m, s))),
        (
            "joining(CharSequence,CharSequence,CharSequence)",
            lambda m, s, a, b: _joined(text(m, s), text(m, a), text(m, b)),
        ),
        ("toMap(Function,Function)", lambda m, k, v: _to_map(k, v)),
        ("toMap(Function,Function,BinaryOperator)", lambda m, k, v, f: _to_map(k, v, f)),
        ("toMap(Function,Function,BinaryOperator,Supplier)", lambda m, k, v, f, s: _to_map(k, v, f, s)),
        ("groupingBy(Function)", lambda m, k: _grouped(k)),
        ("groupingBy(Function,Collector)", lambda m, k, below: _grouped(k, below)),
        ("groupingBy(Function,Supplier,Collector)", lambda m, k, s, below: _grouped(k, below, s)),
        ("partitioningBy(Predicate)", lambda m, t: _partitioned(t)),
        ("partitioningBy(Predicate,Collector)", lambda m, t, below: _partitioned(t, below)),
        ("counting()", lambda m: Collector(lambda meter, items: _long(sum(1 for _ in items)))),
        (
            "mapping(Function,Collector)",
            lambda m, f, below: Collector(lambda meter, items: below.run(meter, map(f.call, items))),
        ),
        (
            "collectingAndThen(Collector,Function)",
            lambda m, first, f: Collector(lambda meter, items: f.call(first.run(meter, items))),
        ),
        ("averagingInt(ToIntFunction)", _numbers(_mean, None)),
        ("averagingLong(ToLongFunction)", _numbers(_mean, None)),
        ("averagingDouble(ToDoubleFunction)", _numbers(_mean, None)),
        ("summingInt(ToIntFunction)", _numbers(lambda m, items: signed32(sum(items)), None)),
        ("summingLong(ToLongFunction)", _numbers(lambda m, items: signed64(sum(items)), _long)),
        ("summingDouble(ToDoubleFunction)", _numbers(lambda m, items: float(sum(items)), None)),
        ("summarizingInt(ToIntFunction)", _numbers(statistics("Int"), None)),
        ("summarizingLong(ToLongFunction)", _numbers(statistics("Long"), None)),
        ("summarizingDouble(ToDoubleFunction)", _numbers(statistics("Double"), None)),
        ("minBy(Comparator)", _best(-1)),
        ("maxBy(Comparator)", _best(1)),
        ("reducing(BinaryOperator)", lambda m, f: _reducing_some(f)),
        ("reducing(def,BinaryOperator)", lambda m, start, f: _reducing(start, f)),
        ("reducing(def,Function,BinaryOperator)", lambda m, start, mapper, f: _reducing(start, f, mapper)),
    )
)
