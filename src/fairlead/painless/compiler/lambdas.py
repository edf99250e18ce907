"""Lambdas and method references, made for an interface known when compiling or only when the call is bound. Spec 12.2-4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import FIRST_SLOT, Run
from fairlead.painless.compiler.unit import Unit
from fairlead.painless.errors import CompileProblem, Thrown, illegal_argument, null_pointer, problem
from fairlead.painless.runtime.convert import adapter, adapts, boxer, class_of, jvm_to
from fairlead.painless.runtime.values import Array, Function
from fairlead.painless.types import DEF, INT, VOID, Functional, Method, Type, resolve

Plain = Callable[..., Any]
"""Takes Java values of the interface's parameter types, unboxed where they are primitive."""


@dataclass(slots=True)
class Deferred:
    """A lambda or reference in a def call: becomes a function once the method, and so the interface, is known."""

    label: str
    make: Callable[[Type], Function]

    def bind(self, parameter: Type) -> Function:
        if parameter.functional is None:
            raise illegal_argument(
                f"cannot convert function reference [{self.label}] to a non-functional interface [{parameter.name}]"
            )
        return self.make(parameter)


def is_function_node(node: n.Node) -> bool:
    return isinstance(node, n.LambdaNode | n.Reference)


def make_function(unit: Unit, node: n.Node, interface: Type) -> Run:
    """The closure that makes the functional object, for an interface known now."""
    unit.mark = node.at
    assert interface.functional is not None
    if isinstance(node, n.Reference):
        return _static_reference(unit, node, interface)
    assert isinstance(node, n.LambdaNode)
    functional = interface.functional
    if len(node.parameters) != len(functional.parameters):
        raise problem(None, f"Incorrect number of parameters for [{functional.method}] in [{interface.name}]")
    declared = [_parameter_type(unit, p) for p in node.parameters]
    kinds = [mine or its for mine, its in zip(declared, functional.parameters, strict=True)]
    change = [
        adapter(its, mine) if mine is not its else None for mine, its in zip(kinds, functional.parameters, strict=True)
    ]
    body = _compile(unit, node, kinds, functional.result)
    name = interface.path
    if not any(change):
        return lambda f: Function(name, body(f))
    return lambda f: Function(name, _adapting(body(f), change, None))


def make_deferred(unit: Unit, node: n.Node) -> Run:
    """The closure that makes a Deferred: everything is def until the call is bound."""
    unit.mark = node.at
    if isinstance(node, n.Reference):
        return _deferred_reference(unit, node)
    assert isinstance(node, n.LambdaNode)
    kinds = [_parameter_type(unit, p) or DEF for p in node.parameters]
    label = f"this::lambda$synthetic${unit.shared.lambdas}"
    body = _compile(unit, node, kinds, DEF)
    count = len(kinds)

    def make(f: list[Any]) -> Deferred:
        plain = body(f)

        def for_interface(interface: Type) -> Function:
            functional = interface.functional
            assert functional is not None
            _check_count(label, count, interface, functional)
            change = [
                (boxer(its) if mine is DEF else adapter(its, mine))
                for mine, its in zip(kinds, functional.parameters, strict=True)
            ]
            return Function(interface.path, _adapting(plain, change, jvm_to(functional.result)))

        return Deferred(label, for_interface)

    return make


def _check_count(label: str, count: int, interface: Type, functional: Functional) -> None:
    if count != len(functional.parameters):
        raise illegal_argument(
            f"function reference [{label}/{len(functional.parameters)}] matching [{interface.name}, "
            f"{functional.method}/{len(functional.parameters)}] not found due to an incorrect number of arguments"
        )


def _adapting(plain: Plain, change: list[Callable[[Any], Any] | None], result: Callable[[Any], Any] | None) -> Plain:
    if not any(change):
        if result is None:
            return plain
        convert = result
        return lambda *values: convert(plain(*values))

    def adapted(*values: Any) -> Any:
        made = plain(*[value if adapt is None else adapt(value) for adapt, value in zip(change, values, strict=True)])
        return made if result is None else result(made)

    return adapted


# Lambdas ----------------------------------------------------------------------------------------------------------------


def _parameter_type(unit: Unit, parameter: n.Parameter) -> Type | None:
    if parameter.type is None:
        return None
    found = unit.type_named(parameter.type)
    if found is None:
        raise problem(parameter.at, f"cannot resolve type [{parameter.type.text}]")
    return found


