"""Calls: of static members, of methods by static type, by run-time class, and of script functions. Spec 04 section 9.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler import access, sites
from fairlead.painless.compiler.code import Code, FunctionInfo, Run, Want
from fairlead.painless.compiler.lambdas import is_function_node, make_deferred, make_function
from fairlead.painless.compiler.literals import named_type
from fairlead.painless.compiler.operands import boxed
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import Thrown, illegal_argument, null_pointer, problem
from fairlead.painless.runtime.convert import adapter, adapts, boxer, class_of
from fairlead.painless.runtime.text import shown_class
from fairlead.painless.types import DEF, OBJECT, VOID, Method, Type

Bound = Callable[..., Any]
"""A method ready for one call site: takes the meter, the receiver and arguments as they are compiled there."""


def call(unit: Unit, node: n.Call, want: Want | None) -> Code:
    """`x.name(...)`."""
    if not node.safe and access.may_be_static(unit, node.target):
        kind = access.static_type(unit, node.target, node.at)
        if kind is not None:
            return _static_call(unit, node, kind)
    target = unit.value(node.target)
    if target.type is VOID:
        raise unit.cannot_cast(target, DEF)
    if target.type is DEF:
        return _dynamic_call(unit, node, target, want)
    return _member_call(unit, node, target)


def arguments(unit: Unit, nodes: tuple[n.Node, ...], parameters: tuple[Type, ...]) -> list[Run]:
    """Arguments for known parameter types."""
    return [_argument(unit, node, kind) for node, kind in zip(nodes, parameters, strict=True)]


def _argument(unit: Unit, node: n.Node, kind: Type) -> Run:
    if is_function_node(node):
        if kind.functional is None:
            raise problem(node.at, f"Cannot pass lambda to [{kind.name}], not a functional interface")
        return make_function(unit, node, kind)
    return unit.typed(node, kind, boxing=True).run


def _static_call(unit: Unit, node: n.Call, kind: Type) -> Code:
    method = kind.statics.get((node.name, len(node.args)))
    if method is None:
        raise problem(node.at, f"static method [{kind.name}, {node.name}/{len(node.args)}] not found")
    unit.mark = node.at
    runs = arguments(unit, node.args, method.parameters)
    run = method.run
    if len(runs) == 1:
        only = runs[0]

        def call_one(f: list[Any], _at: int | None = unit.mark) -> Any:
            return run(f[0], only(f))

        return Code(method.result, call_one, node.at, computed=True)

    def call_static(f: list[Any], _at: int | None = unit.mark) -> Any:
        return run(f[0], *[argument(f) for argument in runs])

    return Code(method.result, call_static, node.at, computed=True)


def _member_call(unit: Unit, node: n.Call, target: Code) -> Code:
    """A method found by the static type of its receiver."""
    kind = target.type
    receiver = target.run
    methods = kind.methods
    if kind.primitive:
        methods = kind.box.methods
        receiver = boxed(unit, target)
    method = methods.get((node.name, len(node.args)))
    if method is None:
        raise problem(node.at, f"member method [{kind.name}, {node.name}/{len(node.args)}] not found")
    if node.safe and method.result.primitive:
        raise problem(None, "Result of null safe operator must be nullable")
    unit.mark = node.at
    runs = arguments(unit, node.args, method.parameters)
    return Code(
        method.result,
        _invocation(receiver, method, target.jvm, runs, node.safe, unit.mark),
        node.at,
        computed=True,
    )


def null_call(method: Method, name: str) -> Thrown:
    """What the JVM says about a method of null; `name` is the receiver as it calls it, or empty."""
    return null_pointer(f'Cannot invoke "{method.jvm}"{sites.because_null(name)}')


def _invocation(receiver: Run, method: Method, name: str, runs: list[Run], safe: bool, at: int | None) -> Run:
    run = method.run
    if safe:

        def call_safe(f: list[Any], _at: int | None = at) -> Any:
            found = receiver(f)
            return None if found is None else run(f[0], found, *[argument(f) for argument in runs])

        return call_safe
    if not runs:

        def call_none(f: list[Any], _at: int | None = at) -> Any:
            found = receiver(f)
            if found is None:
                raise null_call(method, name)
            return run(f[0], found)

        return call_none
    if len(runs) == 1:
        only = runs[0]

        def call_one(f: list[Any], _at: int | None = at) -> Any:
            found = receiver(f)
            value = only(f)
            if found is None:
                raise null_call(method, name)
            return run(f[0], found, value)

        return call_one

    def call_many(f: list[Any], _at: int | None = at) -> Any:
        found = receiver(f)
        values = [argument(f) for argument in runs]
        if found is None:
            raise null_call(method, name)
        return run(f[0], found, *values)

    return call_many


def new(unit: Unit, node: n.New, want: Want | None) -> Code:
    """`new T(...)`. An exception remembers where it was made: that is where it will be reported."""
    kind = named_type(unit, node)
    unit.mark = node.at
    constructor = kind.constructors.get(len(node.args))
    if constructor is None:
        raise problem(node.at, f"constructor [{kind.name}, <init>/{len(node.args)}] not found")
    runs = arguments(unit, node.args, constructor.parameters)
    build = constructor.run

    def make(f: list[Any], _at: int | None = unit.mark) -> Any:
        made = build(f[0], *[run(f) for run in runs])
        if type(made) is Thrown:
            made.at = _at
            made.placed = True
        return made

    return Code(kind, make, node.at, computed=True)


# Calls by run-time class ------------------------------------------------------------------------------------------------


def _dynamic_argument(unit: Unit, node: n.Node) -> tuple[Type | None, Run]:
    """An argument of a def call: its static type (None for a lambda or reference) and its closure, not boxed."""
    if is_function_node(node):
        return None, make_deferred(unit, node)
    code = unit.value(node)
    if code.type is VOID:
        raise unit.cannot_cast(code, DEF)
    return code.type, code.run


def find_method(value: Any, name: str, count: int) -> Method:
    """The method of a value's class, by name and number of arguments."""
    method = class_of(value).methods.get((name, count))
    if method is None:
        raise illegal_argument(f"dynamic method [{shown_class(value)}, {name}/{count}] not found")
    return method


