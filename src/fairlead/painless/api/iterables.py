"""Iterable and Collection, with the methods that the language adds to every collection (spec 04 section 16.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless.errors import null_pointer
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.arithmetic import number_as
from fairlead.painless.runtime.convert import checked
from fairlead.painless.runtime.equality import equals
from fairlead.painless.runtime.text import text
from fairlead.painless.runtime.values import (
    Array,
    ArraysList,
    Deque,
    EntryView,
    FixedList,
    FixedSet,
    Function,
    HashMap,
    HashSet,
    JavaSet,
    Stream,
    ValueView,
)
from fairlead.painless.types import Row, needed

Items = Callable[[Meter, Any], list[Any]]


def new_list(meter: Meter, items: list[Any]) -> list[Any]:
    meter.take_elements(len(items))
    return items


# Methods that the language adds -----------------------------------------------------------------------------------------


def _join(meter: Meter, value: Any, separator: str) -> str:
    """The separator goes in only when there is something before it (spec 16.1)."""
    joined = ""
    parts: list[str] = []
    started = False
    for item in c.items_of(meter, value):
        if started:
            parts.append(separator)
        shown = text(meter, item)
        parts.append(shown)
        started = started or bool(shown)
    meter.take_chars(len(separator) * len(parts) // 2)
    return meter.made(joined.join(parts))


def _number(value: Any) -> float:
    if value is None:
        raise null_pointer(None)
    return float(number_as(checked(needed("Number"))(value), 3))


def _sum(meter: Meter, value: Any) -> float:
    return float(sum(map(_number, c.items_of(meter, value))) or 0.0)


def _sum_of(meter: Meter, value: Any, function: Function) -> float:
    total = 0.0
    for item in c.items_of(meter, value):
        total += function.call(item)
    return total


def _each(meter: Meter, value: Any, function: Function) -> Any:
    for item in c.each(meter, value):
        function.call(item)
    return value


def _each_with_index(meter: Meter, value: Any, function: Function) -> Any:
    for place, item in enumerate(c.each(meter, value)):
        function.call(item, place)
    return value


def _every(meter: Meter, value: Any, test: Function) -> bool:
    return all(test.call(item) for item in c.each(meter, value))


def _any(meter: Meter, value: Any, test: Function) -> bool:
    return any(test.call(item) for item in c.each(meter, value))


def _find_results(meter: Meter, value: Any, function: Function) -> list[Any]:
    found = [made for item in c.each(meter, value) if (made := function.call(item)) is not None]
    return new_list(meter, found)


def _group_by(meter: Meter, value: Any, function: Function) -> dict[Any, Any]:
    groups: dict[Any, Any] = {}
    for item in c.each(meter, value):
        key = function.call(item)
        group = c.get(meter, groups, key)
        if group is None:
            group = []
            c.put(meter, groups, key, group)
        meter.take_elements(1)
        group.append(item)
    return groups


def collect_with(meter: Meter, value: Any, function: Function) -> list[Any]:
    return new_list(meter, [function.call(item) for item in c.each(meter, value)])


def _collect_into(meter: Meter, value: Any, target: Any, function: Function) -> Any:
    for item in c.each(meter, value):
        add(meter, target, function.call(item))
    return target


def _find(meter: Meter, value: Any, test: Function) -> Any:
    return next((item for item in c.each(meter, value) if test.call(item)), None)


def _find_all(meter: Meter, value: Any, test: Function) -> list[Any]:
    return new_list(meter, [item for item in c.each(meter, value) if test.call(item)])


def _find_result(meter: Meter, value: Any, function: Function) -> Any:
    return next((made for item in c.each(meter, value) if (made := function.call(item)) is not None), None)


def _find_result_or(meter: Meter, value: Any, default: Any, function: Function) -> Any:
    found = _find_result(meter, value, function)
    return default if found is None else found


def _split(meter: Meter, value: Any, test: Function) -> list[Any]:
    yes: list[Any] = []
    no: list[Any] = []
    for item in c.each(meter, value):
        (yes if test.call(item) else no).append(item)
    new_list(meter, yes + no)
    return [yes, no]


ITERABLE = (
    Row("void forEach(Consumer)", lambda m, r, f: _drop(_each(m, r, f))),
    Row("Iterator iterator()", c.cursor),
    Row("boolean any(Predicate)", _any),
    Row("Collection asCollection()", lambda m, r: r),
    Row("List asList()", lambda m, r: r if isinstance(r, list) else new_list(m, list(c.items_of(m, r)))),
    Row("def each(Consumer)", _each),
    Row("def eachWithIndex(ObjIntConsumer)", _each_with_index),
    Row("boolean every(Predicate)", _every),
    Row("List findResults(Function)", _find_results),
    Row("Map groupBy(Function)", _group_by),
    Row("String join(String)", lambda m, r, s: _join(m, r, text(m, s))),
    Row("double sum()", _sum),
    Row("double sum(ToDoubleFunction)", _sum_of),
)


def _drop(value: Any) -> None:
    return None


# Collection -------------------------------------------------------------------------------------------------------------


def add(meter: Meter, value: Any, item: Any) -> bool:
    """`collection.add(item)`."""
    if type(value) is list:
        meter.elements -= 1
        if meter.elements < 0:
            meter.take_elements(0)
        value.append(item)
        return True
    if isinstance(value, list):
        if isinstance(value, FixedList | ArraysList):
            raise c.unsupported()
        meter.take_elements(1)
        value.append(item)
        return True
    if type(value).__name__ == "SubList":
        items = value.load()
        meter.take_elements(1)
        items.append(item)
        value.store(items)
        return True
    return c.add_item(meter, value, item)


def add_all(meter: Meter, value: Any, other: Any) -> bool:
    items = list(c.items_of(meter, other))
    meter.take_elements(len(items))
    if type(value) is list:
        value.extend(items)
        return bool(items)
    changed = False
    if isinstance(value, HashSet) and items:
        assert isinstance(value.map, HashMap)
        value.map.grow()
    for item in items:
        changed = add(meter, value, item) or changed
    return changed


def _clear(meter: Meter, value: Any) -> None:
    if isinstance(value, FixedList | ArraysList | FixedSet):
        raise c.unsupported()
    if isinstance(value, JavaSet | ValueView | EntryView):
        c.clear_map(value.map)
    elif isinstance(value, Deque):
        value.items.clear()
    elif isinstance(value, list):
        value.clear()
    else:
        value.store([])


def contains(meter: Meter, value: Any, item: Any) -> bool:
    if isinstance(value, JavaSet):
        return c.contains_key(meter, value.map, item)
    return any(equals(meter, item, other) for other in c.items_of(meter, value))


def _contains_all(meter: Meter, value: Any, other: Any) -> bool:
    return all(contains(meter, value, item) for item in c.items_of(meter, other))


def _remove(meter: Meter, value: Any, item: Any) -> bool:
    if isinstance(value, FixedSet | FixedList | ArraysList):
        raise c.unsupported()
    if isinstance(value, JavaSet):
        before = len(value.map)
        c.remove_key(meter, value.map, item)
        return len(value.map) != before
    for place, other in enumerate(c.items_of(meter, value)):
        if equals(meter, item, other):
            c.drop_at(meter, value, place, other)
            return True
    return False


def _filter(meter: Meter, value: Any, keep: Callable[[Any], bool]) -> bool:
    """Keeps the elements that pass; says whether any was dropped."""
    if isinstance(value, FixedSet | FixedList):
        raise c.unsupported()
    items = list(c.items_of(meter, value))
    kept = [bool(keep(item)) for item in items]
    if all(kept):
        return False
    if isinstance(value, list):
        if isinstance(value, ArraysList):
            raise c.unsupported()
        value[:] = [item for item, stays in zip(items, kept, strict=True) if stays]
        return True
    for place in range(len(items) - 1, -1, -1):
        if not kept[place]:
            c.drop_at(meter, value, place, items[place])
    return True


def _to_array(meter: Meter, value: Any) -> Array:
    return Array(needed("def[]"), new_list(meter, list(c.items_of(meter, value))))


def _to_typed_array(meter: Meter, value: Any, like: Any) -> Array:
    items = new_list(meter, list(c.items_of(meter, value)))
    return Array(like.kind, items)


def stream_of(meter: Meter, value: Any) -> Stream:
    return Stream("Stream", c.each(meter, value))


COLLECTION = (
    Row("boolean add(def)", add),
    Row("boolean addAll(Collection)", add_all),
    Row("void clear()", _clear),
    Row("boolean contains(def)", contains),
    Row("boolean containsAll(Collection)", _contains_all),
    Row("boolean isEmpty()", lambda m, r: c.size_of(r) == 0),
    Row("boolean remove(def)", _remove),
    Row("boolean removeAll(Collection)", lambda m, r, o: _filter(m, r, lambda x: not contains(m, o, x))),
    Row("boolean removeIf(Predicate)", lambda m, r, p: _filter(m, r, lambda x: not p.call(x))),
    Row("boolean retainAll(Collection)", lambda m, r, o: _filter(m, r, lambda x: contains(m, o, x))),
    Row("int size()", lambda m, r: c.size_of(r)),
    Row("Stream stream()", stream_of),
    Row("def[] toArray()", _to_array),
    Row("def[] toArray(def[])", _to_typed_array),
    Row("List collect(Function)", collect_with),
    Row("def collect(Collection,Function)", _collect_into),
    Row("def find(Predicate)", _find),
    Row("List findAll(Predicate)", _find_all),
    Row("def findResult(Function)", _find_result),
    Row("def findResult(def,Function)", _find_result_or),
    Row("List split(Predicate)", _split),
)
