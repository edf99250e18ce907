"""The classes a script's values can have; nothing here computes or prints.

Spec 04 section 18.2. Python's own str, float, bool, int, None, list and dict stand for String, Double, Boolean, Integer,
null, ArrayList and LinkedHashMap. `bool` is a Python int and the classes below are ints or floats too, so everything
dispatches on `type(x)`, never on `isinstance`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

from fairlead.java.text import hash_map_order, java_hash, table_size
from fairlead.painless.types import Type


class Long(int):
    __slots__ = ()


class Short(int):
    __slots__ = ()


class Byte(int):
    __slots__ = ()


class Char(int):
    """A Character: the number of its UTF-16 unit."""

    __slots__ = ()


class BigInteger(int):
    __slots__ = ()


class Float(float):
    """A Float: a double that single precision holds exactly."""

    __slots__ = ()


class Key:
    """A map key that Python would confuse or cannot hash; strings, Integers and null stand for themselves."""

    __slots__ = ("equals", "hash", "value")

    def __init__(self, value: Any, hash_: int, equals: Callable[[Any, Any], bool]) -> None:
        self.value = value
        self.hash = hash_
        self.equals = equals

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return type(other) is Key and other.hash == self.hash and self.equals(self.value, other.value)


class HashMap(dict[Any, Any]):
    """A HashMap: a dict that knows how many buckets the Java map has by now (spec 8.2)."""

    __slots__ = ("table",)

    def __init__(self, content: dict[Any, Any] | None = None, table: int = 0) -> None:
        super().__init__(content or {})
        self.table = table

    def grow(self) -> None:
        """Before an entry is removed and before iterating: the table never shrinks."""
        self.table = table_size(len(self), self.table or 16)

    def reserve(self, count: int) -> None:
        """What `putAll` and the copy constructor do before they put: a table for `count` entries."""
        if self.table == 0 and not self:
            size = 1
            while size < -(-count * 4 // 3):
                size *= 2
            self.table = size
        else:
            self.grow()
            self.table = table_size(count, self.table)


class TreeMap(dict[Any, Any]):
    """A TreeMap: a dict and its stored keys in order. Keys that compare as equal are one key."""

    __slots__ = ("compare", "order")

    def __init__(self, compare: Callable[[Any, Any], int]) -> None:
        super().__init__()
        self.compare = compare
        self.order: list[Any] = []

    def place(self, key: Any) -> tuple[int, bool]:
        """Where a Java value is or would go in `order` (stored keys), and whether it is there."""
        order = self.order
        low, high = 0, len(order)
        if not order:
            self.compare(key, key)  # Java checks the type of a first key the same way
        while low < high:
            middle = (low + high) // 2
            sign = self.compare(bare(order[middle]), key)
            if sign == 0:
                return middle, True
            if sign < 0:
                low = middle + 1
            else:
                high = middle
        return low, False


class LinkedList(list[Any]):
    __slots__ = ()


class Vector(list[Any]):
    __slots__ = ()


class Stack(Vector):
    __slots__ = ()


class FixedList(list[Any]):
    """An unmodifiable list."""

    __slots__ = ("kind",)
    kind: str


class ArraysList(list[Any]):
    """What Arrays.asList gives: elements can be set, the size cannot change."""

    __slots__ = ()


class FixedMap(dict[Any, Any]):
    """An unmodifiable map with insertion order."""

    __slots__ = ()


class SubList:
    """A part of a list, through which the list changes."""

    __slots__ = ("offset", "parent", "size")

    def __init__(self, parent: Any, offset: int, size: int) -> None:
        self.parent = parent
        self.offset = offset
        self.size = size

    def load(self) -> list[Any]:
        whole = self.parent.load() if type(self.parent) is SubList else self.parent
        return list(whole[self.offset : self.offset + self.size])

    def store(self, items: list[Any]) -> None:
        if type(self.parent) is SubList:
            whole = self.parent.load()
            whole[self.offset : self.offset + self.size] = items
            self.parent.store(whole)
        else:
            self.parent[self.offset : self.offset + self.size] = items
        self.size = len(items)


class JavaSet:
    """A set: the keys of a map."""

    __slots__ = ("map",)

    def __init__(self, map_: dict[Any, Any]) -> None:
        self.map = map_


class HashSet(JavaSet):
    __slots__ = ()


class LinkedHashSet(JavaSet):
    __slots__ = ()


class TreeSet(JavaSet):
    __slots__ = ()


class FixedSet(JavaSet):
    __slots__ = ()


class KeyView(JavaSet):
    """`map.keySet()`: shows the map as it is."""

    __slots__ = ()


class ValueView:
    """`map.values()`."""

    __slots__ = ("map",)

    def __init__(self, map_: dict[Any, Any]) -> None:
        self.map = map_


class EntryView:
    """`map.entrySet()`."""

    __slots__ = ("map",)

    def __init__(self, map_: dict[Any, Any]) -> None:
        self.map = map_


class Entry:
    """A Map.Entry: `map` is None for one that stands alone."""

    __slots__ = ("key", "map", "value")

    def __init__(self, key: Any, value: Any, map_: dict[Any, Any] | None) -> None:
        self.key = key
        self.value = value
        self.map = map_


class Deque:
    """ArrayDeque: a queue at both ends without null."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        self.items = items