def _binder(parameter: Type) -> Callable[[Any], Any]:
    return lambda deferred: deferred.bind(parameter)


def bind(value: Any, name: str, sources: list[Type | None], target: Type | None) -> Bound:
    """The method of a value's class with its arguments and result adapted to a call site."""
    method = find_method(value, name, len(sources))
    adapters: list[Callable[[Any], Any] | None] = []
    for source, parameter in zip(sources, method.parameters, strict=True):
        if source is None:
            adapters.append(_binder(parameter))
        elif adapts(source, parameter):
            adapters.append(adapter(source, parameter))
        else:
            raise sites.wrong_method_type(method.handle, [s or OBJECT for s in sources], target)
    if target is not None and not adapts(method.result, target):
        raise sites.wrong_method_type(method.handle, [s or OBJECT for s in sources], target)
    change = boxer(method.result) if target is None else adapter(method.result, target)
    return _adapted(method.run, adapters, change)


def _adapted(run: Bound, adapters: list[Callable[[Any], Any] | None], change: Callable[[Any], Any] | None) -> Bound:
    if not any(adapters):
        if change is None:
            return run
        box = change
        return lambda m, r, *values: box(run(m, r, *values))

    # The JVM adapts the last argument first, which decides what a call with two bad ones says [V].
    backwards = [(i, adapt) for i, adapt in enumerate(adapters) if adapt is not None][::-1]

    def adapted(m: Any, r: Any, *values: Any) -> Any:
        given = list(values)
        for i, adapt in backwards:
            given[i] = adapt(given[i])
        result = run(m, r, *given)
        return result if change is None else change(result)

    return adapted


