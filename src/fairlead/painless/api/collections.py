"""Iterable, Collection, sets, queues, iterators, Collections and Arrays; lists and maps have tables of their own.

Includes the methods that the language adds to every collection (spec 04 section 16.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless.api.algorithms import ARRAYS, COLLECTIONS
from fairlead.painless.api.iterables import COLLECTION, ITERABLE, new_list
from fairlead.painless.errors import null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.values import (
    Cursor,
    Deque,
    EntryView,
    FixedList,
    FixedMap,
    FixedSet,
    Function,
    HashMap,
    HashSet,
    JavaSet,
    KeyView,
    LinkedHashSet,
    PriorityQueue,
    TreeMap,
    TreeSet,
    ValueView,
    bare,
    map_keys,
)
from fairlead.painless.types import ClassRows, Row

# Iterators --------------------------------------------------------------------------------------------------------------


def _next(meter: Meter, it: Cursor) -> Any:
    if it.place >= len(it.items):
        raise thrown("NoSuchElementException", None)
    it.check()
    it.place += 1
    return it.items[it.place - 1]


def _previous(meter: Meter, it: Cursor) -> Any:
    if it.place <= 0:
        raise thrown("NoSuchElementException", None)
    it.check()
    it.place -= 1
    return it.items[it.place]


def _drop_last(meter: Meter, it: Cursor) -> None:
    if it.place == 0 or it.remove is None:
        raise thrown("IllegalStateException", None)
    it.place -= 1
    it.remove(it.place, it.items.pop(it.place))


_ITERATOR = (
    Row("boolean hasNext()", lambda m, it: it.place < len(it.items)),
    Row("def next()", _next),
    Row("void remove()", _drop_last),
    Row(
        "void forEachRemaining(Consumer)",
        lambda m, it, f: [f.call(_next(m, it)) for _ in it.items[it.place :]] and None,
    ),
)
_LIST_ITERATOR = (
    Row("boolean hasPrevious()", lambda m, it: it.place > 0),
    Row("int nextIndex()", lambda m, it: it.place),
    Row("def previous()", _previous),
    Row("int previousIndex()", lambda m, it: it.place - 1),
)


# Sets -------------------------------------------------------------------------------------------------------------------


def tree_set(meter: Meter, order: Function | None) -> TreeSet:
    return TreeSet(TreeMap(c.comparator(meter, order)))


def _sorted_keys(value: Any) -> list[Any]:
    return [bare(key) for key in map_keys(value.map)]


def _edge(last: bool) -> Callable[[Meter, Any], Any]:
    def run(meter: Meter, value: Any) -> Any:
        keys = _sorted_keys(value)
        if not keys:
            raise thrown("NoSuchElementException", None)
        return keys[-1 if last else 0]

    return run


def _near(low: bool, equal: bool) -> Callable[[Meter, Any, Any], Any]:
    """floor, lower, ceiling, higher."""

    def run(meter: Meter, value: Any, item: Any) -> Any:
        keys = _sorted_keys(value)
        place, there = value.map.place(item)
        if there and equal:
            return keys[place]
        place = place - 1 if low else place + 1 if there else place
        return keys[place] if 0 <= place < len(keys) else None

    return run


def _part(meter: Meter, value: Any, keep: Callable[[int, int], bool], item: Any) -> TreeSet:
    """A copy of a part; the original's is a view."""
    keys = _sorted_keys(value)
    made = TreeSet(TreeMap(value.map.compare))
    for key in keys:
        if keep(value.map.compare(key, item), 0):
            c.put(meter, made.map, key, True)
    return made


def _poll_set(last: bool) -> Callable[[Meter, Any], Any]:
    def run(meter: Meter, value: Any) -> Any:
        keys = _sorted_keys(value)
        if not keys:
            return None
        found = keys[-1 if last else 0]
        c.remove_key(meter, value.map, found)
        return found

    return run


def _descending(meter: Meter, value: Any) -> TreeSet:
    order = value.map.compare
    made = TreeSet(TreeMap(lambda a, b: order(b, a)))
    for key in _sorted_keys(value):
        c.put(meter, made.map, key, True)
    return made


_SORTED_SET = (
    Row("def first()", _edge(False)),
    Row("def last()", _edge(True)),
    Row("SortedSet headSet(def)", lambda m, r, x: _part(m, r, lambda a, b: a < b, x)),
    Row("SortedSet tailSet(def)", lambda m, r, x: _part(m, r, lambda a, b: a >= b, x)),
    Row(
        "SortedSet subSet(def,def)",
        lambda m, r, x, y: _part(m, _part(m, r, lambda a, b: a >= b, x), lambda a, b: a < b, y),
    ),
)
_NAVIGABLE_SET = (
    Row("def floor(def)", _near(True, True)),
    Row("def lower(def)", _near(True, False)),
    Row("def ceiling(def)", _near(False, True)),
    Row("def higher(def)", _near(False, False)),
    Row("def pollFirst()", _poll_set(False)),
    Row("def pollLast()", _poll_set(True)),
    Row("NavigableSet descendingSet()", _descending),
)


def _copy_of(make: Callable[[], JavaSet]) -> Callable[[Meter, Any], Any]:
    return lambda m, items: c.new_set(m, make(), c.items_of(m, items))


def _clone_set(kind: type[JavaSet]) -> Callable[[Meter, Any], Any]:
    return lambda m, r: c.new_set(m, kind(type(r.map)()), c.items_of(m, r))


# Queues -----------------------------------------------------------------------------------------------------------------


def _ends(value: Any) -> list[Any]:
    return value if isinstance(value, list) else value.items


