"""Maps, lists and iteration over script values as Java does them; the tables in `api` name these operations.

Every operation that makes elements books them with the meter first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fairlead.painless.errors import Thrown, illegal_argument, null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.equality import compare, key_of
from fairlead.painless.runtime.text import class_name
from fairlead.painless.runtime.values import (
    Array,
    Cursor,
    Deque,
    Entry,
    EntryView,
    FixedMap,
    FixedSet,
    Function,
    HashMap,
    JavaSet,
    KeyView,
    PriorityQueue,
    SubList,
    TreeMap,
    ValueView,
    bare,
    map_keys,
)

Map = dict[Any, Any]


def unsupported() -> Thrown:
    return thrown("UnsupportedOperationException", None)


def concurrent() -> Thrown:
    return thrown("ConcurrentModificationException", None)


def new_hash_map() -> HashMap:
    return HashMap()


def natural_tree() -> TreeMap:
    return TreeMap(compare)


# Maps -------------------------------------------------------------------------------------------------------------------


def _place(found: TreeMap, key: Any) -> tuple[int, bool]:
    if key is None and found.compare is compare:
        raise null_pointer(None)
    return found.place(key)


def stored_key(meter: Meter, found: Map, key: Any) -> Any:
    """The key under which a map keeps (or would keep) a Java value."""
    if type(found) is TreeMap and found.order:
        place, there = _place(found, key)
        if there:
            return found.order[place]
    return key_of(meter, key)


def get(meter: Meter, found: Map, key: Any) -> Any:
    """`map.get(key)`."""
    if type(key) is str and type(found) is not TreeMap:
        return found.get(key)
    return found.get(stored_key(meter, found, key))


def contains_key(meter: Meter, found: Map, key: Any) -> bool:
    return stored_key(meter, found, key) in found


def put(meter: Meter, found: Map, key: Any, value: Any) -> Any:
    """`map.put(key, value)`: the value that was there."""
    kind = type(found)
    if kind is FixedMap:
        raise unsupported()
    if kind is TreeMap:
        return _put_tree(meter, found, key, value)
    stored = key_of(meter, key)
    old = found.get(stored)
    if old is None and stored not in found:
        meter.take_elements(1)
    found[stored] = value
    return old


def _put_tree(meter: Meter, found: Any, key: Any, value: Any) -> Any:
    place, there = _place(found, key)
    if there:
        stored = found.order[place]
        old = found[stored]
        found[stored] = value
        return old
    meter.take_elements(1)
    stored = key_of(meter, key)
    found.order.insert(place, stored)
    found[stored] = value
    return None


def remove_key(meter: Meter, found: Map, key: Any) -> Any:
    """`map.remove(key)`: the value that was there."""
    if type(found) is FixedMap:
        raise unsupported()
    stored = stored_key(meter, found, key)
    if stored not in found:
        return None
    if isinstance(found, HashMap):
        found.grow()
    elif isinstance(found, TreeMap):
        found.order.remove(stored)
    return found.pop(stored)


def clear_map(found: Map) -> None:
    if type(found) is FixedMap:
        raise unsupported()
    if isinstance(found, HashMap):
        found.grow()
    elif isinstance(found, TreeMap):
        found.order.clear()
    found.clear()


def put_all(meter: Meter, found: Map, other: Map) -> None:
    """`map.putAll(other)`; a HashMap makes room first, which shows in its order."""
    if type(found) is FixedMap:
        raise unsupported()
    if isinstance(found, HashMap) and other:
        found.reserve(len(other))
    for key, value in map_pairs(other):
        put(meter, found, key, value)


def map_pairs(found: Map) -> list[tuple[Any, Any]]:
    """Keys and values in Java's order."""
    return [(bare(key), found[key]) for key in map_keys(found)]


def entries(found: Map) -> list[Entry]:
    """Live entries in Java's order."""
    return [Entry(bare(key), key, found) for key in map_keys(found)]


# Iteration --------------------------------------------------------------------------------------------------------------


def items_or_none(value: Any) -> list[Any] | None:
    """The elements of any Iterable at this moment; None when the value is none."""
    kind = type(value)
    if kind is list:
        found: list[Any] = value
        return found
    if isinstance(value, list):
        return value
    if isinstance(value, JavaSet):
        return [bare(key) for key in map_keys(value.map)]
    if kind is ValueView:
        return [value.map[key] for key in map_keys(value.map)]
    if kind is EntryView:
        return entries(value.map)
    if kind is SubList:
        return list(value.load())
    if isinstance(value, Deque):
        return value.items
    return None


