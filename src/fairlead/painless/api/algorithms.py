"""The static methods of Collections and Arrays. Spec 04 sections 10.4 and 15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless.api.iterables import add_all, contains
from fairlead.painless.errors import illegal_argument, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.convert import boxer
from fairlead.painless.runtime.equality import equals, hash_of, sort
from fairlead.painless.runtime.text import text
from fairlead.painless.runtime.values import (
    Array,
    ArraysList,
    Cursor,
    FixedList,
    FixedMap,
    FixedSet,
    Function,
    LinkedHashSet,
    map_keys,
)
from fairlead.painless.types import Row

# Collections and Arrays -------------------------------------------------------------------------------------------------


def _sort_in_place(meter: Meter, items: Any, order: Function | None = None) -> None:
    if isinstance(items, FixedList):
        raise c.unsupported()
    if isinstance(items, list):
        items[:] = sort(meter, list(items), order.call if order is not None else None)
    else:
        items.store(sort(meter, items.load(), order.call if order is not None else None))


def _extreme(pick: int) -> Callable[..., Any]:
    def run(meter: Meter, items: Any, order: Function | None = None) -> Any:
        found = c.items_of(meter, items)
        if not found:
            raise thrown("NoSuchElementException", None)
        by = c.comparator(meter, order)
        best = found[0]
        for item in found[1:]:
            if by(item, best) * pick > 0:
                best = item
        return best

    return run


def _reverse(meter: Meter, items: Any) -> None:
    items.reverse()


def _swap(meter: Meter, items: Any, i: int, j: int) -> None:
    size = len(items)
    for place in (i, j):
        if not 0 <= place < size:
            raise thrown("IndexOutOfBoundsException", f"Index {place} out of bounds for length {size}")
    items[i], items[j] = items[j], items[i]


def _copies(meter: Meter, count: int, value: Any) -> FixedList:
    if count < 0:
        raise illegal_argument(f"List length = {count}")
    meter.take_elements(count)
    return FixedList([value] * count)


def _fill(meter: Meter, items: Any, value: Any) -> None:
    items[:] = [value] * len(items)


def _rotate(meter: Meter, items: Any, distance: int) -> None:
    if items:
        distance %= len(items)
        items[:] = items[-distance:] + items[:-distance] if distance else items[:]


def _replace_all(meter: Meter, items: Any, old: Any, new: Any) -> bool:
    changed = False
    for place, item in enumerate(items):
        if equals(meter, old, item):
            items[place] = new
            changed = True
    return changed


def _binary_search(meter: Meter, items: Any, key: Any, order: Function | None = None) -> int:
    by = c.comparator(meter, order)
    low, high = 0, len(items) - 1
    while low <= high:
        middle = (low + high) // 2
        sign = by(items[middle], key)
        if sign < 0:
            low = middle + 1
        elif sign > 0:
            high = middle - 1
        else:
            return middle
    return -(low + 1)


def _frozen_set(meter: Meter, items: Any) -> FixedSet:
    return FixedSet(items.map)


def _reverse_order(meter: Meter, order: Function | None = None) -> Function:
    by = c.comparator(meter, order)
    return Function("Comparator", lambda a, b: by(b, a))


COLLECTIONS = tuple(
    Row(signature, run, static=True)
    for signature, run in (
        ("boolean addAll(Collection,def[])", lambda m, r, a: add_all(m, r, list(a.items))),
        ("int binarySearch(List,def)", _binary_search),
        ("int binarySearch(List,def,Comparator)", _binary_search),
        ("void copy(List,List)", lambda m, a, b: a.__setitem__(slice(0, len(b)), list(b))),
        (
            "boolean disjoint(Collection,Collection)",
            lambda m, a, b: not any(contains(m, b, x) for x in c.items_of(m, a)),
        ),
        ("List emptyList()", lambda m: FixedList()),
        ("Map emptyMap()", lambda m: FixedMap()),
        ("Set emptySet()", lambda m: FixedSet({})),
        ("Iterator emptyIterator()", lambda m: Cursor([], lambda: None)),
        ("void fill(List,def)", _fill),
        ("int frequency(Collection,def)", lambda m, r, x: sum(equals(m, x, y) for y in c.items_of(m, r))),
        ("def max(Collection)", _extreme(1)),
        ("def max(Collection,Comparator)", _extreme(1)),
        ("def min(Collection)", _extreme(-1)),
        ("def min(Collection,Comparator)", _extreme(-1)),
        ("List nCopies(int,def)", _copies),
        ("boolean replaceAll(List,def,def)", _replace_all),
        ("void reverse(List)", _reverse),
        ("Comparator reverseOrder()", _reverse_order),
        ("Comparator reverseOrder(Comparator)", _reverse_order),
        ("void rotate(List,int)", _rotate),
        ("Set singleton(def)", lambda m, x: FixedSet(c.new_set(m, LinkedHashSet({}), [x]).map)),
        ("List singletonList(def)", lambda m, x: FixedList([x])),
        ("Map singletonMap(def,def)", lambda m, k, v: FixedMap(_single(m, k, v))),
        ("void sort(List)", _sort_in_place),
        ("void sort(List,Comparator)", _sort_in_place),
        ("void swap(List,int,int)", _swap),
        ("Collection unmodifiableCollection(Collection)", lambda m, r: FixedList(c.items_of(m, r))),
        ("List unmodifiableList(List)", lambda m, r: FixedList(c.items_of(m, r))),
        ("Map unmodifiableMap(Map)", lambda m, r: FixedMap({k: r[k] for k in map_keys(r)})),
        ("Set unmodifiableSet(Set)", _frozen_set),
    )
)


def _single(meter: Meter, key: Any, value: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    c.put(meter, made, key, value)
    return made


def _as_list(meter: Meter, array: Any) -> ArraysList:
    return ArraysList(_boxed(array))


def _boxed(array: Any) -> list[Any]:
    make = boxer(array.kind.component)
    return list(array.items) if make is None else [make(x) for x in array.items]


def _deep_text(meter: Meter, array: Any) -> str:
    if array is None:
        return "null"
    parts = [_deep_text(meter, item) if type(item) is Array else text(meter, item) for item in _boxed(array)]
    return meter.made("[" + ", ".join(parts) + "]")


def _deep_equals(meter: Meter, a: Any, b: Any) -> bool:
    if a is b or a is None or b is None:
        return a is b
    if len(a.items) != len(b.items):
        return False
    meter.spend(len(a.items))
    return all(
        _deep_equals(meter, x, y) if type(x) is Array and type(y) is Array else equals(meter, x, y)
        for x, y in zip(_boxed(a), _boxed(b), strict=True)
    )


def _deep_hash(meter: Meter, array: Any) -> int:
    if array is None:
        return 0
    return hash_of(meter, [_deep_hash(meter, x) if type(x) is Array else x for x in _boxed(array)])


ARRAYS = (
    Row("List asList(def[])", _as_list, static=True),
    Row("boolean deepEquals(def[],def[])", _deep_equals, static=True),
    Row("int deepHashCode(def[])", _deep_hash, static=True),
    Row("String deepToString(def[])", _deep_text, static=True),
)