def _compile(unit: Unit, node: n.LambdaNode, kinds: list[Type], result: Type) -> Callable[[list[Any]], Plain]:
    """Compiles the body; gives what captures variables and makes the callable."""
    shared = unit.shared
    shared.lambdas += 1
    shared.calls = True
    shared.starts.add(node.at)
    inner = Unit(shared, unit.expressions, unit.statements, result, unit)
    for parameter, kind in zip(node.parameters, kinds, strict=True):
        inner.declare(parameter.name, kind, parameter.at, read_only=True)
    if isinstance(node.body, n.Block):
        run = _block_body(inner, node, node.body, result)
    else:
        run = _expression_body(inner, node.body, result)
    count = len(kinds)
    captures = tuple(inner.captures)
    padding = [None] * (inner.slots - FIRST_SLOT - count)

    def capture(f: list[Any]) -> Plain:
        meter = f[0]
        kept = [(slot, f[outer]) for outer, slot in captures]

        def invoke(*values: Any) -> Any:
            meter.fuel -= 1
            if meter.fuel < 0:
                meter.refuel()
            frame = [meter, meter.loop_first, meter.loop_rest, None, *values]
            frame += padding
            for slot, value in kept:
                frame[slot] = value
            made = run(frame)
            meter.fuel -= meter.loop_first - frame[1]
            return made

        return invoke

    return capture


def _expression_body(inner: Unit, body: n.Node, result: Type) -> Run:
    if result is VOID:
        code = inner.value(body)
        return code.run
    code = inner.value(body, None)
    if code.type is VOID and result is DEF:
        return code.run
    return inner.convert(code, result, boxing=True).run


def _block_body(inner: Unit, node: n.LambdaNode, body: n.Block, result: Type) -> Run:
    if not body.statements:
        raise CompileProblem(None, null_pointer(None))
    compiled = inner.statement(body, True, False)
    if result is not VOID and result is not DEF and not compiled.leaves_method:
        raise problem(node.at, "not all paths return a value for lambda")
    if result is DEF and not compiled.leaves_method and not _may_end(body):
        raise problem(node.at, "not all paths return a value for lambda")
    run = compiled.run
    return lambda frame: frame[3] if run(frame) == 3 else None


def _may_end(body: n.Block) -> bool:
    """Whether a body for a def result may run off its end: its last statement is one without a value.

    The original decides it by the interface, which a def call knows only later; a declaration at the end is a fault
    either way.
    """
    return not isinstance(body.statements[-1], n.Declarations)


# References -------------------------------------------------------------------------------------------------------------


def _not_found(label: str, interface: Type) -> Thrown:
    functional = interface.functional
    assert functional is not None
    count = len(functional.parameters)
    return illegal_argument(
        f"function reference [{label}/{count}] matching [{interface.name}, {functional.method}/{count}] not found"
    )


def _label(node: n.Reference) -> str:
    return f"{node.type.text}::{node.name}"


def _static_reference(unit: Unit, node: n.Reference, interface: Type) -> Run:
    captured = unit.find(node.type.name) if not node.type.dims else None
    if captured is not None:
        receiver = captured.slot
        if captured.type is DEF:
            return lambda f: Function(interface.path, _on_value(f[0], f[receiver], node.name, _label(node), interface))
        method = _instance_method(captured.type, node, interface)
        return lambda f: Function(interface.path, _with_receiver(f[0], method, f[receiver], interface))
    try:
        make = _reference(unit, node, interface)
    except Thrown as cause:
        raise CompileProblem(node.at, cause) from cause
    return lambda f: Function(interface.path, make(f[0]))


def _instance_method(kind: Type, node: n.Reference, interface: Type) -> Method:
    functional = interface.functional
    assert functional is not None
    method = kind.methods.get((node.name, len(functional.parameters)))
    if method is None:
        raise CompileProblem(node.at, _not_found(_label(node), interface))
    return method


def _deferred_reference(unit: Unit, node: n.Reference) -> Run:
    label = _label(node)
    captured = unit.find(node.type.name) if not node.type.dims else None
    if captured is not None:
        slot = captured.slot
        box = boxer(captured.type)

        def of_value(f: list[Any]) -> Deferred:
            value = f[slot] if box is None else box(f[slot])
            meter = f[0]
            return Deferred(
                label,
                lambda interface: Function(interface.path, _on_value(meter, value, node.name, label, interface)),
            )

        return of_value
    if node.type.name != "this" and unit.type_named(node.type) is None:
        raise problem(node.at, f"invalid function reference: cannot resolve type [{node.type.text}]")

    def of_type(f: list[Any]) -> Deferred:
        meter = f[0]
        return Deferred(
            label,
            lambda interface: Function(interface.path, _reference(unit, node, interface)(meter)),
        )

    return of_type


