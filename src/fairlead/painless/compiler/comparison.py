"""Equality, identity, logic, matching and instanceof; order is arithmetic's. Spec 04 sections 7.4, 7.5 and 7.8."""

from __future__ import annotations

import operator
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import Code, Run, Want, constant
from fairlead.painless.compiler.operands import as_numbers, boxed, folded
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import problem
from fairlead.painless.runtime import arithmetic as a
from fairlead.painless.runtime.convert import instance_of
from fairlead.painless.runtime.equality import equals
from fairlead.painless.runtime.patterns import full_match, search
from fairlead.painless.types import (
    BOOLEAN,
    DEF,
    OBJECT,
    VOID,
    needed,
)

# Comparison and logic ---------------------------------------------------------------------------------------------------


def equality(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    """`== != === !==` (spec 7.4)."""
    if left.null and right.null:
        raise problem(node.at, "extraneous comparison of [null] constants")
    for code in (left, right):
        if code.type is VOID:
            raise unit.cannot_cast(code, OBJECT)
    negated = op[0] == "!"
    if left.type.primitive and right.type.primitive:
        return _primitive_equality(unit, node, op, left, right, negated)
    if len(op) == 3:
        return _identity(unit, node, left, right, negated)
    if left.type is not DEF and right.type is not DEF:
        for code in (left, right):
            if code.type.primitive:
                raise unit.cannot_cast(code, OBJECT)
    return Code(BOOLEAN, _equality_run(unit, left, right, negated), node.at)


def _primitive_equality(unit: Unit, node: n.Node, op: str, left: Code, right: Code, negated: bool) -> Code:
    if not (left.type is BOOLEAN and right.type is BOOLEAN):
        left, right, _ = as_numbers(unit, node, op, left, right)
    apply = operator.ne if negated else operator.eq
    if left.constant and right.constant:
        return folded(node, BOOLEAN, apply, left, right)
    if left.slot >= 0 and right.constant:
        slot, value = left.slot, right.value
        run: Run = (lambda f: f[slot] != value) if negated else (lambda f: f[slot] == value)
    else:
        first, second = left.run, right.run
        run = (lambda f: first(f) != second(f)) if negated else (lambda f: first(f) == second(f))
    return Code(BOOLEAN, run, node.at)


def _equality_run(unit: Unit, left: Code, right: Code, negated: bool) -> Run:
    if left.null or right.null:
        tested = right.run if left.null else left.run
        if negated:
            return lambda f: tested(f) is not None
        return lambda f: tested(f) is None
    first, second = boxed(unit, left), boxed(unit, right)
    same = a.def_equal if left.type is DEF or right.type is DEF else equals

    def equal(f: list[Any], _at: int | None = unit.mark) -> bool:
        x = first(f)
        return same(f[0], x, second(f)) is not negated

    return equal


def _identity(unit: Unit, node: n.Node, left: Code, right: Code, negated: bool) -> Code:
    if left.literal and right.literal and left.type is right.type is unit.string:
        # Two literals are folded on distinct objects [V].
        return constant(BOOLEAN, negated, node.at)
    first, second = boxed(unit, left), boxed(unit, right)
    made = left.computed or right.computed

    def identical(f: list[Any], _at: int | None = unit.mark) -> bool:
        x, y = first(f), second(f)
        return _is_same(x, y, made) is not negated

    return Code(BOOLEAN, identical, node.at)


def _is_same(x: Any, y: Any, made: bool) -> bool:
    """Java's identity: small boxes are shared, strings when both come from literals or variables."""
    kind = type(x)
    if kind is not type(y):
        return False
    if kind is str:
        return not made and x == y
    if kind is bool or x is None:
        return x is y
    if isinstance(x, int):
        return bool(x == y) and -128 <= x <= 127
    if isinstance(x, float):
        return False
    return x is y


LOGIC = frozenset({"&&", "||"})


def condition(unit: Unit, node: n.Node) -> Run:
    """A boolean that decides something."""
    return unit.typed(node, BOOLEAN).run


def logic(unit: Unit, node: n.Binary) -> Code:
    left = condition(unit, node.left)
    right = condition(unit, node.right)
    if node.operator == "&&":
        return Code(BOOLEAN, lambda f: left(f) and right(f), node.at)
    return Code(BOOLEAN, lambda f: left(f) or right(f), node.at)


def matching(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    pattern = unit.convert(right, needed("Pattern")).run
    subject = unit.convert(left, needed("CharSequence") if left.type is not DEF else unit.string).run
    test = search if op == "=~" else full_match

    def run(f: list[Any], _at: int | None = unit.mark) -> bool:
        x = subject(f)
        return test(f[0], pattern(f), x)

    return Code(BOOLEAN, run, node.at)


def instance_test(unit: Unit, node: n.InstanceOf, want: Want | None) -> Code:
    kind = unit.type_named(node.type)
    if kind is None:
        raise problem(node.at, f"Not a type [{node.type.text}].")
    code = unit.value(node.operand)
    target = kind.box if kind.primitive else kind
    run = boxed(unit, code)
    if target is DEF:
        target = OBJECT
    return Code(BOOLEAN, lambda f: instance_of(run(f), target), node.at)