def _dynamic_call(unit: Unit, node: n.Call, target: Code, want: Want | None) -> Code:
    unit.mark = node.at
    found_arguments = [_dynamic_argument(unit, argument) for argument in node.args]
    sources = [source for source, _ in found_arguments]
    runs = [run for _, run in found_arguments]
    result = None if node.safe else sites.site_want(want)
    name, receiver = node.name, target.run
    cache: dict[Any, Bound] = {}

    def resolve(value: Any) -> Bound:
        key = sites.cache_key(value)
        found = cache.get(key)
        if found is None:
            found = cache[key] = bind(value, name, sources, result)
        return found

    code = _site(receiver, runs, node.safe, cache, resolve, unit.mark)
    return Code(result or DEF, code, node.at, computed=True)


def _site(
    receiver: Run,
    runs: list[Run],
    safe: bool,
    cache: dict[Any, Bound],
    resolve: Callable[[Any], Bound],
    at: int | None,
) -> Run:
    if safe:

        def call_safe(f: list[Any], _at: int | None = at) -> Any:
            value = receiver(f)
            if value is None:
                return None
            values = [run(f) for run in runs]
            return (cache.get(type(value)) or resolve(value))(f[0], value, *values)

        return call_safe
    if not runs:

        def call_none(f: list[Any], _at: int | None = at) -> Any:
            value = receiver(f)
            if value is None:
                raise sites.null_receiver(bool(cache))
            return (cache.get(type(value)) or resolve(value))(f[0], value)

        return call_none
    if len(runs) == 1:
        only = runs[0]

        def call_one(f: list[Any], _at: int | None = at) -> Any:
            value = receiver(f)
            argument = only(f)
            if value is None:
                raise sites.null_receiver(bool(cache))
            return (cache.get(type(value)) or resolve(value))(f[0], value, argument)

        return call_one

    def call_many(f: list[Any], _at: int | None = at) -> Any:
        value = receiver(f)
        values = [run(f) for run in runs]
        if value is None:
            raise sites.null_receiver(bool(cache))
        return (cache.get(type(value)) or resolve(value))(f[0], value, *values)

    return call_many


# Script functions -------------------------------------------------------------------------------------------------------

_NODE_NAMES: dict[type[n.Node], str] = {
    n.Text: "EString",
    n.Number: "ENumeric",
    n.Constant: "EBooleanConstant",
    n.Member: "EDot",
    n.Name: "ESymbol",
    n.Call: "ECall",
    n.LocalCall: "ECallLocal",
    n.Binary: "EBinary",
    n.Element: "EBrace",
    n.ListLiteral: "EListInit",
    n.MapLiteral: "EMapInit",
    n.New: "ENewObj",
    n.Conditional: "EConditional",
    n.LambdaNode: "ELambda",
}


def _unknown_call(node: n.LocalCall) -> Exception:
    shown = ", ".join(
        f"org.opensearch.painless.node.{_NODE_NAMES.get(type(argument), 'EUnary')}@{argument.at:x}"
        for argument in node.args
    )
    return problem(node.at, f"Unknown call [{node.name}] with [[{shown}]] arguments.")


def local_call(unit: Unit, node: n.LocalCall, want: Want | None) -> Code:
    """A call of a script function: its own frame, its own loop counter (spec 12.1)."""
    info = unit.shared.functions.get((node.name, len(node.args)))
    if info is None:
        raise _unknown_call(node)
    unit.shared.calls = True
    unit.mark = node.at
    runs = arguments(unit, node.args, info.parameters)
    return Code(info.result, function_call(info, runs, unit.mark), node.at, computed=True)


def function_call(info: FunctionInfo, runs: list[Run], at: int | None) -> Run:
    def call_function(f: list[Any], _at: int | None = at) -> Any:
        meter = f[0]
        frame = [meter, meter.loop_first, meter.loop_rest, None]
        frame += [run(f) for run in runs]
        frame += info.padding
        meter.enter()
        result = info.body(frame)
        meter.depth += 1
        meter.fuel -= meter.loop_first - frame[1]
        return result

    return call_function


EXPRESSIONS: dict[Any, Any] = {n.Call: call, n.New: new, n.LocalCall: local_call}