def _reference(unit: Unit, node: n.Reference, interface: Type) -> Callable[[Any], Plain]:
    """A reference without a receiver of its own, for an interface; takes the meter."""
    functional = interface.functional
    assert functional is not None
    count = len(functional.parameters)
    if node.type.name == "this":
        return _function_reference(unit, node, interface, functional)
    kind = resolve(node.type.name, node.type.dims)
    if kind is None:
        raise illegal_argument(f"invalid function reference: cannot resolve type [{node.type.text}]")
    if node.name == "new":
        return _constructor_reference(node, kind, interface, functional)
    method = kind.statics.get((node.name, count))
    if method is not None:
        return _method_plain(method, method.parameters, functional, _label(node), interface)
    method = kind.methods.get((node.name, count - 1))
    if method is None:
        raise _not_found(_label(node), interface)
    receiver = kind.box if kind.primitive else kind
    return _method_plain(method, (receiver, *method.parameters), functional, _label(node), interface)


def _method_plain(
    method: Method, parameters: tuple[Type, ...], functional: Functional, label: str, interface: Type
) -> Callable[[Any], Plain]:
    for source, target in zip(functional.parameters, parameters, strict=True):
        if not adapts(source, target):
            raise _not_found(label, interface)
    if not adapts(method.result, functional.result):
        raise _not_found(label, interface)
    change = [adapter(source, target) for source, target in zip(functional.parameters, parameters, strict=True)]
    result = adapter(method.result, functional.result) if functional.result is not VOID else None
    run = method.run
    needs_receiver = len(parameters) > len(method.parameters)

    def for_meter(meter: Any) -> Plain:
        def plain(*values: Any) -> Any:
            meter.spend(1)
            if needs_receiver and values[0] is None:
                raise null_pointer(f'Cannot invoke "{method.jvm}" because "<parameter1>" is null')
            return run(meter, *values)

        return _adapting(plain, change, result)

    return for_meter


def _constructor_reference(
    node: n.Reference, kind: Type, interface: Type, functional: Functional
) -> Callable[[Any], Plain]:
    count = len(functional.parameters)
    if kind.component is not None:
        if count != 1:
            raise _not_found(_label(node), interface)
        component = kind.component
        default = component.default if component.primitive else None
        size = jvm_to(INT)

        def for_meter(meter: Any) -> Plain:
            def make(length: Any) -> Array:
                number = size(length) if size is not None else length
                meter.take_elements(number)
                return Array(kind, [default] * number)

            return make

        return for_meter
    constructor = kind.constructors.get(count)
    if constructor is None:
        raise _not_found(_label(node), interface)
    return _method_plain(constructor, constructor.parameters, functional, _label(node), interface)


def _function_reference(
    unit: Unit, node: n.Reference, interface: Type, functional: Functional
) -> Callable[[Any], Plain]:
    info = unit.shared.functions.get((node.name, len(functional.parameters)))
    if info is None:
        raise _not_found(_label(node), interface)
    change = [adapter(source, target) for source, target in zip(functional.parameters, info.parameters, strict=True)]
    result = adapter(info.result, functional.result) if functional.result is not VOID else None

    def for_meter(meter: Any) -> Plain:
        def plain(*values: Any) -> Any:
            frame = [meter, meter.loop_first, meter.loop_rest, None, *values, *info.padding]
            meter.enter()
            made = info.body(frame)
            meter.depth += 1
            return made

        return _adapting(plain, change, result)

    return for_meter


def _on_value(meter: Any, value: Any, name: str, label: str, interface: Type) -> Plain:
    """`variable::name` on a Java value."""
    functional = interface.functional
    assert functional is not None
    if value is None:
        raise null_pointer(None)
    method = class_of(value).methods.get((name, len(functional.parameters)))
    if method is None:
        raise _not_found(label, interface)
    return _with_receiver(meter, method, value, interface)


def _with_receiver(meter: Any, method: Method, value: Any, interface: Type) -> Plain:
    functional = interface.functional
    assert functional is not None
    change = [adapter(source, target) for source, target in zip(functional.parameters, method.parameters, strict=True)]
    result = adapter(method.result, functional.result) if functional.result is not VOID else None
    run = method.run

    def plain(*values: Any) -> Any:
        meter.spend(1)
        return run(meter, value, *values)

    return _adapting(plain, change, result)
