"""Members and elements: what `x.name` and `x[i]` read and write, statically or at run time. Spec 04 sections 9.2-9.4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import Code, Run, Want, constant
from fairlead.painless.compiler.elements import element
from fairlead.painless.compiler.sites import (
    because,
    cache_key,
    list_get,
    list_store,
    null_receiver,
    site_result,
    site_want,
)
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import illegal_argument, null_pointer, problem
from fairlead.painless.runtime.collections import get, put
from fairlead.painless.runtime.convert import boxer, class_of, jvm_to
from fairlead.painless.runtime.text import shown_class
from fairlead.painless.runtime.values import HashMap, SubList
from fairlead.painless.types import DEF, INT, Method, Type, needed, resolve

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
        return Code(DEF, _guarded(target, node, lambda m, r: list_get(r, index), message, unit.mark), node.at)
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
        return lambda m, r: list_get(r, index)
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
        return DEF, lambda m, r, v: list_store(m, r, index, v)
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
        list_store(meter, found, int(name), value)
    else:
        raise illegal_argument(f"dynamic setter [{shown_class(found)}, {name}] not found")


def static_value(unit: Unit, node: n.StaticType, want: Want | None) -> Code:
    raise problem(node.at, f"invalid expression: static type [{node.type.text}] cannot be used as a value")


EXPRESSIONS: dict[Any, Any] = {n.Member: member, n.Element: element, n.StaticType: static_value}