def items_of(meter: Meter, value: Any) -> list[Any]:
    """The elements of a Collection; do not change the list."""
    found = items_or_none(value)
    if found is None:
        if value is None:
            raise null_pointer('Cannot invoke "java.util.Collection.iterator()" because "c" is null')
        raise illegal_argument(f"Cannot iterate over [{class_name(value)}]")
    meter.spend(len(found) >> 5)
    return found


def source_of(value: Any) -> Any:
    """What must not change its size while a value is iterated over."""
    return value.map if isinstance(value, JavaSet | ValueView | EntryView) else value


def size_of(value: Any) -> int:
    """`size()` of a collection."""
    if isinstance(value, list | dict):
        return len(value)
    if isinstance(value, JavaSet | ValueView | EntryView):
        return len(value.map)
    if isinstance(value, SubList):
        return value.size
    return len(value.items)


def each(meter: Meter, value: Any) -> Iterator[Any]:
    """The elements for a for-each loop; fails as Java does when the size changes meanwhile."""
    if isinstance(value, list):
        return _each_of_list(value)
    if isinstance(value, Array):
        return iter(value.items)
    found = items_or_none(value)
    if found is None:
        raise illegal_argument(f"Cannot iterate over [{class_name(value)}]")
    return _each_of(found, source_of(value))


def _each_of_list(items: list[Any]) -> Iterator[Any]:
    size = len(items)
    place = 0
    # Java asks "cursor != size" first and looks for changes only when it takes an element.
    while place != len(items):
        if len(items) != size:
            raise concurrent()
        yield items[place]
        place += 1


def _each_of(items: list[Any], source: Any) -> Iterator[Any]:
    size = size_of(source)
    for item in items:
        if size_of(source) != size:
            raise concurrent()
        yield item


def cursor(meter: Meter, value: Any) -> Cursor:
    """`collection.iterator()`."""
    items = list(items_of(meter, value))
    meter.take_elements(len(items))
    source = source_of(value)
    size = [size_of(source)]

    def check() -> None:
        if size_of(source) != size[0]:
            raise concurrent()

    def remove(place: int, item: Any) -> None:
        drop_at(meter, value, place, item)
        size[0] -= 1

    return Cursor(items, check, remove)


def drop_at(meter: Meter, value: Any, place: int, item: Any) -> None:
    """Removes the element that an iterator gave last."""
    if isinstance(value, JavaSet):
        if type(value) is FixedSet:
            raise unsupported()
        remove_key(meter, value.map, item)
    elif isinstance(value, EntryView):
        remove_key(meter, value.map, item.key)
    elif isinstance(value, ValueView):
        remove_key(meter, value.map, bare(map_keys(value.map)[place]))
    elif isinstance(value, SubList):
        items = value.load()
        del items[place]
        value.store(items)
    elif isinstance(value, Deque):
        del value.items[place]
    else:
        del value[place]


# Collections ------------------------------------------------------------------------------------------------------------


def add_item(meter: Meter, value: Any, item: Any) -> bool:
    """`collection.add(item)` for every collection that is no list."""
    if type(value) is FixedSet or isinstance(value, KeyView | ValueView | EntryView):
        raise unsupported()
    if isinstance(value, JavaSet):
        before = len(value.map)
        if not contains_key(meter, value.map, item):
            put(meter, value.map, item, True)
        return len(value.map) != before
    if item is None:
        raise null_pointer(None)
    meter.take_elements(1)
    if isinstance(value, PriorityQueue):
        meter.spend(len(value.items))
        value.insert(item)
    else:
        value.items.append(item)
    return True


def new_set(meter: Meter, made: Any, items: list[Any]) -> Any:
    """Fills a new set."""
    if isinstance(made.map, HashMap):
        made.map.table = max(16, _table_for(len(items)))
    for item in items:
        add_item(meter, made, item)
    return made


def _table_for(count: int) -> int:
    size = 1
    while size < -(-count * 4 // 3):
        size *= 2
    return size


def comparator(meter: Meter, order: Function | None) -> Callable[[Any, Any], int]:
    """A comparator as a function over Java values; None is the natural order."""
    if order is None:
        return compare
    call = order.call

    def run(a: Any, b: Any) -> int:
        result: int = call(a, b)
        return result

    return run


def list_index(index: int, size: int) -> int:
    """`list[index]` with the language's negative indexes, checked."""
    place = index + size if index < 0 else index
    if not 0 <= place < size:
        raise thrown("IndexOutOfBoundsException", f"Index {place} out of bounds for length {size}")
    return place


def array_index(index: int, size: int) -> int:
    place = index + size if index < 0 else index
    if not 0 <= place < size:
        raise thrown("ArrayIndexOutOfBoundsException", f"Index {place} out of bounds for length {size}")
    return place
