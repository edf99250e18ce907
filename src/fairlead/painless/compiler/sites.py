"""What call sites share: null receivers, results in typed places, lists by index; it compiles no node. Spec 04 sections 6.3 and 9.3."""

from __future__ import annotations

from typing import Any

from fairlead.painless.compiler.code import Code, Want
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import Thrown, null_pointer, thrown
from fairlead.painless.runtime.collections import list_index
from fairlead.painless.runtime.convert import class_of, jvm_to
from fairlead.painless.runtime.values import FixedList, SubList
from fairlead.painless.types import DEF, OBJECT, VOID, Type


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
    return because_null(code.jvm)


def because_null(name: str) -> str:
    return f' because "{name}" is null' if name else " because value is null"


def site_want(want: Want | None) -> Type | None:
    """The type that a def call site converts its own result to, when it stands in a typed place (spec 6.3)."""
    if want is None or want.explicit or want.type in (DEF, OBJECT, VOID):
        return None
    return want.type


def list_get(found: Any, index: int) -> Any:
    if type(found) is SubList:
        found = found.load()
    return found[list_index(index, len(found))]


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


def list_store(meter: Any, found: Any, index: int, value: Any) -> None:
    if type(found) is SubList:
        items = found.load()
        items[list_index(index, len(items))] = value
        found.store(items)
        return
    place = list_index(index, len(found))
    if type(found) is FixedList:
        raise thrown("UnsupportedOperationException", None)
    found[place] = value
