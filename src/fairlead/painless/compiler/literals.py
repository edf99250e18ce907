"""Constants, initialisers, names and new arrays. Spec 04 sections 3, 9.1 and 10."""

from __future__ import annotations

import math
from typing import Any

from fairlead.java.regex import compile_java
from fairlead.java.text import to_float32
from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import Code, Want, constant, local
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import CompileProblem, problem, thrown
from fairlead.painless.runtime.collections import new_hash_map, put
from fairlead.painless.runtime.patterns import PatternFault, make_pattern
from fairlead.painless.runtime.values import Array, HashMap
from fairlead.painless.types import (
    BOOLEAN,
    DEF,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    OBJECT,
    Type,
    needed,
)

_INT_MAX = 0x7FFFFFFF
_LONG_MAX = 0x7FFFFFFFFFFFFFFF


def number(unit: Unit, node: n.Number, want: Want | None, *, negative: bool = False) -> Code:
    """A number literal; a minus in front belongs to it, so that the smallest int can be written."""
    text = node.text
    if node.radix != 10:
        return _radix(node, negative)
    suffix = text[-1]
    if suffix in "fF":
        value = to_float32(_real(text[:-1]))
        return constant(FLOAT, -value if negative else value, node.at)
    if suffix in "dD" or node.point:
        value = _real(text.rstrip("dD"))
        return constant(DOUBLE, -value if negative else value, node.at)
    sign = "-" if negative else ""
    if suffix in "lL":
        return _long(text[:-1], sign + text[:-1], negative, node.at)
    if len(text) < 11:
        whole = -int(text) if negative else int(text)
        if -_INT_MAX - 1 <= whole <= _INT_MAX:
            code = constant(INT, whole, node.at)
            code.literal = True
            return code
    raise _too_large(sign + text, text, negative, node.at)


def _real(text: str) -> float:
    try:
        return float(text)
    except OverflowError:
        return math.inf


def _too_large(shown: str, digits: str, negative: bool, at: int) -> CompileProblem:
    hint = ""
    if len(digits) < 20 and (-int(digits) if negative else int(digits)) in range(-_LONG_MAX - 1, _LONG_MAX + 1):
        hint = f" If you want a long constant then change it to [{shown}L]."
    return problem(at, f"Invalid int constant [{shown}].{hint}")


def _long(digits: str, shown: str, negative: bool, at: int) -> Code:
    value = int(digits) if len(digits) < 21 else _LONG_MAX + 2
    if negative:
        value = -value
    if not -_LONG_MAX - 1 <= value <= _LONG_MAX:
        raise problem(at, f"Invalid long constant [{shown}L].")
    return constant(LONG, value, at)


def _radix(node: n.Number, negative: bool) -> Code:
    text = node.text
    long = text[-1] in "lL"
    if node.radix == 16 and not long and text[-1] in "fFdD":
        # The original takes the last digit for a type suffix [V].
        raise problem(node.at, "Illegal tree structure.", "IllegalStateException")
    digits = text[2 if node.radix == 16 else 1 :].rstrip("lL")
    shown = ("-" if negative else "") + digits
    value = int(digits, node.radix) if len(digits) < 64 else _LONG_MAX + 2
    if negative:
        value = -value
    if long:
        if not -_LONG_MAX - 1 <= value <= _LONG_MAX:
            raise problem(node.at, f"Invalid long constant [{shown}L].")
        return constant(LONG, value, node.at)
    if not -_INT_MAX - 1 <= value <= _INT_MAX:
        fits = -_LONG_MAX - 1 <= value <= _LONG_MAX
        hint = f" If you want a long constant then change it to [{shown}L]." if fits else ""
        raise problem(node.at, f"Invalid int constant [{shown}].{hint}")
    code = constant(INT, value, node.at)
    code.literal = True
    return code


def string(unit: Unit, node: n.Text, want: Want | None) -> Code:
    value = node.value
    if not value.isascii():
        # The source is read by UTF-16 unit; a string holds whole characters.
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    code = constant(unit.string, value, node.at)
    code.literal = True
    return code


def simple(unit: Unit, node: n.Constant, want: Want | None) -> Code:
    if node.value is None:
        return constant(OBJECT, None, node.at, null=True)
    return constant(BOOLEAN, node.value, node.at)


