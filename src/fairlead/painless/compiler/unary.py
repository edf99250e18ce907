"""Sign, complement, not and casts. Spec 04 sections 6.2 and 7.1."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from fairlead.java.text import signed32, signed64
from fairlead.painless import nodes as n
from fairlead.painless.compiler import literals
from fairlead.painless.compiler.code import Code, Run, Want, constant
from fairlead.painless.compiler.operands import aimed
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import problem
from fairlead.painless.runtime import arithmetic as a
from fairlead.painless.types import (
    BOOLEAN,
    DEF,
    INT,
    LONG,
    promote,
)

# Unary ------------------------------------------------------------------------------------------------------------------

_UNARY_DEF = {"-": a.def_negate, "+": a.def_plus, "~": a.def_not}


def unary(unit: Unit, node: n.Unary, want: Want | None) -> Code:
    op = node.operator
    if op == "-" and isinstance(node.operand, n.Number):
        return literals.number(unit, node.operand, None, negative=True).changed(at=node.at)
    unit.mark = node.at
    if op == "!":
        code = unit.typed(node.operand, BOOLEAN)
        if code.constant:
            return constant(BOOLEAN, not code.value, node.at)
        tested = code.run
        return Code(BOOLEAN, lambda f: not tested(f), node.at)
    code = unit.value(node.operand)
    if code.type is DEF:
        return _unary_def(unit, node, op, code.run, want)
    kind = promote(code.type, INT)
    if kind is None or (op == "~" and kind.rank > LONG.rank):
        name = {"-": "subtraction", "+": "addition", "~": "bitwise not"}[op]
        message = f"cannot apply the {name} operator [{op}] to the type [{code.type.name}]"
        raise problem(node.at, message, "ClassCastException")
    code = unit.convert(code, kind)
    if op == "+":
        return code.changed(at=node.at, slot=-1, literal=False)
    wrap = {INT: signed32, LONG: signed64}.get(kind, _keep)
    apply: Callable[[Any], Any] = (lambda x: wrap(-x)) if op == "-" else operator.invert
    if code.constant:
        return constant(kind, apply(code.value), node.at)
    run = code.run
    return Code(kind, lambda f: apply(run(f)), node.at)


def _keep(x: Any) -> Any:
    return x


def _unary_def(unit: Unit, node: n.Unary, op: str, run: Run, want: Want | None) -> Code:
    apply = _UNARY_DEF[op]
    aim = aimed(want)

    def plain(f: list[Any], _at: int | None = unit.mark) -> Any:
        return apply(run(f))

    if aim is None:
        return Code(DEF, plain, node.at)
    assert want is not None

    def aimed_run(f: list[Any], _at: int | None = unit.mark) -> Any:
        return aim(apply(run(f)))

    return Code(want.type, aimed_run, node.at)


def cast(unit: Unit, node: n.Cast, want: Want | None) -> Code:
    kind = unit.type_named(node.type)
    if kind is None:
        raise problem(node.at, f"cannot resolve type [{node.type.text}]")
    code = unit.value(node.operand, Want(kind, explicit=True))
    code = unit.convert(code, kind, explicit=True)
    # To the outside it is an expression of its own: no variable, no literal.
    return code.changed(at=node.at, slot=-1, literal=False)
