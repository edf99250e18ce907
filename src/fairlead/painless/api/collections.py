"""Iterable, Collection, sets, queues, iterators, Collections and Arrays; lists and maps have tables of their own.

Includes the methods that the language adds to every collection (spec 04 section 16.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless.errors import illegal_argument, null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.arithmetic import number_as
from fairlead.painless.runtime.convert import boxer, checked
from fairlead.painless.runtime.equality import equals, hash_of, sort
from fairlead.painless.runtime.text import text
from fairlead.painless.runtime.values import (
    Array,
    ArraysList,
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
    Stream,
    TreeMap,
    TreeSet,
    ValueView,
    bare,
    map_keys,
)
from fairlead.painless.types import ClassRows, Row, needed

Items = Callable[[Meter, Any], list[Any]]


def _new_list(meter: Meter, items: list[Any]) -> list[Any]:
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
    return _new_list(meter, found)


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
    return _new_list(meter, [function.call(item) for item in c.each(meter, value)])


def _collect_into(meter: Meter, value: Any, target: Any, function: Function) -> Any:
    for item in c.each(meter, value):
        add(meter, target, function.call(item))
    return target


def _find(meter: Meter, value: Any, test: Function) -> Any:
    return next((item for item in c.each(meter, value) if test.call(item)), None)


def _find_all(meter: Meter, value: Any, test: Function) -> list[Any]:
    return _new_list(meter, [item for item in c.each(meter, value) if test.call(item)])


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
    _new_list(meter, yes + no)
    return [yes, no]


_ITERABLE = (
    Row("void forEach(Consumer)", lambda m, r, f: _drop(_each(m, r, f))),
    Row("Iterator iterator()", c.cursor),
    Row("boolean any(Predicate)", _any),
    Row("Collection asCollection()", lambda m, r: r),
    Row("List asList()", lambda m, r: r if isinstance(r, list) else _new_list(m, list(c.items_of(m, r)))),
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


def _add_all(meter: Meter, value: Any, other: Any) -> bool:
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
    return Array(needed("def[]"), _new_list(meter, list(c.items_of(meter, value))))


def _to_typed_array(meter: Meter, value: Any, like: Any) -> Array:
    items = _new_list(meter, list(c.items_of(meter, value)))
    return Array(like.kind, items)


def stream_of(meter: Meter, value: Any) -> Stream:
    return Stream("Stream", c.each(meter, value))


_COLLECTION = (
    Row("boolean add(def)", add),
    Row("boolean addAll(Collection)", _add_all),
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
    return Deque(_new_list(meter, found))


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


_COLLECTIONS = tuple(
    Row(signature, run, static=True)
    for signature, run in (
        ("boolean addAll(Collection,def[])", lambda m, r, a: _add_all(m, r, list(a.items))),
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


_ARRAYS = (
    Row("List asList(def[])", _as_list, static=True),
    Row("boolean deepEquals(def[],def[])", _deep_equals, static=True),
    Row("int deepHashCode(def[])", _deep_hash, static=True),
    Row("String deepToString(def[])", _deep_text, static=True),
)

_U = "java.util."

TABLES = (
    ClassRows("java.lang.Iterable", (), _ITERABLE),
    ClassRows(_U + "Collection", ("java.lang.Iterable",), _COLLECTION, python=(ValueView,)),
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
        (Row("ArrayDeque clone()", lambda m, r: Deque(_new_list(m, list(r.items)))),),
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
        _COLLECTIONS,
        (),
        (("List", "EMPTY_LIST", FixedList()), ("Map", "EMPTY_MAP", FixedMap()), ("Set", "EMPTY_SET", FixedSet({}))),
        tier=2,
    ),
    ClassRows(_U + "Arrays", (), _ARRAYS, tier=2),
)
