"""Types of the language and the allowlist they carry; there is no other way from a script to a method.

Spec 04 sections 5, 9 and 15. A `Type` is a primitive, `def`, `void`, a class or an array. Classes get their rows from
`fairlead.painless.api`; a row is one method, constructor or constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from fairlead.painless.errors import null_pointer

Implementation = Callable[..., Any]
"""Takes the meter, the receiver (not for static rows) and the arguments, primitives unboxed; gives the result unboxed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One allowed member as written in a table: `signature` is `result name(parameter, ...)`."""

    signature: str
    run: Implementation
    static: bool = False
    mutates: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A row with its types resolved."""

    owner: Type
    name: str
    parameters: tuple[Type, ...]
    result: Type
    run: Implementation
    mutates: bool = False

    @property
    def handle(self) -> str:
        """How the JVM prints the method's handle, such as `MethodHandle(String,int)char`."""
        shown = ",".join([self.owner.short, *(p.short for p in self.parameters)])
        return f"MethodHandle({shown}){self.result.short}"

    @property
    def jvm(self) -> str:
        """How the JVM names the method in a null pointer message: `String.concat(String)`."""
        shown = ", ".join(p.jvm for p in self.parameters)
        return f"{self.owner.jvm}.{self.name}({shown})"


@dataclass(frozen=True, slots=True)
class Functional:
    """The one abstract method of a functional interface."""

    method: str
    parameters: tuple[Type, ...]
    result: Type


@dataclass(frozen=True, slots=True)
class ClassRows:
    """One class in a table: full Java name, direct ancestors nearest first, rows, constants, tier."""

    name: str
    supers: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    constructors: tuple[Row, ...] = ()
    constants: tuple[tuple[str, str, Any], ...] = ()
    tier: int = 1
    python: tuple[type, ...] = ()
    functional: str = ""


class Type:
    """One type; identity is equality."""

    __slots__ = (
        "ancestors",
        "box",
        "component",
        "constants",
        "constructors",
        "default",
        "functional",
        "getters",
        "methods",
        "name",
        "own",
        "path",
        "primitive",
        "rank",
        "setters",
        "short",
        "statics",
        "tier",
    )

    def __init__(
        self, name: str, *, primitive: bool = False, component: Type | None = None, default: Any = None, rank: int = -1
    ) -> None:
        self.name = name
        self.path = name
        self.short = name if component is not None else name.rpartition(".")[2]
        if component is not None:
            self.short = component.short + "[]"
        self.primitive = primitive
        self.component = component
        self.default = default
        self.rank = rank
        self.box: Type = self
        self.ancestors: tuple[Type, ...] = (self,)
        self.methods: dict[tuple[str, int], Method] = {}
        self.own: list[Method] = []
        self.statics: dict[tuple[str, int], Method] = {}
        self.constructors: dict[int, Method] = {}
        self.constants: dict[str, tuple[Type, Any]] = {}
        self.getters: dict[str, Method] = {}
        self.setters: dict[str, Method] = {}
        self.functional: Functional | None = None
        self.tier = 1

    def __repr__(self) -> str:
        return self.name

    @property
    def numeric(self) -> bool:
        return self.rank >= 0

    @property
    def jvm(self) -> str:
        """The JVM shortens only these two in its messages."""
        return self.short if self.name in ("java.lang.Object", "java.lang.String") else self.raw

    @property
    def raw(self) -> str:
        """The name in byte code: `def` is `java.lang.Object` there."""
        return "Object" if self is DEF else self.name

    def subclass_of(self, other: Type) -> bool:
        if other in self.ancestors:
            return True
        mine, its = self.component, other.component
        if mine is None or its is None or mine.primitive or its.primitive:
            return False
        # Arrays of references are covariant, and def[] is Object[].
        return its is DEF or mine.subclass_of(its)


# Rank orders the numeric types for promotion; int stands for everything narrower (spec 7.1).
BOOLEAN = Type("boolean", primitive=True, default=False)
BYTE = Type("byte", primitive=True, default=0, rank=0)
SHORT = Type("short", primitive=True, default=0, rank=1)
CHAR = Type("char", primitive=True, default=0, rank=2)
INT = Type("int", primitive=True, default=0, rank=3)
LONG = Type("long", primitive=True, default=0, rank=4)
FLOAT = Type("float", primitive=True, default=0.0, rank=5)
DOUBLE = Type("double", primitive=True, default=0.0, rank=6)
VOID = Type("void", primitive=True)
DEF = Type("def")
DEF.short = "Object"

PRIMITIVES = {t.name: t for t in (BOOLEAN, BYTE, SHORT, CHAR, INT, LONG, FLOAT, DOUBLE)}

_BOXES = {
    "boolean": "Boolean",
    "byte": "Byte",
    "short": "Short",
    "char": "Character",
    "int": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
}

_by_name: dict[str, Type] = {**PRIMITIVES, "void": VOID, "def": DEF}
_arrays: dict[Type, Type] = {}
_by_python: dict[type, Type] = {}


def find_type(name: str) -> Type | None:
    """A primitive, `def`, `void` or allowed class by simple or full name."""
    return _by_name.get(name)


def array_of(component: Type) -> Type:
    found = _arrays.get(component)
    if found is None:
        found = Type(component.name + "[]", component=component)
        found.ancestors = (found, OBJECT)
        found.methods = OBJECT.methods
        _arrays[component] = found
    return found


