"""Conditional and Elvis, and the type of a choice between two. Spec 04 section 7.7."""

from __future__ import annotations

from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import Code, Want
from fairlead.painless.compiler.comparison import condition
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import problem
from fairlead.painless.types import (
    BOOLEAN,
    DEF,
    OBJECT,
    VOID,
    Type,
    promote,
)

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