def regex(unit: Unit, node: n.Regex, want: Want | None) -> Code:
    unit.shared.starts.add(node.at)
    try:
        pattern = make_pattern(compile_java, node.pattern, node.flags)
    except PatternFault as fault:
        cause = thrown("PatternSyntaxException", str(fault))
        message = (
            f"invalid regular expression: could not compile regex constant [{node.pattern}] with flags [{node.flags}]"
        )
        # Placed at the character of the pattern that is wrong, behind the slash.
        at = node.at + 1 + fault.index if fault.index >= 0 else node.at
        raise CompileProblem(at, thrown("IllegalArgumentException", message, cause)) from fault
    return constant(needed("Pattern"), pattern, node.at)


def parens(unit: Unit, node: n.Parens, want: Want | None) -> Code:
    return unit.visit(node.inner, want)


def name(unit: Unit, node: n.Name, want: Want | None) -> Code:
    variable = unit.find(node.name)
    if variable is None:
        if unit.type_named(n.TypeName(node.name, 0, node.at)) is not None:
            raise problem(node.at, f"invalid expression: static type [{node.name}] cannot be used as a value")
        raise problem(node.at, f"cannot resolve symbol [{node.name}]")
    return local(variable, node.at)


def list_literal(unit: Unit, node: n.ListLiteral, want: Want | None) -> Code:
    unit.mark = node.at
    runs = [unit.typed(item, DEF).run for item in node.items]
    count = len(runs)

    def make(f: list[Any], _at: int | None = unit.mark) -> list[Any]:
        f[0].take_elements(count)
        return [run(f) for run in runs]

    def empty(f: list[Any]) -> list[Any]:
        return []

    return Code(needed("ArrayList"), make if count else empty, node.at)


def map_literal(unit: Unit, node: n.MapLiteral, want: Want | None) -> Code:
    unit.mark = node.at
    runs = [(unit.typed(key, DEF).run, unit.typed(value, DEF).run) for key, value in node.items]
    count = len(runs)

    def make(f: list[Any], _at: int | None = unit.mark) -> HashMap:
        meter = f[0]
        meter.take_elements(count)
        made = new_hash_map()
        for key, value in runs:
            put(meter, made, key(f), value(f))
        return made

    return Code(needed("HashMap"), make, node.at)


def named_type(unit: Unit, node: n.New | n.NewArray | n.NewArrayItems) -> Type:
    found = unit.type_named(node.type)
    if found is None:
        raise problem(node.at, f"Not a type [{node.type.text}].")
    return found


def _default(kind: Type) -> Any:
    return kind.default if kind.primitive else None


def new_array(unit: Unit, node: n.NewArray, want: Want | None) -> Code:
    kind = named_type(unit, node)
    unit.mark = node.at
    runs = [unit.typed(size, INT).run for size in node.sizes]

    def make(f: list[Any], _at: int | None = unit.mark) -> Array:
        return _allocate(f[0], kind, [run(f) for run in runs])

    return Code(kind, make, node.at)


def _allocate(meter: Any, kind: Type, sizes: list[int]) -> Array:
    size = sizes[0]
    if size < 0:
        raise thrown("NegativeArraySizeException", str(size))
    meter.take_elements(size)
    assert kind.component is not None
    if len(sizes) == 1:
        return Array(kind, [_default(kind.component)] * size)
    return Array(kind, [_allocate(meter, kind.component, sizes[1:]) for _ in range(size)])


def new_array_items(unit: Unit, node: n.NewArrayItems, want: Want | None) -> Code:
    kind = named_type(unit, node)
    assert kind.component is not None
    unit.mark = node.at
    component = kind.component
    runs = [unit.typed(item, component, boxing=True).run for item in node.items]
    count = len(runs)

    def make(f: list[Any], _at: int | None = unit.mark) -> Array:
        f[0].take_elements(count)
        return Array(kind, [run(f) for run in runs])

    return Code(kind, make, node.at)


EXPRESSIONS: dict[Any, Any] = {
    n.Number: number,
    n.Text: string,
    n.Constant: simple,
    n.Regex: regex,
    n.Parens: parens,
    n.Name: name,
    n.ListLiteral: list_literal,
    n.MapLiteral: map_literal,
    n.NewArray: new_array,
    n.NewArrayItems: new_array_items,
}