def resolve(name: str, dims: int = 0) -> Type | None:
    """The type written as `name` and `dims` pairs of brackets."""
    while name.endswith("[]"):
        name = name[:-2]
        dims += 1
    found = _by_name.get(name)
    if found is None or (found is VOID and dims):
        return None
    for _ in range(dims):
        found = array_of(found)
    return found


@cache
def needed(name: str) -> Type:
    """A type that the tables must know; a missing one is a fault in a table."""
    found = resolve(name)
    if found is None:
        raise LookupError(f"the allowlist names an unknown type {name}")
    return found


def type_of(python: type) -> Type:
    """The Java class of model values of a Python class; raises KeyError for what is no model class."""
    return _by_python[python]


def is_model(python: type) -> bool:
    """Whether values of this Python class may enter a script."""
    return python in _by_python


def allowed_types() -> list[Type]:
    """Every allowed class once, by full name."""
    return sorted({t for t in _by_name.values() if not t.primitive and t is not DEF}, key=lambda t: t.name)


# `Object` exists before the tables: arrays and `def` need it.
OBJECT = Type("java.lang.Object")
_by_name["Object"] = _by_name["java.lang.Object"] = OBJECT
DEF.ancestors = (DEF, OBJECT)


def _method(owner: Type, row: Row) -> Method:
    head, _, rest = row.signature.partition("(")
    result, _, name = head.rpartition(" ")
    parameters = tuple(needed(p.strip()) for p in rest[:-1].split(",") if p)
    run = row.run
    if any(not p.primitive and p is not DEF and p is not OBJECT for p in parameters):
        run = _null_checked(run)
    return Method(owner, name, parameters, needed(result or owner.name), run, row.mutates)


def _null_checked(run: Implementation) -> Implementation:
    """A null where the JVM would call a method of the argument: a null pointer there, a Python error here."""

    def checked(*values: Any) -> Any:
        try:
            return run(*values)
        except (AttributeError, TypeError):
            if None in values:
                raise null_pointer(None) from None
            raise

    return checked


def _property(prefix: str, name: str) -> str | None:
    """`getValue` -> `value`."""
    if name.startswith(prefix) and len(name) > len(prefix) and name[len(prefix)].isupper():
        rest = name[len(prefix) :]
        return rest[0].lower() + rest[1:]
    return None


def _add_properties(found: Type) -> None:
    for prefix in ("is", "get"):  # getName() wins over isName()
        for (name, arity), method in found.methods.items():
            property_name = _property(prefix, name) if arity == 0 else None
            if property_name is not None:
                found.getters[property_name] = method
    for (name, arity), method in found.methods.items():
        property_name = _property("set", name) if arity == 1 else None
        if property_name is not None:
            found.setters[property_name] = method


def register(tables: Iterable[ClassRows]) -> None:
    """Makes the classes of all tables known; called once, by `fairlead.painless.api`."""
    listed = list(tables)
    for table in listed:
        found = _by_name.get(table.name) or Type(table.name)
        found.tier = table.tier
        simple = table.name.split(".")
        # Inner classes are written with their outer class: Map.Entry.
        first_upper = next((i for i, part in enumerate(simple) if part[0].isupper()), len(simple) - 1)
        found.path = ".".join(simple[first_upper:])
        _by_name[table.name] = _by_name[found.path] = found
        for python in table.python:
            _by_python[python] = found
    for table in listed:
        _fill(_by_name[table.name], table)
    for table in listed:
        found = _by_name[table.name]
        found.ancestors = _linear(table.name, {t.name: t for t in listed})
        for ancestor in reversed(found.ancestors):
            for method in ancestor.own:
                found.methods[method.name, len(method.parameters)] = method
        _add_properties(found)
    for primitive in PRIMITIVES.values():
        primitive.box = _by_name[_BOXES[primitive.name]]
        primitive.box.box = primitive


def _fill(found: Type, table: ClassRows) -> None:
    for row in table.rows:
        method = _method(found, row)
        key = (method.name, len(method.parameters))
        if row.static:
            found.statics[key] = method
        else:
            found.own.append(method)
    for row in table.constructors:
        method = _method(found, row)
        found.constructors[len(method.parameters)] = method
    found.constants = {name: (needed(kind), value) for kind, name, value in table.constants}
    if table.functional:
        abstract = _method(found, Row(table.functional, len))
        found.functional = Functional(abstract.name, abstract.parameters, abstract.result)


def _linear(name: str, tables: dict[str, ClassRows]) -> tuple[Type, ...]:
    """The class and its ancestors, nearest first, Object last."""
    order: list[Type] = []

    def visit(current: str) -> None:
        found = _by_name[current]
        if found in order or found is OBJECT:
            return
        order.append(found)
        for above in tables[found.name].supers:
            visit(above)

    visit(name)
    order.append(OBJECT)
    return tuple(order)


def unboxed(found: Type) -> Type | None:
    """The primitive of a box class."""
    return found.box if found.box is not found and not found.primitive else None


def promote(left: Type, right: Type) -> Type | None:
    """The type of an arithmetic operator over two static numeric types."""
    if not (left.numeric and right.numeric):
        return None
    higher = left if left.rank >= right.rank else right
    return higher if higher.rank > INT.rank else INT
