"""Assignment, compound assignment, `++` and `--`, and the words for expressions that have no effect. Spec 04 section 7.6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairlead.java.text import signed32
from fairlead.painless import nodes as n
from fairlead.painless.compiler import access, elements, sites
from fairlead.painless.compiler.code import Code, Run, Variable, Want, constant, local
from fairlead.painless.compiler.operands import OPERATOR_NAMES, boxed
from fairlead.painless.compiler.operators import boolean_bits, combine
from fairlead.painless.compiler.unit import Unit, finish
from fairlead.painless.errors import CompileProblem, null_pointer, problem
from fairlead.painless.runtime.arithmetic import INT_MAX, INT_MIN, step_like
from fairlead.painless.runtime.convert import boxer
from fairlead.painless.types import BOOLEAN, DEF, INT, Type

State = tuple[Any, Any]


@dataclass(slots=True)
class Place:
    """Something that can be assigned to: `prepare` evaluates what is in front of it once."""

    type: Type
    at: int
    prepare: Callable[[list[Any]], State]
    load: Callable[[Any, Any, Any], Any]
    store: Callable[[Any, Any, Any, Any], None]


def describe(node: n.Node) -> str:
    """What a node is, in the words of the original."""
    if isinstance(node, n.Parens):
        return describe(node.inner)
    if isinstance(node, n.Number):
        return f"numeric constant [{node.text}]"
    if isinstance(node, n.Text):
        return f"string constant [{node.value}]"
    if isinstance(node, n.Constant):
        return "null constant" if node.value is None else f"boolean constant [{str(node.value).lower()}]"
    if isinstance(node, n.Regex):
        return f"regex constant [{node.pattern}] with flags [{node.flags}]"
    if isinstance(node, n.Binary | n.Unary):
        return f"{OPERATOR_NAMES[node.operator]} operation [{node.operator}]"
    if isinstance(node, n.Member) and node.safe:
        return "a null safe operation [?.]"
    return _DESCRIPTIONS.get(type(node), "an expression")


_DESCRIPTIONS: dict[type[n.Node], str] = {
    n.Conditional: "conditional operation [?:]",
    n.Elvis: "elvis operation [?:]",
    n.InstanceOf: "instanceof operation [instanceof]",
    n.Cast: "explicit cast operation",
    n.Assign: "assignment operation [=]",
    n.Step: "assignment operation [=]",
    n.ListLiteral: "list initializer",
    n.MapLiteral: "map initializer",
    n.NewArray: "new array",
    n.NewArrayItems: "new array",
    n.New: "new object",
    n.Call: "method call",
    n.LocalCall: "function call",
}

_WITH_EFFECT = (n.Assign, n.Step, n.Call, n.LocalCall)


def has_effect(node: n.Node) -> bool:
    """Whether an expression may be a statement."""
    while isinstance(node, n.Parens):
        node = node.inner
    return isinstance(node, _WITH_EFFECT)


def not_a_statement(node: n.Node) -> CompileProblem:
    """The error of an expression statement without effect (spec section 4)."""
    while isinstance(node, n.Parens):
        node = node.inner
    if isinstance(node, n.New):
        return problem(None, "Operand stack underflow", "VerifyError")
    if isinstance(node, n.Name):
        what = f"variable [{node.name}] not used"
    elif isinstance(node, n.Member):
        what = "result of dot operator [.] not used"
    elif isinstance(node, n.Element):
        what = "result of brace operator not used"
    elif isinstance(node, n.Number | n.Text | n.Constant | n.Regex):
        what = f"{describe(node)} not used"
    else:
        what = f"result not used from {describe(node)}"
    return problem(node.at, f"not a statement: {what}")


# Places -----------------------------------------------------------------------------------------------------------------


def _target(node: n.Node) -> n.Node:
    while isinstance(node, n.Parens):
        node = node.inner
    return node


def writable(unit: Unit, node: n.Name) -> Variable:
    variable = unit.find(node.name)
    if variable is None:
        raise problem(node.at, f"cannot resolve symbol [{node.name}]")
    if variable.read_only:
        raise problem(node.at, f"Variable [{node.name}] is read-only.")
    return variable


def place_of(unit: Unit, node: n.Node, at: int) -> Place:
    """Compiles the left side of an assignment that is no variable."""
    if isinstance(node, n.Element):
        site = elements.element_site(unit, node)
        return Place(site.type, node.at, site.prepare, site.load, site.store)
    if isinstance(node, n.Member):
        if node.safe:
            raise problem(node.at, f"invalid assignment: cannot assign a value to {describe(node)}")
        return _member_place(unit, node)
    raise problem(at, f"invalid assignment: cannot assign a value to {describe(node)}")


def _member_place(unit: Unit, node: n.Member) -> Place:
    if access.may_be_static(unit, node.target):
        kind = access.static_type(unit, node.target, node.at)
        if kind is not None:
            raise problem(node.at, f"field [{kind.name}, {node.name}] not found")
    target = unit.value(node.target)
    unit.mark = node.at
    receiver, name = target.run, node.name
    if target.type is DEF:
        return _def_member_place(unit, node, receiver)
    accepts, write = access.static_setter(unit, node, target.type)
    message = 'Cannot invoke "java.util.Map.put(Object, Object)"' + sites.because(target)

    def prepare(f: list[Any], _at: int | None = unit.mark) -> State:
        return receiver(f), None

    def store(meter: Any, found: Any, _: Any, value: Any, _at: int | None = unit.mark) -> None:
        if found is None:
            raise null_pointer(message)
        write(meter, found, value)

    def load(meter: Any, found: Any, _: Any, _at: int | None = unit.mark) -> Any:
        if found is None:
            raise null_pointer(message)
        return access.find_getter(found, name)(meter, found)

    return Place(accepts, node.at, prepare, load, store)


def _def_member_place(unit: Unit, node: n.Member, receiver: Run) -> Place:
    name = node.name
    seen: list[bool] = []

    def prepare(f: list[Any], _at: int | None = unit.mark) -> State:
        return receiver(f), None

    def load(meter: Any, found: Any, _: Any, _at: int | None = unit.mark) -> Any:
        if found is None:
            raise sites.null_receiver(bool(seen))
        seen.append(True) if not seen else None
        return access.find_getter(found, name)(meter, found)

    def store(meter: Any, found: Any, _: Any, value: Any, _at: int | None = unit.mark) -> None:
        access.write_member(meter, found, name, value, bool(seen))
        if not seen:
            seen.append(True)

    return Place(DEF, node.at, prepare, load, store)


# Plain assignment -------------------------------------------------------------------------------------------------------


def assign(unit: Unit, node: n.Assign, want: Want | None) -> Code:
    target = _target(node.target)
    if node.operator is not None:
        return _compound(unit, node, target, node.operator, node.value, node.at, None)
    if isinstance(target, n.Name):
        variable = writable(unit, target)
        value = unit.typed(node.value, variable.type)
        slot, run = variable.slot, value.run

        def set_local(f: list[Any]) -> Any:
            f[slot] = made = run(f)
            return made

        return Code(variable.type, set_local, target.at)
    place = place_of(unit, target, node.at)
    run = unit.typed(node.value, place.type).run
    unit.mark = place.at
    prepare, store = place.prepare, place.store

    def set_place(f: list[Any], _at: int | None = unit.mark) -> Any:
        found, key = prepare(f)
        made = run(f)
        store(f[0], found, key, made)
        return made

    return Code(place.type, set_place, place.at)


# Compound assignment ----------------------------------------------------------------------------------------------------


def step(unit: Unit, node: n.Step, want: Want | None) -> Code:
    """`++` and `--`."""
    target = _target(node.target)
    one = n.Number(node.at, node.at, "1", 10, False)
    operator = "+" if node.by > 0 else "-"
    return _compound(unit, node, target, operator, one, node.at, node.before)


def _compound(
    unit: Unit, node: n.Node, target: n.Node, operator: str, value: n.Node, at: int, before: bool | None
) -> Code:
    """`target op= value`; `before` is None for an assignment, else whether `++` stands in front."""
    if isinstance(target, n.Name):
        variable = writable(unit, target)
        left = local(variable, at)
        result = _result(unit, node, operator, left, value, at)
        return _store_local(unit, variable, result, target.at, operator, value, before)
    place = place_of(unit, target, at)
    held = Variable("", place.type, unit.slots)
    unit.slots += 1
    result = _result(unit, node, operator, local(held, at), value, at)
    unit.mark = place.at
    slot, run = held.slot, result.run
    prepare, load, store = place.prepare, place.load, place.store
    keeps_old = before is False

    def change(f: list[Any], _at: int | None = unit.mark) -> Any:
        found, key = prepare(f)
        meter = f[0]
        f[slot] = old = load(meter, found, key)
        made = run(f)
        store(meter, found, key, made)
        return old if keeps_old else made

    return Code(place.type, change, place.at if before is None else at)


def _store_local(
    unit: Unit, variable: Variable, result: Code, at: int, operator: str, value: n.Node, before: bool | None
) -> Code:
    slot, run = variable.slot, result.run
    if before is False:
        if variable.type is INT:
            by = 1 if operator == "+" else -1

            def count(f: list[Any]) -> int:
                old: int = f[slot]
                made = old + by
                f[slot] = made if INT_MIN <= made <= INT_MAX else signed32(made)
                return old

            return Code(INT, count, at)

        def after(f: list[Any]) -> Any:
            old = f[slot]
            f[slot] = run(f)
            return old

        return Code(variable.type, after, at)

    def change(f: list[Any]) -> Any:
        f[slot] = made = run(f)
        return made

    return Code(variable.type, change, at)


def _result(unit: Unit, node: n.Node, operator: str, left: Code, value: n.Node, at: int) -> Code:
    """`left op value` as the type of the left side."""
    unit.mark = at
    right = unit.visit(value)
    if right.parts is not None:
        # The chain on the right is finished on its own, each text at once (spec 7.3).
        right = finish(right, early=True)
    kind = left.type
    if kind is DEF:
        return _def_result(unit, node, operator, left, right)
    if operator == "+" and right.type is unit.string and kind is not unit.string:
        raise unit.cannot_cast(left, unit.string)
    if kind is BOOLEAN and right.type is BOOLEAN and operator in ("&", "|", "^"):
        return boolean_bits(unit, node, operator, left, right)
    code = combine(unit, _at(node, at), operator, left, right, None)
    if code.parts is not None:
        code = finish(code)
    return unit.convert(code, kind, explicit=True)


def _at(node: n.Node, at: int) -> n.Node:
    return node if node.at == at else n.Node(at, at)


def _def_result(unit: Unit, node: n.Node, operator: str, left: Code, right: Code) -> Code:
    if right.type.primitive:
        run = boxed(unit, right)
        unit.mark = right.at
        right = Code(DEF, run, right.at) if not right.constant else _boxed_constant(right)
    code = combine(unit, node, operator, left, right, None)
    if code.parts is not None:
        code = finish(code)
    old, made = left.run, boxed(unit, code)

    def like(f: list[Any], _at: int | None = unit.mark) -> Any:
        return step_like(old(f), made(f))

    return Code(DEF, like, node.at)


def _boxed_constant(code: Code) -> Code:
    make = boxer(code.type)
    return constant(DEF, make(code.value) if make is not None else code.value, code.at)


EXPRESSIONS: dict[Any, Any] = {n.Assign: assign, n.Step: step}
