"""Unary and binary operators, concatenation, conditions, casts and instanceof. Spec 04 sections 6 and 7."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fairlead.java.text import signed32, signed64
from fairlead.painless import nodes as n
from fairlead.painless.compiler import literals
from fairlead.painless.compiler.code import Code, Part, Run, Want, constant
from fairlead.painless.compiler.unit import Unit, finish
from fairlead.painless.errors import CompileProblem, Thrown, class_cast, problem
from fairlead.painless.runtime import arithmetic as a
from fairlead.painless.runtime.convert import boxer, class_of, instance_of, narrowing, unbox, widens
from fairlead.painless.runtime.equality import equals
from fairlead.painless.runtime.patterns import full_match, search
from fairlead.painless.runtime.text import text
from fairlead.painless.types import (
    BOOLEAN,
    DEF,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    OBJECT,
    VOID,
    Type,
    needed,
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
_ARITHMETIC = frozenset("-*/%")
_BITS = frozenset("&^|")
_SHIFTS = frozenset({"<<", ">>", ">>>"})
_ORDER = frozenset({"<", "<=", ">", ">="})
_EQUALITY = frozenset({"==", "!=", "===", "!=="})

_RANKS = {INT: 0, LONG: 1, FLOAT: 2, DOUBLE: 3}


def _cannot_apply(node: n.Node, op: str, left: Type, right: Type) -> CompileProblem:
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
            raise _cannot_apply(node, "+", left.type, right.type)
        return Code(string, _unfinished, node.at, parts=_parts_of(unit, left) + _parts_of(unit, right), computed=True)
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
    if op in _LOGIC:
        return _logic(unit, node)
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
        return _matches(unit, node, op, left, right)
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


def _as_numbers(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> tuple[Code, Code, Type]:
    """Both operands as their promoted type."""
    kind = promote(left.type, right.type)
    if kind is None:
        numeric = left.type if left.type.numeric else right.type
        if not numeric.numeric:
            raise _cannot_apply(node, op, left.type, right.type)
        other = right if left.type.numeric else left
        raise unit.cannot_cast(other, numeric if numeric.rank > INT.rank else INT)
    return unit.convert(left, kind), unit.convert(right, kind), kind


def _folded(node: n.Node, kind: Type, apply: Callable[[Any, Any], Any], left: Code, right: Code) -> Code:
    try:
        return constant(kind, apply(left.value, right.value), node.at)
    except Thrown as cause:
        raise CompileProblem(node.at, cause) from cause


def static_arithmetic(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    """`+ - * / %` and order over static operands."""
    left, right, kind = _as_numbers(unit, node, op, left, right)
    rank = _RANKS[kind]
    ordered = op in _ORDER
    apply = a.static_compare(op) if ordered else a.static_operation(op, rank)
    result = BOOLEAN if ordered else kind
    if left.constant and right.constant:
        return _folded(node, result, apply, left, right)
    run = _fast(op, rank, left, right) or _plain(unit, apply, left.run, right.run)
    return Code(result, run, node.at)


def _plain(unit: Unit, apply: Callable[[Any, Any], Any], left: Run, right: Run) -> Run:
    def run(f: list[Any], _at: int | None = unit.mark) -> Any:
        return apply(left(f), right(f))

    return run


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
        raise _cannot_apply(node, op, left.type, right.type)
    long = left.type is LONG

    def apply(x: int, count: int) -> int:
        return a.shift(op, x, count, long)

    kind = LONG if long else INT
    if left.constant and right.constant:
        return _folded(node, kind, apply, left, right)
    return Code(kind, _plain(unit, apply, left.run, right.run), node.at)


def _bits(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    apply = a.static_bits(op)
    if left.type is BOOLEAN and right.type is BOOLEAN:
        if op != "^":
            # Two static booleans: a defect of the original that scripts can see [V].
            raise _cannot_apply(node, op, left.type, right.type)
        kind = BOOLEAN
    else:
        whole = [code for code in (left, right) if code.type.numeric and code.type.rank <= LONG.rank]
        if not whole:
            raise _cannot_apply(node, op, left.type, right.type)
        kind = LONG if any(code.type is LONG for code in whole) else INT
        left, right = unit.convert(left, kind), unit.convert(right, kind)
    if left.constant and right.constant:
        return _folded(node, kind, apply, left, right)
    return Code(kind, _plain(unit, apply, left.run, right.run), node.at)


def boolean_bits(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
    """`&= |= ^=` on static booleans, which work where the plain operators do not (spec 7.5)."""
    return Code(BOOLEAN, _plain(unit, a.static_bits(op), left.run, right.run), node.at)


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
        left, right, _ = _as_numbers(unit, node, op, left, right)
    apply = operator.ne if negated else operator.eq
    if left.constant and right.constant:
        return _folded(node, BOOLEAN, apply, left, right)
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


_LOGIC = frozenset({"&&", "||"})


def condition(unit: Unit, node: n.Node) -> Run:
    """A boolean that decides something."""
    return unit.typed(node, BOOLEAN).run


def _logic(unit: Unit, node: n.Binary) -> Code:
    left = condition(unit, node.left)
    right = condition(unit, node.right)
    if node.operator == "&&":
        return Code(BOOLEAN, lambda f: left(f) and right(f), node.at)
    return Code(BOOLEAN, lambda f: left(f) or right(f), node.at)


def _matches(unit: Unit, node: n.Node, op: str, left: Code, right: Code) -> Code:
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


# Unary ------------------------------------------------------------------------------------------------------------------

_UNARY_DEF = {"-": a.def_negate, "+": a.def_plus, "~": a.def_not}


def unary(unit: Unit, node: n.Unary, want: Want | None) -> Code:
    op = node.operator
    if op == "-" and isinstance(node.operand, n.Number):
        return replace(literals.number(unit, node.operand, None, negative=True), at=node.at)
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
        return replace(code, at=node.at, slot=-1, literal=False)
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
    return replace(code, at=node.at, slot=-1, literal=False)


# Choices ----------------------------------------------------------------------------------------------------------------


def _common(unit: Unit, yes: Code, no: Code) -> Type:
    """The type of a choice without a target."""
    if yes.type is no.type:
        return yes.type
    if DEF in (yes.type, no.type):
        return DEF
    if yes.type.primitive and no.type.primitive and BOOLEAN not in (yes.type, no.type):
        return promote(yes.type, no.type) or OBJECT
    if yes.type.primitive or no.type.primitive:
        return OBJECT
    if yes.null or no.null:
        return no.type if yes.null else yes.type
    for ancestor in yes.type.ancestors:
        if no.type.subclass_of(ancestor):
            return ancestor
    return OBJECT


def _target(want: Want | None) -> Want | None:
    return want if want is not None and want.type is not VOID else None


def conditional(unit: Unit, node: n.Conditional, want: Want | None) -> Code:
    want = _target(want)
    unit.mark = node.at
    test = condition(unit, node.condition)
    yes, no = unit.value(node.yes, want), unit.value(node.no, want)
    if want is not None:
        kind, explicit, boxing = want.type, want.explicit, want.boxing
    else:
        kind, explicit, boxing = _common(unit, yes, no), False, False
    yes = unit.convert(yes, kind, explicit=explicit, boxing=boxing)
    no = unit.convert(no, kind, explicit=explicit, boxing=boxing)
    first, second = yes.run, no.run
    return Code(kind, lambda f: first(f) if test(f) else second(f), node.at)


def elvis(unit: Unit, node: n.Elvis, want: Want | None) -> Code:
    want = _target(want)
    if want is not None and want.type.primitive:
        raise problem(node.at, "Elvis operator cannot return primitives")
    unit.mark = node.at
    left = unit.value(node.left, want)
    if left.null:
        raise problem(node.at, "Extraneous elvis operator. LHS is null.")
    if left.constant:
        raise problem(node.at, "Extraneous elvis operator. LHS is a constant.")
    if left.type.primitive:
        raise problem(node.at, "Extraneous elvis operator. LHS is a primitive.")
    right = unit.value(node.right, want)
    if right.null:
        raise problem(node.at, "Extraneous elvis operator. RHS is null.")
    if want is not None:
        kind, explicit, boxing = want.type, want.explicit, want.boxing
    else:
        kind, explicit, boxing = _common(unit, left, right), False, False
        if right.type.primitive and kind is not DEF:
            raise problem(node.at, "Elvis operator cannot return primitives")
    left = unit.convert(left, kind, explicit=explicit, boxing=boxing)
    right = unit.convert(right, kind, explicit=explicit, boxing=boxing)
    first, second = left.run, right.run

    def choose(f: list[Any]) -> Any:
        value = first(f)
        return value if value is not None else second(f)

    return Code(kind, choose, node.at)


EXPRESSIONS: dict[Any, Any] = {
    n.Binary: binary,
    n.Unary: unary,
    n.InstanceOf: instance_test,
    n.Cast: cast,
    n.Conditional: conditional,
    n.Elvis: elvis,
}
