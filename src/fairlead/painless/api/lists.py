"""List and its classes. One implementation a method, written for a Python list; `_on_list` fits it to the other lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless.api.paths import get_by_path
from fairlead.painless.errors import illegal_argument, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.equality import equals, sort
from fairlead.painless.runtime.values import (
    ArraysList,
    Cursor,
    FixedList,
    Function,
    LinkedList,
    Stack,
    SubList,
    Vector,
)
from fairlead.painless.types import ClassRows, Row

_Method = Callable[..., Any]


def _on_list(method: _Method, *, mutates: bool = False, resizes: bool = False) -> _Method:
    """Takes a method on a Python list to every List: fixed ones refuse changes, parts write back."""

    def run(meter: Meter, value: Any, *values: Any) -> Any:
        kind = type(value)
        if kind is list:
            return method(meter, value, *values)
        if kind is SubList:
            items = value.load()
            result = method(meter, items, *values)
            if mutates:
                value.store(items)
            return result
        if (mutates and kind is FixedList) or (resizes and kind is ArraysList):
            raise c.unsupported()
        return method(meter, value, *values)

    return run


def _place(items: list[Any], index: int, most: int) -> int:
    if not 0 <= index < most:
        raise thrown("IndexOutOfBoundsException", f"Index {index} out of bounds for length {len(items)}")
    return index


def _get(meter: Meter, items: list[Any], index: int) -> Any:
    return items[_place(items, index, len(items))]


def _set(meter: Meter, items: list[Any], index: int, value: Any) -> Any:
    old = items[_place(items, index, len(items))]
    items[index] = value
    return old


def _insert(meter: Meter, items: list[Any], index: int, value: Any) -> None:
    if not 0 <= index <= len(items):
        raise thrown("IndexOutOfBoundsException", f"Index: {index}, Size: {len(items)}")
    meter.take_elements(1)
    meter.spend(len(items) >> 8)
    items.insert(index, value)


def _insert_all(meter: Meter, items: list[Any], index: int, other: Any) -> bool:
    if not 0 <= index <= len(items):
        raise thrown("IndexOutOfBoundsException", f"Index: {index}, Size: {len(items)}")
    added = list(c.items_of(meter, other))
    meter.take_elements(len(added))
    items[index:index] = added
    return bool(added)


def _remove_at(meter: Meter, items: list[Any], index: int) -> Any:
    _place(items, index, len(items))
    meter.spend(len(items) >> 8)
    return items.pop(index)


def _index_of(meter: Meter, items: list[Any], value: Any) -> int:
    meter.spend(len(items) >> 4)
    return next((i for i, item in enumerate(items) if equals(meter, value, item)), -1)


def _last_index_of(meter: Meter, items: list[Any], value: Any) -> int:
    meter.spend(len(items) >> 4)
    return next((i for i in range(len(items) - 1, -1, -1) if equals(meter, value, items[i])), -1)


def _sort(meter: Meter, items: list[Any], order: Function | None) -> None:
    items[:] = sort(meter, list(items), order.call if order is not None else None)


def _replace_all(meter: Meter, items: list[Any], function: Function) -> None:
    items[:] = [function.call(item) for item in list(items)]


def _sub_list(meter: Meter, value: Any, start: int, end: int) -> SubList:
    size = c.size_of(value)
    if start < 0:
        raise thrown("IndexOutOfBoundsException", f"fromIndex = {start}")
    if end > size:
        raise thrown("IndexOutOfBoundsException", f"toIndex = {end}")
    if start > end:
        raise illegal_argument(f"fromIndex({start}) > toIndex({end})")
    return SubList(value, start, end - start)


def _iterator(meter: Meter, value: Any, start: int = 0) -> Cursor:
    made = c.cursor(meter, value)
    made.place = start
    return made


def _copy(kind: Callable[[Any], Any]) -> Callable[[Meter, Any], Any]:
    def run(meter: Meter, items: Any) -> Any:
        found = c.items_of(meter, items)
        meter.take_elements(len(found))
        return kind(found)

    return run


_LIST = (
    Row("void add(int,def)", _on_list(_insert, mutates=True, resizes=True)),
    Row("boolean addAll(int,Collection)", _on_list(_insert_all, mutates=True, resizes=True)),
    Row("def get(int)", _on_list(_get)),
    Row("int indexOf(def)", _on_list(_index_of)),
    Row("int lastIndexOf(def)", _on_list(_last_index_of)),
    Row("ListIterator listIterator()", _iterator),
    Row("ListIterator listIterator(int)", _iterator),
    Row("def remove(int)", _on_list(_remove_at, mutates=True, resizes=True)),
    Row("void replaceAll(UnaryOperator)", _on_list(_replace_all, mutates=True)),
    Row("def set(int,def)", _on_list(_set, mutates=True)),
    Row("int getLength()", lambda m, r: c.size_of(r)),
    Row("void sort(Comparator)", _on_list(_sort, mutates=True)),
    Row("List subList(int,int)", _sub_list),
    Row("def getByPath(String)", get_by_path),
    Row("def getByPath(String,def)", get_by_path),
)


def _end(last: bool, remove: bool, error: str = "NoSuchElementException") -> Callable[[Meter, Any], Any]:
    def run(meter: Meter, items: Any) -> Any:
        if not items:
            raise thrown(error, None)
        return items.pop(-1 if last else 0) if remove else items[-1 if last else 0]

    return run


def _push(meter: Meter, items: Any, value: Any) -> Any:
    meter.take_elements(1)
    items.append(value)
    return value


def _search(meter: Meter, items: Any, value: Any) -> int:
    place = _last_index_of(meter, items, value)
    return len(items) - place if place >= 0 else -1


_VECTOR = (
    Row("void addElement(def)", lambda m, r, x: _drop(_push(m, r, x))),
    Row("def elementAt(int)", _get),
    Row("def firstElement()", _end(False, False)),
    Row("def lastElement()", _end(True, False)),
    Row("void removeAllElements()", lambda m, r: r.clear()),
    Row("void removeElementAt(int)", lambda m, r, i: _drop(_remove_at(m, r, i))),
    Row("void setElementAt(def,int)", lambda m, r, x, i: _drop(_set(m, r, i, x))),
    Row("def clone()", lambda m, r: _copy(type(r))(m, r)),
)
_STACK = (
    Row("def push(def)", _push),
    Row("def pop()", _end(True, True, "EmptyStackException")),
    Row("def peek()", _end(True, False, "EmptyStackException")),
    Row("boolean empty()", lambda m, r: not r),
    Row("int search(def)", _search),
)


def _drop(value: Any) -> None:
    return None


def _class(name: str, kind: Callable[..., Any], supers: tuple[str, ...], rows: tuple[Row, ...], tier: int) -> ClassRows:
    return ClassRows(
        f"java.util.{name}",
        supers,
        (*rows, Row("def clone()", lambda m, r: _copy(kind)(m, r))),
        (Row(f"{name} new()", lambda m: kind()), Row(f"{name} new(Collection)", _copy(kind))),
        tier=tier,
        python=(kind,) if isinstance(kind, type) else (),
    )


_U = "java.util."

TABLES = (
    ClassRows(_U + "List", (_U + "Collection",), _LIST, python=(FixedList, ArraysList, SubList)),
    _class("ArrayList", list, (_U + "List",), (), 1),
    _class("LinkedList", LinkedList, (_U + "List", _U + "Deque"), (), 2),
    _class("Vector", Vector, (_U + "List",), _VECTOR[:-1], 2),
    ClassRows(
        _U + "Stack", (_U + "Vector",), _STACK, (Row("Stack new()", lambda m: Stack()),), tier=2, python=(Stack,)
    ),
)
