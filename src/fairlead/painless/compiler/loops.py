"""Loops: every iteration costs one of the invocation's allowance, counted before the body. Spec 04 sections 11.2-11.3, 14."""

from __future__ import annotations

from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.assign import has_effect, not_a_statement
from fairlead.painless.compiler.code import BREAK, RETURN, Code, Run, Statement
from fairlead.painless.compiler.comparison import condition
from fairlead.painless.compiler.unit import Loop, Unit
from fairlead.painless.errors import null_pointer, problem
from fairlead.painless.limits import refill
from fairlead.painless.runtime.collections import each
from fairlead.painless.runtime.convert import boxer, def_to
from fairlead.painless.runtime.values import Array
from fairlead.painless.types import DEF, Type, needed


def _literal(node: n.Node | None) -> bool | None:
    """The value of a condition that is written out; no condition is true."""
    if node is None:
        return True
    while isinstance(node, n.Parens):
        node = node.inner
    return node.value if isinstance(node, n.Constant) else None


def _body(unit: Unit, node: n.Block | None, at: int, name: str) -> tuple[Statement | None, Loop]:
    """The body of a loop; one that always leaves at its first pass makes no loop."""
    loop = Loop()
    if node is None:
        return None, loop
    unit.loops.append(loop)
    compiled = unit.statement(node, False, True)
    unit.loops.pop()
    if compiled.leaves_loop and not loop.continued:
        raise problem(at, f"extraneous {name} loop")
    return compiled, loop


def _endless(constant: bool | None, loop: Loop) -> bool:
    return constant is True and not loop.broke


def _finished(run: Run, body: Statement | None, endless: bool) -> Statement:
    signals = body is not None and body.signals
    return Statement(run, signals, endless, endless, endless)


