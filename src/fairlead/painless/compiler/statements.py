"""Statements: blocks, declarations, branches, loops, leaving, exceptions. Spec 04 section 11.

Each handler takes the unit, the node, whether the statement is the last one of its body (then an expression is its
value) and whether it is the last one of a loop.
"""

from __future__ import annotations

from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.assign import has_effect, not_a_statement
from fairlead.painless.compiler.code import BREAK, CONTINUE, RETURN, Code, Run, Statement, Want
from fairlead.painless.compiler.comparison import condition
from fairlead.painless.compiler.loops import do_loop, each_loop, for_loop, while_loop
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import Thrown, is_subclass, locate, null_pointer, problem
from fairlead.painless.runtime.convert import checked
from fairlead.painless.types import DEF, VOID, needed


def block(unit: Unit, node: n.Block, last: bool, last_in_loop: bool) -> Statement:
    unit.open_scope()
    compiled = sequence(unit, node.statements, node.at, last, last_in_loop)
    unit.close_scope()
    return compiled


def sequence(unit: Unit, nodes: tuple[n.Node, ...], at: int, last: bool, last_in_loop: bool) -> Statement:
    """Statements one after another; nothing may follow one that always leaves."""
    final = len(nodes) - 1
    compiled: list[Statement] = []
    for i, node in enumerate(nodes):
        if compiled and compiled[-1].leaves:
            raise problem(at, "invalid block: unreachable statement")
        compiled.append(unit.statement(node, last and i == final, last_in_loop and i == final))
    if not compiled:
        return Statement(_nothing)
    end = compiled[-1]
    signals = any(statement.signals for statement in compiled)
    return Statement(_in_order(compiled, signals), signals, end.leaves, end.leaves_loop, end.leaves_method)


def _nothing(f: list[Any]) -> None:
    return None


def _in_order(compiled: list[Statement], signals: bool) -> Run:
    if len(compiled) == 1:
        return compiled[0].run
    runs = [statement.run for statement in compiled]
    if not signals:
        if len(runs) == 2:
            first, second = runs

            def both(f: list[Any]) -> None:
                first(f)
                second(f)

            return both

        def every(f: list[Any]) -> None:
            for run in runs:
                run(f)

        return every
    if not any(statement.signals for statement in compiled[:-1]):
        body, end = runs[:-1], runs[-1]

        def straight(f: list[Any]) -> Any:
            for run in body:
                run(f)
            return end(f)

        return straight
    steps = [(statement.signals, statement.run) for statement in compiled]

    def mixed(f: list[Any]) -> Any:
        for leaves, run in steps:
            if leaves:
                signal = run(f)
                if signal:
                    return signal
            else:
                run(f)
        return None

    return mixed


def _returning(run: Run) -> Statement:
    def leave(f: list[Any]) -> int:
        f[3] = run(f)
        return RETURN

    return Statement(leave, True, True, True, True)


# Simple statements ------------------------------------------------------------------------------------------------------