def _take(last: bool, remove: bool, strict: bool, error: str = "NoSuchElementException") -> Callable[[Meter, Any], Any]:
    """peek, poll, get and remove at one end."""

    def run(meter: Meter, value: Any) -> Any:
        items = _ends(value)
        if not items:
            if strict:
                raise thrown(error, None)
            return None
        return items.pop(-1 if last else 0) if remove else items[-1 if last else 0]

    return run


def _offer(last: bool) -> Callable[[Meter, Any, Any], bool]:
    def run(meter: Meter, value: Any, item: Any) -> bool:
        if isinstance(value, PriorityQueue):
            return c.add_item(meter, value, item)
        if item is None and not isinstance(value, list):
            raise null_pointer(None)
        meter.take_elements(1)
        items = _ends(value)
        if last:
            items.append(item)
        else:
            meter.spend(len(items) >> 8)
            items.insert(0, item)
        return True

    return run


def _add_end(last: bool) -> Callable[[Meter, Any, Any], None]:
    offer = _offer(last)

    def run(meter: Meter, value: Any, item: Any) -> None:
        offer(meter, value, item)

    return run


_QUEUE = (
    Row("def element()", _take(False, False, True)),
    Row("boolean offer(def)", _offer(True)),
    Row("def peek()", _take(False, False, False)),
    Row("def poll()", _take(False, True, False)),
    Row("def remove()", _take(False, True, True)),
)
_DEQUE = (
    Row("void addFirst(def)", _add_end(False)),
    Row("void addLast(def)", _add_end(True)),
    Row("Iterator descendingIterator()", lambda m, r: Cursor(list(reversed(_ends(r))), lambda: None)),
    Row("def getFirst()", _take(False, False, True)),
    Row("def getLast()", _take(True, False, True)),
    Row("boolean offerFirst(def)", _offer(False)),
    Row("boolean offerLast(def)", _offer(True)),
    Row("def peekFirst()", _take(False, False, False)),
    Row("def peekLast()", _take(True, False, False)),
    Row("def pollFirst()", _take(False, True, False)),
    Row("def pollLast()", _take(True, True, False)),
    Row("def pop()", _take(False, True, True)),
    Row("void push(def)", _add_end(False)),
    Row("def removeFirst()", _take(False, True, True)),
    Row("def removeLast()", _take(True, True, True)),
)


def _new_deque(meter: Meter, items: Any) -> Deque:
    found = list(c.items_of(meter, items))
    if None in found:
        raise null_pointer(None)
    return Deque(new_list(meter, found))


_U = "java.util."

TABLES = (
    ClassRows("java.lang.Iterable", (), ITERABLE),
    ClassRows(_U + "Collection", ("java.lang.Iterable",), COLLECTION, python=(ValueView,)),
    ClassRows(_U + "Iterator", (), _ITERATOR),
    ClassRows(_U + "ListIterator", (_U + "Iterator",), _LIST_ITERATOR, python=(Cursor,)),
    ClassRows(_U + "Set", (_U + "Collection",), (), python=(FixedSet, KeyView, EntryView)),
    ClassRows(_U + "SortedSet", (_U + "Set",), _SORTED_SET, tier=2),
    ClassRows(_U + "NavigableSet", (_U + "SortedSet",), _NAVIGABLE_SET, tier=2),
    ClassRows(
        _U + "HashSet",
        (_U + "Set",),
        (Row("def clone()", _clone_set(HashSet)),),
        (
            Row("HashSet new()", lambda m: HashSet(HashMap())),
            Row("HashSet new(Collection)", _copy_of(lambda: HashSet(HashMap()))),
        ),
        tier=2,
        python=(HashSet,),
    ),
    ClassRows(
        _U + "LinkedHashSet",
        (_U + "HashSet", _U + "Set"),
        (Row("def clone()", _clone_set(LinkedHashSet)),),
        (
            Row("LinkedHashSet new()", lambda m: LinkedHashSet({})),
            Row("LinkedHashSet new(Collection)", _copy_of(lambda: LinkedHashSet({}))),
        ),
        tier=2,
        python=(LinkedHashSet,),
    ),
    ClassRows(
        _U + "TreeSet",
        (_U + "NavigableSet",),
        (),
        (
            Row("TreeSet new()", lambda m: tree_set(m, None)),
            Row("TreeSet new(Comparator)", tree_set),
        ),
        tier=2,
        python=(TreeSet,),
    ),
    ClassRows(_U + "Queue", (_U + "Collection",), _QUEUE, tier=2),
    ClassRows(_U + "Deque", (_U + "Queue",), _DEQUE, tier=2),
    ClassRows(
        _U + "ArrayDeque",
        (_U + "Deque",),
        (Row("ArrayDeque clone()", lambda m, r: Deque(new_list(m, list(r.items)))),),
        (Row("ArrayDeque new()", lambda m: Deque([])), Row("ArrayDeque new(Collection)", _new_deque)),
        tier=2,
        python=(Deque,),
    ),
    ClassRows(
        _U + "PriorityQueue",
        (_U + "Queue",),
        (),
        (
            Row("PriorityQueue new()", lambda m: PriorityQueue(c.comparator(m, None))),
            Row("PriorityQueue new(Comparator)", lambda m, order: PriorityQueue(c.comparator(m, order))),
        ),
        tier=2,
        python=(PriorityQueue,),
    ),
    ClassRows(
        _U + "Collections",
        (),
        COLLECTIONS,
        (),
        (("List", "EMPTY_LIST", FixedList()), ("Map", "EMPTY_MAP", FixedMap()), ("Set", "EMPTY_SET", FixedSet({}))),
        tier=2,
    ),
    ClassRows(_U + "Arrays", (), ARRAYS, tier=2),
)
