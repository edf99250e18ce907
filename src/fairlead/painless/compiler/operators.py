"""Unary and binary operators, concatenation, conditions, casts and instanceof. Spec 04 sections 6 and 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.java.text import signed32, signed64
from fairlead.painless import nodes as n
from fairlead.painless.compiler.choices import conditional, elvis
from fairlead.painless.compiler.code import Code, Part, Run, Want
from fairlead.painless.compiler.comparison import LOGIC, equality, instance_test, logic, matching
from fairlead.painless.compiler.operands import RANKS, aimed, applied, as_numbers, boxed, cannot_apply, folded
from fairlead.painless.compiler.unary import cast, unary
from fairlead.painless.compiler.unit import Unit, finish
from fairlead.painless.runtime import arithmetic as a
from fairlead.painless.runtime.text import text
from fairlead.painless.types import (
    BOOLEAN,
    DEF,
    INT,
    LONG,
    VOID,
)

_ARITHMETIC = frozenset("-*/%")
_BITS = frozenset("&^|")
_SHIFTS = frozenset({"<<", ">>", ">>>"})
_ORDER = frozenset({"<", "<=", ">", ">="})
_EQUALITY = frozenset({"==", "!=", "===", "!=="})


def _dynamic(
    unit: Unit, node: n.Node, apply: Callable[[Any, Any], Any], left: Run, right: Run, want: Want | None
) -> Code:
    """A def operator."""
    aim = aimed(want)

    def run(f: list[Any], _at: int | None = unit.mark) -> Any:
        return apply(left(f), right(f))

    if aim is None:
        return Code(DEF, run, node.at)
    assert want is not None
    aim_at = aim

    def aimed_run(f: list[Any], _at: int | None = unit.mark) -> Any:
        return aim_at(apply(left(f), right(f)))

    return Code(want.type, aimed_run, node.at)


# Addition and concatenation ---------------------------------------------------------------------------------------------


def _parts_of(unit: Unit, code: Code) -> list[Part]:
    return code.parts if code.parts is not None else [unit.part(code)]


def def_plus(meter: Any, left: Any, right: Any) -> Any:
    """`+` on two Java values: concatenation when one of them is a string."""
    if type(left) is str or type(right) is str:
        return meter.made(text(meter, left) + text(meter, right))
    return a.def_add(left, right)


def add(unit: Unit, node: n.Node, left: Code, right: Code, want: Want | None) -> Code:
    """`left + right`; both are compiled already."""
    string = unit.string
    texts = left.type is string or right.type is string
    dynamic = left.type is DEF or right.type is DEF
    if texts or (dynamic and want is not None and want.type is string):
        if left.constant and right.constant and left.type.primitive and right.type.primitive:
            raise cannot_apply(node, "+", left.type, right.type)
        code = Code(string, _unfinished, node.at, computed=True)
        code.parts = _parts_of(unit, left) + _parts_of(unit, right)
        return code
    if dynamic:
        for code in (left, right):
            if code.type is VOID:
                raise unit.cannot_cast(code, DEF)
        first, second = boxed(unit, left), boxed(unit, right)

        def plus(f: list[Any], _at: int | None = unit.mark) -> Any:
            x = first(f)
            return def_plus(f[0], x, second(f))

        aim = aimed(want)
        if aim is None:
            return Code(DEF, plus, node.at)
        assert want is not None

        def aimed_plus(f: list[Any], _at: int | None = unit.mark) -> Any:
            return aim(plus(f))

        return Code(want.type, aimed_plus, node.at)
    return static_arithmetic(unit, node, "+", left, right)


def _unfinished(f: list[Any]) -> Any:
    raise AssertionError("a concatenation was used before it was finished")


def binary(unit: Unit, node: n.Binary, want: Want | None) -> Code:
    op = node.operator
    if op == "+":
        return _sum(unit, node, want)
    if op in LOGIC:
        return logic(unit, node)
    unit.mark = node.at
    left = unit.value(node.left)
    right = unit.value(node.right)
    return combine(unit, node, op, left, right, want)


def _sum(unit: Unit, node: n.Binary, want: Want | None) -> Code:
    """A chain of `+` is walked, not recursed into: scripts join hundreds of texts."""
    spine = [node]
    while isinstance(spine[-1].left, n.Binary) and spine[-1].left.operator == "+":
        spine.append(spine[-1].left)
    unit.mark = node.at
    left = unit.visit(spine[-1].left)
    while spine:
        current = spine.pop()
        right = unit.visit(current.right)
        keeps_parts = unit.string in (left.type, right.type)
        if not keeps_parts:
            left, right = _finished(left), _finished(right)
        left = add(unit, current, left, right, None if spine else want)
    return left


def _finished(code: Code) -> Code:
    return finish(code) if code.parts is not None else code


def combine(unit: Unit, node: n.Node, op: str, left: Code, right: Code, want: Want | None) -> Code:
    """Any binary operator but the logical ones, over compiled operands."""
    if op == "+":
        return add(unit, node, left, right, want)
    if op in _EQUALITY:
        return equality(unit, node, op, left, right)
    if op in ("=~", "==~"):
        return matching(unit, node, op, left, right)
    for code in (left, right):
        if code.type is VOID:
            raise unit.cannot_cast(code, DEF)
    if left.type is DEF or right.type is DEF:
        first, second = boxed(unit, left), boxed(unit, right)
        if op in _ORDER:
            compare = a.def_compare(op)

            def ordered(f: list[Any], _at: int | None = unit.mark) -> bool:
                return compare(first(f), second(f))

            return Code(BOOLEAN, ordered, node.at)
        make = a.def_arithmetic if op in _ARITHMETIC else a.def_shift if op in _SHIFTS else a.def_bits
        return _dynamic(unit, node, make(op), first, second, want)
    if op in _SHIFTS:
        return _shift(unit, node, op, left, right)
    if op in _BITS:
        return _bits(unit, node, op, left, right)
    return static_arithmetic(unit, node, op, left, right)


def static_arithmetic(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    """`+ - * / %` and order over static operands."""
    left, right, kind = as_numbers(unit, node, op, left, right)
    rank = RANKS[kind]
    ordered = op in _ORDER
    apply = a.static_compare(op) if ordered else a.static_operation(op, rank)
    result = BOOLEAN if ordered else kind
    if left.constant and right.constant:
        return folded(node, result, apply, left, right)
    run = _fast(op, rank, left, right) or applied(unit, apply, left.run, right.run)
    return Code(result, run, node.at)


def _fast(op: str, rank: int, left: Code, right: Code) -> Run | None:
    """Closures for what loops do most: a local int against a constant or a local."""
    if rank > 1:
        return None
    low, high = (a.INT_MIN, a.INT_MAX) if rank == 0 else (a.LONG_MIN, a.LONG_MAX)
    wrap = signed32 if rank == 0 else signed64
    if op in _ORDER:
        return _fast_order(op, left, right)
    if op == "+" or op == "-":
        sign = 1 if op == "+" else -1
        if left.slot >= 0 and right.constant:
            slot, amount = left.slot, sign * right.value

            def shifted(f: list[Any]) -> int:
                r: int = f[slot] + amount
                return r if low <= r <= high else wrap(r)

            return shifted
        first, second = left.run, right.run
        if op == "+":

            def plus(f: list[Any]) -> int:
                r: int = first(f) + second(f)
                return r if low <= r <= high else wrap(r)

            return plus

        def minus(f: list[Any]) -> int:
            r: int = first(f) - second(f)
            return r if low <= r <= high else wrap(r)

        return minus
    return None


def _fast_order(op: str, left: Code, right: Code) -> Run | None:
    if left.slot < 0:
        return None
    slot = left.slot
    if right.constant:
        bound = right.value
        return {
            "<": lambda f: f[slot] < bound,
            "<=": lambda f: f[slot] <= bound,
            ">": lambda f: f[slot] > bound,
            ">=": lambda f: f[slot] >= bound,
        }[op]
    other = right.run
    return {
        "<": lambda f: f[slot] < other(f),
        "<=": lambda f: f[slot] <= other(f),
        ">": lambda f: f[slot] > other(f),
        ">=": lambda f: f[slot] >= other(f),
    }[op]


def _shift(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    if not (left.type.numeric and right.type.numeric) or left.type.rank > LONG.rank or right.type.rank > LONG.rank:
        raise cannot_apply(node, op, left.type, right.type)
    long = left.type is LONG

    def apply(x: int, count: int) -> int:
        return a.shift(op, x, count, long)

    kind = LONG if long else INT
    if left.constant and right.constant:
        return folded(node, kind, apply, left, right)
    return Code(kind, applied(unit, apply, left.run, right.run), node.at)


def _bits(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    apply = a.static_bits(op)
    if left.type is BOOLEAN and right.type is BOOLEAN:
        if op != "^":
            # Two static booleans: a defect of the original that scripts can see [V].
            raise cannot_apply(node, op, left.type, right.type)
        kind = BOOLEAN
    else:
        whole = [code for code in (left, right) if code.type.numeric and code.type.rank <= LONG.rank]
        if not whole:
            raise cannot_apply(node, op, left.type, right.type)
        kind = LONG if any(code.type is LONG for code in whole) else INT
        left, right = unit.convert(left, kind), unit.convert(right, kind)
    if left.constant and right.constant:
        return folded(node, kind, apply, left, right)
    return Code(kind, applied(unit, apply, left.run, right.run), node.at)


def boolean_bits(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    """`&= |= ^=` on static booleans, which work where the plain operators do not (spec 7.5)."""
    return Code(BOOLEAN, applied(unit, a.static_bits(op), left.run, right.run), node.at)


EXPRESSIONS: dict[Any, Any] = {
    n.Binary: binary,
    n.Unary: unary,
    n.InstanceOf: instance_test,
    n.Cast: cast,
    n.Conditional: conditional,
    n.Elvis: elvis,
}