def while_loop(unit: Unit, node: n.While, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    unit.shared.loops = True
    constant = _literal(node.condition)
    if constant is False:
        raise problem(node.at, "extraneous while loop")
    test = condition(unit, node.condition)
    unit.mark = node.at
    body, loop = _body(unit, node.body, node.at, "while")
    return _finished(_while(test, body, None, node.at), body, _endless(constant, loop))


def for_loop(unit: Unit, node: n.For, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    unit.shared.loops = True
    unit.open_scope()
    initial: Run | None = None
    if isinstance(node.initial, n.Declarations):
        initial = unit.statement(node.initial, False, False).run
    elif isinstance(node.initial, n.Expression):
        initial = _effect(unit, node.initial.value)
    constant = _literal(node.condition)
    if constant is False:
        raise problem(node.at, "extraneous for loop")
    test: Run = (lambda f: True) if node.condition is None else condition(unit, node.condition)
    # Compiled before the body, as in the original: a lambda in the body that captures the counter freezes it after.
    update = _effect(unit, node.update) if node.update is not None else None
    unit.mark = node.at
    body, loop = _body(unit, node.body, node.at, "for")
    unit.close_scope()
    run = _while(test, body, update, node.at)
    if initial is None:
        return _finished(run, body, _endless(constant, loop))
    start = initial

    def whole(f: list[Any]) -> Any:
        start(f)
        return run(f)

    return _finished(whole, body, _endless(constant, loop))


def _effect(unit: Unit, node: n.Node) -> Run:
    if not has_effect(node):
        raise not_a_statement(node)
    return unit.value(node).run


def _while(test: Run, body: Statement | None, update: Run | None, at: int) -> Run:
    if body is not None and body.signals:
        return _leaving_while(test, body.run, update, at)
    run: Run = body.run if body is not None else _nothing
    if update is None:

        def plain(f: list[Any], _at: int | None = at) -> None:
            while test(f):
                f[1] -= 1
                if f[1] <= 0:
                    refill(f, f[0])
                run(f)

        return plain

    after = update

    def counted(f: list[Any], _at: int | None = at) -> None:
        while test(f):
            f[1] -= 1
            if f[1] <= 0:
                refill(f, f[0])
            run(f)
            after(f)

    return counted


def _nothing(f: list[Any]) -> None:
    return None


def _leaving_while(test: Run, run: Run, update: Run | None, at: int) -> Run:
    def loop(f: list[Any], _at: int | None = at) -> Any:
        while test(f):
            f[1] -= 1
            if f[1] <= 0:
                refill(f, f[0])
            signal = run(f)
            if signal:
                if signal == BREAK:
                    return None
                if signal == RETURN:
                    return RETURN
            if update is not None:
                update(f)
        return None

    return loop


def do_loop(unit: Unit, node: n.Do, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    unit.shared.loops = True
    if not node.body.statements:
        raise problem(node.at, "extraneous do-while loop")
    constant = _literal(node.condition)
    body, loop = _body(unit, node.body, node.at, "do-while")
    assert body is not None
    if constant is False:
        raise problem(node.at, "extraneous do-while loop")
    test = condition(unit, node.condition)
    run = body.run
    signals = body.signals

    def repeat(f: list[Any], _at: int | None = node.at) -> Any:
        while True:
            signal = run(f)
            if signals and signal:
                if signal == BREAK:
                    return None
                if signal == RETURN:
                    return RETURN
            if not test(f):
                return None
            f[1] -= 1
            if f[1] <= 0:
                refill(f, f[0])

    return _finished(repeat, body, _endless(constant, loop))


def each_loop(unit: Unit, node: n.Each, last: bool, last_in_loop: bool) -> Statement:
    unit.shared.starts.add(node.at)
    unit.shared.loops = True
    kind = unit.type_named(node.type)
    if kind is None:
        raise problem(node.at, f"invalid foreach loop: type [{node.type.text}] not found")
    items = unit.value(node.items)
    if not node.body.statements:
        raise problem(node.at, "extraneous foreach loop")
    at = unit.mark
    unit.open_scope()
    slot = unit.declare(node.name, kind, node.at, read_only=True).slot
    unit.mark = node.at
    body, _ = _body(unit, node.body, node.at, "foreach")
    unit.close_scope()
    assert body is not None
    change = _element_conversion(unit, node, items, kind)
    start = _iteration(items, at)
    return Statement(_each(start, change, slot, body, node.at, at), body.signals)


def _element_conversion(unit: Unit, node: n.Each, items: Code, kind: Type) -> Any:
    """How an element becomes the variable's type: explicitly, unlike everywhere else (spec 6.3)."""
    source = items.type
    if source is DEF:
        return None if kind is DEF else def_to(kind, True)
    if source.component is not None:
        if source.component is kind:
            return None
        probe = unit.convert(Code(source.component, lambda f: f, node.at), kind, explicit=True)
        run = probe.run
        return (lambda x: run(x)) if probe.type is kind else None
    if not source.subclass_of(needed("Iterable")):
        raise problem(node.at, f"invalid foreach loop: cannot iterate over type [{source.name}].")
    return None if kind is DEF else def_to(kind, True)


def _iteration(items: Code, at: int | None) -> Run:
    """The closure that gives the iterator."""
    run = items.run
    component = items.type.component
    if component is not None:

        def of_array(f: list[Any], _at: int | None = at) -> Any:
            found = run(f)
            if found is None:
                raise null_pointer("Cannot read the array length because value is null")
            return iter(found.items)

        return of_array
    if items.type is DEF:

        def of_def(f: list[Any], _at: int | None = at) -> Any:
            found = run(f)
            if found is None:
                raise null_pointer('Cannot invoke "Object.getClass()" because "callArgs[0]" is null')
            return boxed_each(f[0], found)

        return of_def

    name = items.jvm

    def of_iterable(f: list[Any], _at: int | None = at) -> Any:
        found = run(f)
        if found is None:
            tail = f'because "{name}" is null' if name else "because value is null"
            raise null_pointer(f'Cannot invoke "java.lang.Iterable.iterator()" {tail}')
        return each(f[0], found)

    return of_iterable


def boxed_each(meter: Any, found: Any) -> Any:
    """Elements as Java values, also those of an array of primitives."""
    if type(found) is Array:
        component = found.kind.component
        make = boxer(component) if component is not None else None
        if make is not None:
            return map(make, found.items)
    return each(meter, found)


def _each(start: Run, change: Any, slot: int, body: Statement, at: int, items_at: int | None) -> Run:
    run = body.run
    signals = body.signals

    def advance(iterator: Any, _at: int | None = items_at) -> Any:
        value = next(iterator, _END)
        return value if value is _END or change is None else change(value)

    def loop(f: list[Any], _at: int | None = at) -> Any:
        iterator = start(f)
        while True:
            value = advance(iterator)
            if value is _END:
                return None
            f[slot] = value
            f[1] -= 1
            if f[1] <= 0:
                refill(f, f[0])
            signal = run(f)
            if signals and signal:
                if signal == BREAK:
                    return None
                if signal == RETURN:
                    return RETURN

    return loop


_END = object()
