"""Elements: what x[i] reads and writes, statically or at run time. Spec 04 section 9.4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import Code, Want
from fairlead.painless.compiler.sites import (
    because,
    list_get,
    list_store,
    null_receiver,
    site_result,
    site_want,
)
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import illegal_argument, null_pointer, problem, thrown
from fairlead.painless.runtime.collections import array_index, get, list_index, put
from fairlead.painless.runtime.convert import adapts, boxer, class_of, instance_of, jvm_to
from fairlead.painless.runtime.text import class_name, shown_class
from fairlead.painless.runtime.values import Array, ArraysList, SubList
from fairlead.painless.types import DEF, INT, VOID, Type, needed

# Elements ---------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Site:
    """Closures of `x[i]`: `prepare` gives receiver and index ready for use, the others take these."""

    type: Type
    at: int
    prepare: Callable[[list[Any]], tuple[Any, Any]]
    load: Callable[[Any, Any, Any], Any]
    store: Callable[[Any, Any, Any, Any], None]
    after: int | None


def element_site(unit: Unit, node: n.Element) -> Site:
    """Compiles receiver and index of `x[i]`."""
    target = unit.value(node.target)
    kind = target.type
    if kind is DEF:
        return _def_site(unit, node, target)
    if kind.component is not None:
        index = unit.typed(node.index, INT)
        unit.mark = node.at
        message = "Cannot load from array" + because(target)
        return Site(
            kind.component, node.at, _pair(target, index, message, unit.mark), _array_load, _array_store, unit.mark
        )
    if kind.subclass_of(needed("Map")):
        index = unit.typed(node.index, DEF)
        unit.mark = node.at
        message = 'Cannot invoke "java.util.Map.get(Object)"' + because(target)
        return Site(DEF, node.at, _pair(target, index, message, unit.mark), get, put, unit.mark)
    if kind.subclass_of(needed("List")):
        index = unit.typed(node.index, INT)
        unit.mark = node.at
        message = 'Cannot invoke "java.util.List.get(int)"' + because(target)
        return Site(DEF, node.at, _pair(target, index, message, unit.mark), _list_load, list_store, unit.mark)
    raise problem(node.at, f"Illegal array access on type [{kind.name}].")


def _pair(target: Code, index: Code, message: str, at: int | None) -> Callable[[list[Any]], tuple[Any, Any]]:
    receiver, place = target.run, index.run

    def prepare(f: list[Any], _at: int | None = at) -> tuple[Any, Any]:
        found = receiver(f)
        key = place(f)
        if found is None:
            raise null_pointer(message)
        return found, key

    return prepare


def _array_load(meter: Any, found: Any, index: int) -> Any:
    items = found.items
    if 0 <= index < len(items):
        return items[index]
    return items[array_index(index, len(items))]


def _array_store(meter: Any, found: Any, index: int, value: Any) -> None:
    items = found.items
    place = array_index(index, len(items))
    component = found.kind.component
    # Java arrays know their element type: Object[] x = new String[1]; x[0] = 5.
    if not component.primitive and value is not None and not instance_of(value, component):
        raise thrown("ArrayStoreException", class_name(value))
    items[place] = value


def _list_load(meter: Any, found: Any, index: int) -> Any:
    return list_get(found, index)


_to_int = jvm_to(INT)


def _def_site(unit: Unit, node: n.Element, target: Code) -> Site:
    """`x[i]` with a def receiver. The index is brought into range before the bracket is marked (spec 13.3)."""
    index = unit.value(node.index)
    if index.type is VOID:
        raise unit.cannot_cast(index, DEF)
    before = unit.mark
    unit.mark = node.at
    receiver, place = target.run, index.run
    make = boxer(index.type)
    static = index.type
    seen: list[bool] = []

    def check(found: Any, key: Any, _at: int | None = before) -> Any:
        if found is None:
            raise null_receiver(bool(seen))
        if not seen:
            seen.append(True)
        if isinstance(found, dict):
            return make(key) if make is not None else key
        is_list = isinstance(found, list | SubList)
        if not is_list and type(found) is not Array:
            raise illegal_argument(f"Attempting to address a non-array-like type [{shown_class(found)}] as an array.")
        if static is INT or (type(key) is int and static is DEF):
            return key
        if not adapts(static, INT) or (static is not DEF and static.primitive):
            receiver_type = "List" if is_list else class_of(found).short
            raise thrown(
                "WrongMethodTypeException",
                f"cannot convert MethodHandle({receiver_type},int)int to (Object,{static.short}){static.short}",
            )
        assert _to_int is not None
        return _to_int(key)

    def prepare(f: list[Any], _at: int | None = unit.mark) -> tuple[Any, Any]:
        found = receiver(f)
        return found, check(found, place(f))

    return Site(DEF, node.at, prepare, def_load, def_store, unit.mark)


def def_load(meter: Any, found: Any, key: Any) -> Any:
    """An element of a def value; the key was checked."""
    kind = type(found)
    if kind is list:
        if 0 <= key < len(found):
            return found[key]
        return found[list_index(key, len(found))]
    if isinstance(found, dict):
        return get(meter, found, key)
    if kind is Array:
        value = _array_load(meter, found, key)
        make = boxer(found.kind.component)
        return make(value) if make is not None else value
    return list_get(found, key)


def def_store(meter: Any, found: Any, key: Any, value: Any) -> None:
    """Stores a Java value into an element of a def value."""
    kind = type(found)
    if kind is list or kind is ArraysList:
        found[list_index(key, len(found))] = value
    elif isinstance(found, dict):
        put(meter, found, key, value)
    elif kind is Array:
        component = found.kind.component
        change = jvm_to(component)
        _array_store(meter, found, key, change(value) if change is not None else value)
    else:
        list_store(meter, found, key, value)


def element(unit: Unit, node: n.Element, want: Want | None) -> Code:
    """`x[i]` as a value."""
    site = element_site(unit, node)
    prepare, load = site.prepare, site.load

    def run(f: list[Any], _at: int | None = site.after) -> Any:
        found, key = prepare(f)
        return load(f[0], found, key)

    code = Code(site.type, run, node.at)
    if load is def_load:
        return site_result(unit, code, site_want(want))
    return code
