"""Members and elements: what `x.name` and `x[i]` read and write, statically or at run time. Spec 04 sections 9.2-9.4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import Code, Run, Want, constant
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import Thrown, illegal_argument, null_pointer, problem, thrown
from fairlead.painless.runtime.collections import array_index, get, list_index, put
from fairlead.painless.runtime.convert import adapts, boxer, class_of, instance_of, jvm_to
from fairlead.painless.runtime.text import class_name, shown_class
from fairlead.painless.runtime.values import Array, ArraysList, FixedList, HashMap, SubList
from fairlead.painless.types import DEF, INT, OBJECT, VOID, Method, Type, needed, resolve


def wrong_method_type(handle: str, arguments: list[Type], result: Type | None) -> Thrown:
    shown = ",".join(["Object", *(t.short for t in arguments)])
    wanted = result.short if result is not None else "Object"
    return thrown("WrongMethodTypeException", f"cannot convert {handle} to ({shown}){wanted}")


def null_receiver(seen: bool) -> Thrown:
    """A call site words it by whether it has ever seen a value (spec 9.3)."""
    name = "receiver" if seen else "callArgs[0]"
    return null_pointer(f'Cannot invoke "Object.getClass()" because "{name}" is null')


def because(code: Code) -> str:
    """The tail of a null pointer message of the JVM."""
    return f' because "{code.jvm}" is null' if code.jvm else " because value is null"


def site_want(want: Want | None) -> Type | None:
    """The type that a def call site converts its own result to, when it stands in a typed place (spec 6.3)."""
    if want is None or want.explicit or want.type in (DEF, OBJECT, VOID):
        return None
    return want.type


# Names that are types ---------------------------------------------------------------------------------------------------


def dotted(node: n.Node) -> str | None:
    """`a.b.c` as written, when the node is nothing but names."""
    parts: list[str] = []
    while isinstance(node, n.Member) and not node.safe:
        parts.append(node.name)
        node = node.target
    if not isinstance(node, n.Name):
        return None
    parts.append(node.name)
    return ".".join(reversed(parts))


def may_be_static(unit: Unit, node: n.Node) -> bool:
    """Whether a node is nothing but names of which the first is no variable, or a type in itself."""
    if type(node) is n.Call or type(node) is n.Element:
        return False
    while isinstance(node, n.Member):
        if node.safe:
            return False
        node = node.target
    return not unit.known(node.name) if isinstance(node, n.Name) else isinstance(node, n.StaticType)


def static_type(unit: Unit, node: n.Node, at: int) -> Type | None:
    """The type that a chain of names stands for; None when a shorter chain is one. The first name is no variable.

    Fails at `at` when the chain is neither (spec 9.1).
    """
    if isinstance(node, n.StaticType):
        return unit.type_named(node.type)
    text = dotted(node)
    if text is None:
        return None
    found = resolve(text)
    if found is None and isinstance(node, n.Member) and static_prefix(unit, node):
        return None
    if found is None:
        raise problem(at, f"cannot resolve symbol [{text}]")
    return found


def static_prefix(unit: Unit, node: n.Member) -> bool:
    """Whether some shorter chain is a type, so that this is a constant of it."""
    target: n.Node = node.target
    while True:
        text = dotted(target)
        if text is not None and resolve(text) is not None:
            return True
        if not isinstance(target, n.Member):
            return False
        target = target.target


# Reading members --------------------------------------------------------------------------------------------------------


def member(unit: Unit, node: n.Member, want: Want | None) -> Code:
    """`x.name` (spec 9.2)."""
    if not node.safe and may_be_static(unit, node.target):
        text = dotted(node)
        if text is not None and not static_prefix(unit, node):
            # The whole chain of names is one symbol for the original.
            raise problem(node.at, f"cannot resolve symbol [{text}]")
        kind = static_type(unit, node.target, node.at)
        if kind is not None:
            unit.mark = node.at
            return _constant(node, kind)
    target = unit.value(node.target)
    if target.type is DEF:
        return read_member(unit, node, target, want)
    code = _static_member(unit, node, target)
    if not node.safe:
        return code
    if code.type.primitive:
        raise problem(None, "Result of null safe operator must be nullable")
    return code


def _not_found(node: n.Member, kind: Type) -> Exception:
    return problem(node.at, f"field [{kind.name}, {node.name}] not found")


def _constant(node: n.Member, kind: Type) -> Code:
    found = kind.constants.get(node.name)
    if found is None:
        raise _not_found(node, kind)
    return constant(found[0], found[1], node.at) if found[0].primitive else _reference(found, node.at)


def _reference(found: tuple[Type, Any], at: int) -> Code:
    value = found[1]
    return Code(found[0], lambda f: value, at)


def _guarded(
    target: Code, node: n.Member | n.Call, run: Callable[[Any, Any], Any], message: str, at: int | None
) -> Run:
    """Null handling of a static receiver: `?.` gives null, `.` fails with the JVM's words."""
    receiver = target.run
    safe = node.safe

    def guarded(f: list[Any], _at: int | None = at) -> Any:
        value = receiver(f)
        if value is None:
            if safe:
                return None
            raise null_pointer(message)
        return run(f[0], value)

    return guarded