def expression(unit: Unit, node: n.Expression, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    value = node.value
    if not last or unit.result is VOID:
        if not has_effect(value):
            raise not_a_statement(value)
        return Statement(unit.value(value).run)
    code = unit.value(value)
    if code.type is VOID:
        return Statement(code.run)
    # The last expression is the result; without a target, so a def operator computes first (spec 6.4).
    return _returning(unit.convert(code, unit.result, boxing=True).run)


def declarations(unit: Unit, node: n.Declarations, last: bool, last_in_loop: bool) -> Statement:
    compiled = [_declare(unit, item) for item in node.items]
    return Statement(_in_order(compiled, False))


def _declare(unit: Unit, node: n.Declare) -> Statement:
    unit.shared.starts.add(node.at)
    kind = unit.type_named(node.type)
    if kind is None or kind is VOID:
        raise problem(node.at, f"invalid declaration: cannot resolve type [{node.type.text}]")
    run = unit.typed(node.value, kind).run if node.value is not None else None
    slot = unit.declare(node.name, kind, node.at).slot
    if run is None:
        default = kind.default if kind.primitive else None

        def clear(f: list[Any]) -> None:
            f[slot] = default

        return Statement(clear)
    initial = run

    def store(f: list[Any]) -> None:
        f[slot] = initial(f)

    return Statement(store)


def leave_value(unit: Unit, node: n.Return, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    if node.value is None:
        if unit.result is not VOID:
            message = f"cannot cast from [{unit.result.name}] to [void]"
            raise problem(node.at, message, "ClassCastException")
        return Statement(lambda f: RETURN, True, True, True, True)
    want = Want(unit.result, False, True)
    code = unit.value(node.value, want)
    return _returning(unit.convert(code, unit.result, boxing=True).run)


def break_loop(unit: Unit, node: n.Break, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    if not unit.loops:
        raise problem(node.at, "invalid break statement: not inside loop")
    unit.loops[-1].broke = True
    return Statement(lambda f: BREAK, True, True, True, False)


def continue_loop(unit: Unit, node: n.Continue, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    if not unit.loops:
        raise problem(node.at, "invalid continue statement: not inside loop")
    if last_in_loop:
        raise problem(node.at, "extraneous continue statement")
    unit.loops[-1].continued = True
    return Statement(lambda f: CONTINUE, True, True, False, False)


def throw(unit: Unit, node: n.Throw, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    code = unit.value(node.value)
    exception = needed("Exception")
    if code.type is DEF:
        unit.mark = code.at
        run, check = code.run, checked(exception)
        code = Code(exception, lambda f: check(run(f)), code.at)
    elif not code.null:
        code = unit.convert(code, exception)
    raised = code.run
    name = "null" if code.null else code.jvm

    def raise_it(f: list[Any], _at: int | None = unit.mark) -> None:
        cause = raised(f)
        if cause is None:
            raise null_pointer(f'Cannot throw exception because "{name}" is null')
        raise cause

    return Statement(raise_it, False, True, True, True)


# Branches ---------------------------------------------------------------------------------------------------------------


def _constant_condition(node: n.Node) -> bool | None:
    """The value of a condition that is a literal."""
    while isinstance(node, n.Parens):
        node = node.inner
    return node.value if isinstance(node, n.Constant) else None


def branch(unit: Unit, node: n.If, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    if _constant_condition(node.condition) is not None:
        raise problem(node.at, "extraneous if block")
    test = condition(unit, node.condition)
    if not node.yes.statements:
        raise problem(node.at, "extraneous if block")
    yes = unit.statement(node.yes, last, last_in_loop)
    if node.no is None:
        return Statement(_if(test, yes), yes.signals)
    if not node.no.statements:
        raise problem(node.at, "extraneous else block.")
    no = unit.statement(node.no, last, last_in_loop)
    return Statement(
        _if_else(test, yes, no),
        yes.signals or no.signals,
        yes.leaves and no.leaves,
        yes.leaves_loop and no.leaves_loop,
        yes.leaves_method and no.leaves_method,
    )


def _if(test: Run, yes: Statement) -> Run:
    run = yes.run

    def choose(f: list[Any]) -> Any:
        return run(f) if test(f) else None

    return choose


def _quiet(statement: Statement, signals: bool) -> Run:
    """A branch that cannot leave, beside one that can, must give no signal."""
    run = statement.run
    if statement.signals or not signals:
        return run

    def silent(f: list[Any]) -> None:
        run(f)

    return silent


def _if_else(test: Run, yes: Statement, no: Statement) -> Run:
    signals = yes.signals or no.signals
    first, second = _quiet(yes, signals), _quiet(no, signals)

    def choose(f: list[Any]) -> Any:
        return first(f) if test(f) else second(f)

    return choose


# Exceptions -------------------------------------------------------------------------------------------------------------


def attempt(unit: Unit, node: n.Try, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    if not node.body.statements:
        raise problem(node.at, "extraneous try statement")
    body = unit.statement(node.body, last, last_in_loop)
    handlers = []
    blocks = [body]
    for clause in node.catches:
        kind = unit.type_named(clause.type)
        if kind is None:
            raise problem(clause.at, f"invalid catch declaration: cannot resolve type [{clause.type.text}]")
        if not kind.subclass_of(needed("Exception")):
            message = f"cannot cast from [{kind.name}] to [java.lang.Exception]"
            raise problem(clause.at, message, "ClassCastException")
        unit.open_scope()
        slot = unit.declare(clause.name, kind, clause.at).slot
        handler = unit.statement(clause.body, last, last_in_loop)
        unit.close_scope()
        handlers.append((kind.short, slot, handler))
        blocks.append(handler)
    signals = any(part.signals for part in blocks)
    return Statement(
        _try(_quiet(body, signals), [(name, slot, _quiet(h, signals)) for name, slot, h in handlers]),
        signals,
        all(part.leaves for part in blocks),
        all(part.leaves_loop for part in blocks),
        all(part.leaves_method for part in blocks),
    )


def _try(body: Run, handlers: list[tuple[str, int, Run]]) -> Run:
    def guarded(f: list[Any]) -> Any:
        meter = f[0]
        depth = meter.depth
        try:
            return body(f)
        except Thrown as cause:
            caught = cause
        chosen = next((h for h in handlers if is_subclass(caught.kind.simple, h[0])), None)
        if chosen is None:
            raise caught
        _, slot, handler = chosen
        if not caught.placed:
            caught.at, _ = locate(caught.__traceback__)
            caught.placed = True
        # The frames of the traceback would keep everything alive that the failed part held.
        caught.__traceback__ = None
        meter.depth = depth
        f[slot] = caught
        meter.fuel -= 1
        return handler(f)

    return guarded


STATEMENTS: dict[Any, Any] = {
    n.Block: block,
    n.Expression: expression,
    n.Declarations: declarations,
    n.Return: leave_value,
    n.Break: break_loop,
    n.Continue: continue_loop,
    n.Throw: throw,
    n.If: branch,
    n.While: while_loop,
    n.Do: do_loop,
    n.For: for_loop,
    n.Each: each_loop,
    n.Try: attempt,
}
