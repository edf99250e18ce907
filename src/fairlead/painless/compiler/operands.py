"""What the operators have in common: their names and faults, boxed operands, results aimed at a type; it picks no operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import Code, Run, Want, constant
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import CompileProblem, Thrown, class_cast, problem
from fairlead.painless.runtime.convert import boxer, class_of, instance_of, narrowing, unbox, widens
from fairlead.painless.types import (
    DEF,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    OBJECT,
    VOID,
    Type,
    promote,
    unboxed,
)

OPERATOR_NAMES = {
    "*": "multiplication",
    "/": "division",
    "%": "remainder",
    "+": "addition",
    "-": "subtraction",
    "<<": "left shift",
    ">>": "right shift",
    ">>>": "unsigned shift",
    "&": "bitwise and",
    "^": "bitwise xor",
    "|": "boolean or",
    "<": "less than",
    "<=": "less than or equals",
    ">": "greater than",
    ">=": "greater than or equals",
    "==": "equals",
    "!=": "not equals",
    "===": "reference equals",
    "!==": "reference not equals",
    "&&": "boolean and",
    "||": "boolean or",
    "=~": "find",
    "==~": "match",
    "!": "not",
    "~": "bitwise not",
}

RANKS = {INT: 0, LONG: 1, FLOAT: 2, DOUBLE: 3}


def cannot_apply(node: n.Node, op: str, left: Type, right: Type) -> CompileProblem:
    name = OPERATOR_NAMES[op]
    message = f"cannot apply the {name} operator [{op}] to the types [{left.name}] and [{right.name}]"
    return problem(node.at, message, "ClassCastException")


def boxed(unit: Unit, code: Code) -> Run:
    """The closure of a Java value; constants are boxed now. Leaves the mark alone: operators box without one."""
    make = boxer(code.type)
    if make is None:
        return code.run
    if code.constant:
        value = make(code.value)
        return lambda f: value
    run = code.run
    return lambda f: make(run(f))


# Results of def operators -----------------------------------------------------------------------------------------------


def _primitive_of(value: Any) -> Type | None:
    return unboxed(class_of(value)) if value is not None else None


def aimed(want: Want | None) -> Callable[[Any], Any] | None:
    """How the result of a def operator becomes the wanted type: by its own primitive type (spec 6.4)."""
    if want is None or want.type in (DEF, OBJECT, VOID):
        return None
    target, explicit = want.type, want.explicit

    def aim(value: Any) -> Any:
        source = _primitive_of(value)
        if target.primitive:
            if source is target:
                return unbox(value)
            if source is not None and source.numeric and target.numeric and (explicit or widens(source, target)):
                change = narrowing(source, target)
                return change(unbox(value)) if change is not None else unbox(value)
            raise _cannot_aim(value, source, target.name)
        if source is not None and source.box.subclass_of(target):
            return value
        if source is None and instance_of(value, target):
            return value
        raise _cannot_aim(value, source, f"class {target.name}")

    return aim


def _cannot_aim(value: Any, source: Type | None, target: str) -> Thrown:
    shown = source.name if source is not None else f"class {class_of(value).name}"
    return class_cast(f"Cannot cast from: {shown} to {target}")


def as_numbers(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> tuple[Code, Code, Type]:
    """Both operands as their promoted type."""
    kind = promote(left.type, right.type)
    if kind is None:
        numeric = left.type if left.type.numeric else right.type
        if not numeric.numeric:
            raise cannot_apply(node, op, left.type, right.type)
        other = right if left.type.numeric else left
        raise unit.cannot_cast(other, numeric if numeric.rank > INT.rank else INT)
    return unit.convert(left, kind), unit.convert(right, kind), kind


def folded(node: n.Node, kind: Type, apply: Callable[[Any, Any], Any], left: Code, right: Code) -> Code:
    try:
        return constant(kind, apply(left.value, right.value), node.at)
    except Thrown as cause:
        raise CompileProblem(node.at, cause) from cause


def applied(unit: Unit, apply: Callable[[Any, Any], Any], left: Run, right: Run) -> Run:
    def run(f: list[Any], _at: int | None = unit.mark) -> Any:
        return apply(left(f), right(f))

    return run