def _static_member(unit: Unit, node: n.Member, target: Code) -> Code:
    kind, name = target.type, node.name
    unit.mark = node.at
    if kind.component is not None:
        if name != "length":
            raise _not_found(node, kind)
        message = "Cannot read the array length" + because(target)
        return Code(INT, _guarded(target, node, lambda m, r: len(r.items), message, unit.mark), node.at)
    getter = kind.getters.get(name)
    if getter is not None:
        message = f'Cannot invoke "{getter.jvm}"' + because(target)
        return Code(getter.result, _guarded(target, node, getter.run, message, unit.mark), node.at, computed=True)
    if kind.subclass_of(needed("Map")):
        return Code(DEF, _map_member(target, node, name, unit.mark), node.at)
    if kind.subclass_of(needed("List")):
        if not name.isdigit():
            raise problem(node.at, f"Illegal list shortcut value [{name}].")
        index = int(name)
        message = 'Cannot invoke "java.util.List.get(int)"' + because(target)
        return Code(DEF, _guarded(target, node, lambda m, r: _list_get(r, index), message, unit.mark), node.at)
    raise _not_found(node, kind)


def _map_member(target: Code, node: n.Member, name: str, at: int | None) -> Run:
    receiver = target.run
    message = 'Cannot invoke "java.util.Map.get(Object)"' + because(target)
    slow = _guarded(target, node, lambda m, r: get(m, r, name), message, at)
    if target.slot >= 0:
        slot = target.slot

        def of_local(f: list[Any]) -> Any:
            found = f[slot]
            return found.get(name) if type(found) is dict else slow(f)

        return of_local

    def run(f: list[Any]) -> Any:
        found = receiver(f)
        if type(found) is dict:
            return found.get(name)
        if found is None:
            return slow(f)
        return get(f[0], found, name)

    return run


def _list_get(found: Any, index: int) -> Any:
    if type(found) is SubList:
        found = found.load()
    return found[list_index(index, len(found))]


Getter = Callable[[Any, Any], Any]


def _boxed_result(method: Method) -> Getter:
    run = method.run
    make = boxer(method.result)
    if make is None:
        return run
    box = make
    return lambda m, r: box(run(m, r))


def find_getter(value: Any, name: str) -> Getter:
    """How `name` is read from a value of this class (spec 9.3)."""
    kind = class_of(value)
    if kind.component is not None and name == "length":
        return lambda m, r: len(r.items)
    method = kind.getters.get(name)
    if method is not None:
        return _boxed_result(method)
    if isinstance(value, dict):
        return lambda m, r: get(m, r, name)
    if isinstance(value, list | SubList):
        if not name.isdigit():
            raise illegal_argument(f"Illegal list shortcut value [{name}].")
        index = int(name)
        return lambda m, r: _list_get(r, index)
    raise illegal_argument(f"dynamic getter [{shown_class(value)}, {name}] not found")


