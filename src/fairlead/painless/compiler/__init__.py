"""Trees to closures: one pass that checks types and makes the closures; it runs nothing.

`compile_program` is the way in. Spec 04 sections 4 to 12 and 18.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.api import ensure_tables
from fairlead.painless.compiler import access, assign, calls, literals, operators
from fairlead.painless.compiler.code import FIRST_SLOT, RETURN, FunctionInfo, Run, Statement
from fairlead.painless.compiler.statements import STATEMENTS, sequence
from fairlead.painless.compiler.unit import Shared, Unit
from fairlead.painless.errors import problem
from fairlead.painless.types import VOID, Type, needed

_EXPRESSIONS: dict[Any, Any] = {
    **literals.EXPRESSIONS,
    **operators.EXPRESSIONS,
    **access.EXPRESSIONS,
    **assign.EXPRESSIONS,
    **calls.EXPRESSIONS,
}


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled script: `run` takes a frame whose first variable is `params` and gives the result.

    `starts` are the offsets of its statements; `short` says that it has no loop, function call or lambda.
    """

    run: Run
    padding: tuple[None, ...]
    starts: tuple[int, ...]
    short: bool


def compile_program(source: str, tree: n.Program) -> Program:
    """Compiles a script; raises CompileProblem."""
    ensure_tables()
    shared = Shared(source)
    headers = [_header(shared, function) for function in tree.functions]
    for function, info in zip(tree.functions, headers, strict=True):
        _function(shared, function, info)
    main = Unit(shared, _EXPRESSIONS, STATEMENTS, needed("String"))
    main.declare("params", needed("Map"), 0)
    main.jvm_slots += 1
    if not tree.body.statements:
        message = "invalid function definition: found no statements for function [execute] with [0] parameters"
        raise problem(tree.end, message)
    body = sequence(main, tree.body.statements, tree.body.at, True, False)
    return Program(
        _body(body),
        (None,) * (main.slots - FIRST_SLOT - 1),
        shared.starts.sorted(),
        not (shared.loops or shared.calls),
    )


def _body(statement: Statement) -> Run:
    run = statement.run
    if not statement.signals:

        def without_result(f: list[Any]) -> None:
            run(f)

        return without_result

    def with_result(f: list[Any]) -> Any:
        return f[3] if run(f) == RETURN else None

    return with_result


def _named(name: n.TypeName) -> Type | None:
    kind = needed_or_none(name)
    return None if kind is VOID and name.dims else kind


def needed_or_none(name: n.TypeName) -> Type | None:
    try:
        return needed(name.text)
    except LookupError:
        return None


def _header(shared: Shared, node: n.Function) -> FunctionInfo:
    count = len(node.parameters)
    where = f"for function [{node.name}/{count}]"
    result = _named(node.result)
    if result is None:
        message = f"invalid function definition: return type [{node.result.text}] not found {where}"
        raise problem(node.at, message)
    kinds = []
    for parameter in node.parameters:
        kind = _named(parameter.type) if parameter.type is not None else None
        if kind is None or kind is VOID:
            shown = parameter.type.text if parameter.type is not None else ""
            raise problem(node.at, f"invalid function definition: parameter type [{shown}] not found {where}")
        kinds.append(kind)
    if (node.name, count) in shared.functions:
        raise problem(node.at, f"invalid function definition: found duplicate function [{node.name}/{count}].")
    info = FunctionInfo(node.name, tuple(kinds), result)
    shared.functions[node.name, count] = info
    return info


def _function(shared: Shared, node: n.Function, info: FunctionInfo) -> None:
    unit = Unit(shared, _EXPRESSIONS, STATEMENTS, info.result)
    for parameter, kind in zip(node.parameters, info.parameters, strict=True):
        unit.declare(parameter.name, kind, node.at)
    where = f"for function [{node.name}] with [{len(node.parameters)}] parameters"
    if not node.body.statements:
        raise problem(node.at, f"invalid function definition: found no statements {where}")
    body = sequence(unit, node.body.statements, node.body.at, True, False)
    if not body.leaves_method and info.result is not VOID:
        raise problem(node.at, f"invalid function definition: not all paths provide a return value {where}")
    info.body = _body(body)
    info.padding = [None] * (unit.slots - FIRST_SLOT - len(node.parameters))