class PriorityQueue(Deque):
    """A queue that keeps its items in order; the comparator works on Java values."""

    __slots__ = ("compare",)

    def __init__(self, compare: Callable[[Any, Any], int]) -> None:
        super().__init__([])
        self.compare = compare

    def insert(self, item: Any) -> None:
        from_key = _Ordered(item, self.compare)
        keys = [_Ordered(old, self.compare) for old in self.items]
        self.items.insert(bisect_left(keys, from_key), item)


class _Ordered:
    __slots__ = ("compare", "item")

    def __init__(self, item: Any, compare: Callable[[Any, Any], int]) -> None:
        self.item = item
        self.compare = compare

    def __lt__(self, other: _Ordered) -> bool:
        return self.compare(self.item, other.item) < 0


class Array:
    """A Java array: primitives unboxed, `kind` is the array's type."""

    __slots__ = ("items", "kind")

    def __init__(self, kind: Type, items: list[Any]) -> None:
        self.kind = kind
        self.items = items


class Builder:
    """StringBuilder: parts that are joined when somebody looks."""

    __slots__ = ("parts",)

    def __init__(self, text: str = "") -> None:
        self.parts = [text] if text else []

    def text(self) -> str:
        parts = self.parts
        if len(parts) == 1:
            return parts[0]
        joined = "".join(parts)
        self.parts = [joined]
        return joined


class Buffer(Builder):
    """StringBuffer."""

    __slots__ = ()


class Cursor:
    """An Iterator over items that were listed when it was made; `check` fails when the source changed."""

    __slots__ = ("check", "end", "items", "place", "remove")

    def __init__(
        self,
        items: list[Any],
        check: Callable[[], None],
        remove: Callable[[int, Any], None] | None = None,
        end: Callable[[], int] | None = None,
    ) -> None:
        self.items = items
        self.place = 0
        self.check = check
        self.remove = remove
        self.end = end


class Function:
    """A functional object: `call` takes Java values and gives the result of the interface's method, unboxed."""

    __slots__ = ("call", "kind")

    def __init__(self, kind: str, call: Callable[..., Any]) -> None:
        self.kind = kind
        self.call = call


class Optional:
    """Optional and its primitive relatives: `kind` is the simple class name; a value is boxed."""

    __slots__ = ("kind", "present", "value")

    def __init__(self, kind: str, present: bool, value: Any = None) -> None:
        self.kind = kind
        self.present = present
        self.value = value


class Stream:
    """A stream that was not used yet: `items` yields Java values, unboxed in the primitive kinds."""

    __slots__ = ("items", "kind", "used")

    def __init__(self, kind: str, items: Iterator[Any]) -> None:
        self.kind = kind
        self.items = items
        self.used = False


class Plain:
    """Base of small library objects whose state is one tuple or list of fields."""

    __slots__ = ("state",)

    def __init__(self, *state: Any) -> None:
        self.state = list(state)


def bare(key: Any) -> Any:
    """The Java value of a stored key."""
    return key.value if type(key) is Key else key


def _stored_hash(key: Any) -> int:
    return key.hash if type(key) is Key else java_hash(key)


def map_keys(found: dict[Any, Any]) -> list[Any]:
    """The stored keys of a map in the order in which Java iterates over them."""
    if isinstance(found, HashMap):
        found.grow()
        return hash_map_order(found, table=found.table, hash_of=_stored_hash)
    if isinstance(found, TreeMap):
        return list(found.order)
    return list(found)