def read_member(unit: Unit, node: n.Member, target: Code, want: Want | None) -> Code:
    """`x.name` with a def receiver: a call site that remembers how each class is read."""
    unit.mark = node.at
    name, safe, receiver = node.name, node.safe, target.run
    direct = name not in needed("Map").getters
    cache: dict[Any, Getter] = {}

    def slow(f: list[Any], value: Any, _at: int | None = unit.mark) -> Any:
        if value is None:
            if safe:
                return None
            raise null_receiver(bool(cache))
        key = cache_key(value)
        found = cache.get(key)
        if found is None:
            found = cache[key] = find_getter(value, name)
        return found(f[0], value)

    def run(f: list[Any], _at: int | None = unit.mark) -> Any:
        value = receiver(f)
        if direct and type(value) is dict and cache:
            return value.get(name)
        return slow(f, value)

    return site_result(unit, Code(DEF, run, node.at), None if safe else site_want(want))


def cache_key(value: Any) -> Any:
    """What decides the class of a value: its Python class, or the Java type where one Python class has several."""
    kind = type(value)
    return class_of(value) if kind.__name__ in _VARYING else kind


_VARYING = frozenset({"Array", "Thrown", "Function", "Stream", "Optional"})


def site_result(unit: Unit, code: Code, target: Type | None) -> Code:
    """A def call site in a typed place converts its result itself, by the JVM's rules."""
    if target is None:
        return code
    change = jvm_to(target)
    if change is None:
        return code
    run, convert = code.run, change

    def converted(f: list[Any], _at: int | None = unit.mark) -> Any:
        return convert(run(f))

    return Code(target, converted, code.at)


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
        return Site(DEF, node.at, _pair(target, index, message, unit.mark), _list_load, _list_store, unit.mark)
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
    return _list_get(found, index)


def _list_store(meter: Any, found: Any, index: int, value: Any) -> None:
    if type(found) is SubList:
        items = found.load()
        items[list_index(index, len(items))] = value
        found.store(items)
        return
    place = list_index(index, len(found))
    if type(found) is FixedList:
        raise thrown("UnsupportedOperationException", None)
    found[place] = value


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
    return _list_get(found, key)


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
        _list_store(meter, found, key, value)


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


# Writing members --------------------------------------------------------------------------------------------------------

Setter = Callable[[Any, Any, Any], Any]


def static_setter(unit: Unit, node: n.Member, kind: Type) -> tuple[Type, Setter]:
    """How a member of a static type is written: the type it takes, and the closure."""
    name = node.name
    if kind.component is not None:
        if name == "length":
            message = "invalid assignment: cannot assign a value write to read-only field [length] for an array."
            raise problem(node.at, message)
        raise _not_found(node, kind)
    setter = kind.setters.get(name)
    if setter is not None:
        return setter.parameters[0], setter.run
    if kind.subclass_of(needed("Map")):
        return DEF, lambda m, r, v: put(m, r, name, v)
    if kind.subclass_of(needed("List")):
        if not name.isdigit():
            raise problem(node.at, f"Illegal list shortcut value [{name}].")
        index = int(name)
        return DEF, lambda m, r, v: _list_store(m, r, index, v)
    raise _not_found(node, kind)


def write_member(meter: Any, found: Any, name: str, value: Any, seen: bool) -> None:
    """`x.name = value` with a def receiver and a Java value."""
    if found is None:
        raise null_receiver(seen)
    if type(found) is dict or type(found) is HashMap:
        put(meter, found, name, value)
        return
    kind = class_of(found)
    setter = kind.setters.get(name)
    if setter is not None:
        change = jvm_to(setter.parameters[0])
        setter.run(meter, found, change(value) if change is not None else value)
    elif isinstance(found, dict):
        put(meter, found, name, value)
    elif isinstance(found, list | SubList):
        if not name.isdigit():
            raise illegal_argument(f"Illegal list shortcut value [{name}].")
        _list_store(meter, found, int(name), value)
    else:
        raise illegal_argument(f"dynamic setter [{shown_class(found)}, {name}] not found")


def static_value(unit: Unit, node: n.StaticType, want: Want | None) -> Code:
    raise problem(node.at, f"invalid expression: static type [{node.type.text}] cannot be used as a value")


EXPRESSIONS: dict[Any, Any] = {n.Member: member, n.Element: element, n.StaticType: static_value}
