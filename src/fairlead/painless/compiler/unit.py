"""One body being compiled (main, function or lambda): scopes, the current position, conversions; it knows no syntax.

The position (`mark`) imitates the original's line table: an instruction that fails is reported at the last position
marked before it in the order of the code (spec 13.3). So operands must be compiled in the order in which they run, and
a closure that can fail is made after its operands and keeps `mark` as its default argument `_at`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fairlead.painless import nodes as n
from fairlead.painless.compiler.code import (
    FIRST_SLOT,
    Code,
    FunctionInfo,
    Part,
    Run,
    Statement,
    Variable,
    Want,
    constant,
)
from fairlead.painless.errors import CompileProblem, Starts, null_pointer, problem
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.convert import (
    adapter,
    boxer,
    checked,
    def_to,
    narrowing,
    string_to_char,
    unbox,
    widens,
)
from fairlead.painless.runtime.text import STATIC_TEXT, text
from fairlead.painless.types import (
    BYTE,
    CHAR,
    DEF,
    INT,
    SHORT,
    VOID,
    Type,
    needed,
    resolve,
    unboxed,
)


@dataclass(slots=True)
class Shared:
    """What the bodies of one script have in common."""

    source: str
    functions: dict[tuple[str, int], FunctionInfo] = field(default_factory=dict)
    starts: Starts = field(default_factory=Starts)
    lambdas: int = 0
    loops: bool = False
    calls: bool = False


@dataclass(slots=True)
class Loop:
    broke: bool = False
    continued: bool = False


Expressions = dict[type[n.Node], Callable[["Unit", Any, "Want | None"], Code]]
Statements = dict[type[n.Node], Callable[["Unit", Any, bool, bool], Statement]]

_LITERAL_RANGE = {BYTE: (-128, 127), SHORT: (-32768, 32767), CHAR: (0, 65535)}


class Unit:
    """A body in the making."""

    def __init__(
        self,
        shared: Shared,
        expressions: Expressions,
        statements: Statements,
        result: Type,
        parent: Unit | None = None,
    ) -> None:
        self.shared = shared
        self.expressions = expressions
        self.statements = statements
        self.result = result
        self.parent = parent
        self.names: dict[str, Variable] = {}
        self.scopes: list[list[str]] = [[]]
        self.slots = FIRST_SLOT
        self.jvm_slots = 1
        self.captures: list[tuple[int, int]] = []
        self.loops: list[Loop] = []
        self.mark: int | None = None
        self.auto_return = True
        self.string: Type = needed("String")

    # Names ------------------------------------------------------------------------------------------------------------

    def find(self, name: str) -> Variable | None:
        """A variable in scope; one of an enclosing body is captured, and read-only from then on."""
        found = self.names.get(name)
        if found is not None:
            return found
        if self.parent is None:
            return None
        outer = self.parent.find(name)
        if outer is None:
            return None
        outer.read_only = True
        captured = Variable(name, outer.type, self.slots, True, self.jvm_slots)
        self.slots += 1
        self.captures.append((outer.slot, captured.slot))
        self.names[name] = captured
        return captured

    def known(self, name: str) -> bool:
        """Whether a variable of that name is in scope, without capturing it."""
        if name in self.names:
            return True
        return self.parent is not None and self.parent.known(name)

    def declare(self, name: str, kind: Type, at: int, *, read_only: bool = False) -> Variable:
        if self.known(name):
            raise problem(at, f"variable [{name}] is already defined")
        made = Variable(name, kind, self.slots, read_only, self.jvm_slots)
        self.slots += 1
        self.jvm_slots += 2 if kind.name in ("long", "double") else 1
        self.names[name] = made
        self.scopes[-1].append(name)
        return made

    def open_scope(self) -> None:
        self.scopes.append([])

    def close_scope(self) -> None:
        """Nothing is ever shadowed, so the names of a scope are simply forgotten."""
        for name in self.scopes.pop():
            del self.names[name]

    def type_named(self, name: n.TypeName) -> Type | None:
        return resolve(name.name, name.dims)

    # Expressions ------------------------------------------------------------------------------------------------------

    def visit(self, node: n.Node, want: Want | None = None) -> Code:
        """Compiles a node; the result need not have the wanted type, and may be an unfinished concatenation."""
        return self.expressions[type(node)](self, node, want)

    def value(self, node: n.Node, want: Want | None = None) -> Code:
        """Compiles a node to finished code."""
        code = self.visit(node, want)
        return finish(code) if code.parts is not None else code

    def typed(self, node: n.Node, kind: Type, *, boxing: bool = False) -> Code:
        """Compiles a node for a place of a type."""
        return self.convert(self.value(node, wanted(kind, boxing)), kind, boxing=boxing)

    def statement(self, node: n.Node, last: bool, last_in_loop: bool) -> Statement:
        return self.statements[type(node)](self, node, last, last_in_loop)

    # Conversions ------------------------------------------------------------------------------------------------------

    def cannot_cast(self, code: Code, target: Type) -> CompileProblem:
        return problem(code.at, f"Cannot cast from [{code.type.name}] to [{target.name}].", "ClassCastException")

    def convert(self, code: Code, target: Type, *, explicit: bool = False, boxing: bool = False) -> Code:
        """Code of the target type, or the compile error of spec 6."""
        source = code.type
        if source is target:
            return code
        if target is VOID or source is VOID:
            raise self.cannot_cast(code, target)
        if code.null:
            if target.primitive:
                raise problem(code.at, f"Cannot cast null to a primitive type [{target.name}].")
            return constant(target, None, code.at, null=True)
        if target is DEF:
            return self._boxed(code, DEF) if source.primitive else retyped(code, DEF)
        if source is DEF:
            self.mark = code.at
            return self._through(code, target, def_to(target, explicit))
        if source.primitive:
            return self._from_primitive(code, target, explicit, boxing)
        if target.primitive:
            return self._to_primitive(code, target, explicit, boxing)
        if source.subclass_of(target):
            return retyped(code, target)
        if explicit and target.subclass_of(source):
            self.mark = code.at
            return self._through(code, target, checked(target))
        raise self.cannot_cast(code, target)

    def _from_primitive(self, code: Code, target: Type, explicit: bool, boxing: bool) -> Code:
        source = code.type
        if target.primitive:
            if not (source.numeric and target.numeric):
                raise self.cannot_cast(code, target)
            if not (explicit or widens(source, target)):
                bounds = _LITERAL_RANGE.get(target)
                fits = code.literal and source is INT and bounds is not None and bounds[0] <= code.value <= bounds[1]
                if not fits:
                    raise self.cannot_cast(code, target)
            return self._through(code, target, narrowing(source, target))
        if explicit and source is CHAR and target is self.string:
            return self._through(code, target, chr)
        if not boxing:
            raise self.cannot_cast(code, target)
        wider = unboxed(target)
        if wider is not None and source.numeric and widens(source, wider):
            return self._boxed(self._through(code, wider, narrowing(source, wider)), target)
        if not source.box.subclass_of(target):
            raise self.cannot_cast(code, target)
        return self._boxed(code, target)

    def _to_primitive(self, code: Code, target: Type, explicit: bool, boxing: bool) -> Code:
        if explicit and target is CHAR and code.type is self.string:
            self.mark = code.at
            return self._through(code, target, string_to_char)
        source = unboxed(code.type)
        if not boxing or source is None or not (source is target or widens(source, target)):
            raise self.cannot_cast(code, target)
        change = narrowing(source, target) if source.numeric else None

        def convert(value: Any) -> Any:
            if value is None:
                raise null_pointer(None)
            plain = unbox(value)
            return change(plain) if change is not None else plain

        return self._through(code, target, convert)

    def _boxed(self, code: Code, target: Type) -> Code:
        self.mark = code.at
        return self._through(code, target, boxer(code.type))

    def _through(self, code: Code, target: Type, change: Callable[[Any], Any] | None) -> Code:
        if change is None:
            return retyped(code, target)
        if code.constant:
            try:
                value = change(code.value)
            except Exception as error:
                raise CompileProblem(code.at, _as_thrown(error)) from error
            return constant(target, value, code.at)
        run = code.run

        def converted(f: list[Any], _at: int | None = self.mark) -> Any:
            return change(run(f))

        return Code(target, converted, code.at)

    def argument(self, code: Code, parameter: Type) -> Callable[[Any], Any] | None:
        """How an argument of a def call is adapted at run time."""
        return adapter(code.type, parameter)

    # Text -------------------------------------------------------------------------------------------------------------

    def part(self, code: Code) -> Part:
        """An operand of a concatenation."""
        if code.type is VOID:
            raise self.cannot_cast(code, self.string)
        show = STATIC_TEXT.get(code.type.name)
        if code.constant and (show is not None or code.value is None or isinstance(code.value, str)):
            if code.value is None:
                return Part("null", None, None, False)
            return Part(show(code.value) if show is not None else code.value, None, None, False)
        return Part(None, code.run, show, show is None and code.type is not self.string)


def _as_thrown(error: Exception) -> Any:
    """Folding calls nothing but conversions, which raise Thrown only."""
    return error


@cache
def wanted(kind: Type, boxing: bool) -> Want:
    """Nobody changes a Want, so there is one for each place of a kind."""
    return Want(kind, False, boxing)


def retyped(code: Code, target: Type) -> Code:
    """The same code with another static type."""
    return code.changed(type=target)


def finish(code: Code, *, early: bool = False) -> Code:
    """A concatenation as code: all operands first, then their texts (`early`: each text at once, spec 7.3)."""
    assert code.parts is not None
    run = concatenation(code.parts, early)
    if all(part.text is not None for part in code.parts):
        return constant(code.type, "".join(part.text or "" for part in code.parts), code.at)
    return Code(code.type, run, code.at, computed=True)


def _merged(parts: list[Part]) -> list[Part]:
    """Neighbouring constants as one, empty ones dropped."""
    merged: list[Part] = []
    for part in parts:
        if part.text is not None and merged and merged[-1].text is not None:
            merged[-1] = Part(merged[-1].text + part.text, None, None, False)
        else:
            merged.append(part)
    return [part for part in merged if part.text != ""]


def _shown(meter: Meter, value: Any, show: Callable[[Any], str] | None) -> str:
    return show(value) if show is not None else text(meter, value)


def concatenation(parts: list[Part], early: bool) -> Run:
    """The closure that joins parts; the common shapes have their own."""
    parts = _merged(parts)
    dynamic = [part for part in parts if part.text is None]
    if not dynamic:
        whole = "".join(part.text or "" for part in parts)
        return lambda f: whole
    if len(dynamic) == 1:
        place = parts.index(dynamic[0])
        before = parts[0].text or "" if place == 1 else ""
        after = parts[-1].text or "" if place < len(parts) - 1 else ""
        return _around(before, dynamic[0], after)
    late = not early and any(part.mutable for part in dynamic)
    return _late(parts) if late else _early(parts)


def _around(before: str, part: Part, after: str) -> Run:
    run, show = part.run, part.show
    assert run is not None

    def around(f: list[Any]) -> str:
        value = run(f)
        meter = f[0]
        if type(value) is str:
            joined = before + value + after
        elif show is None:
            joined = before + text(meter, value) + after
        else:
            joined = before + show(value) + after
        meter.chars -= len(joined)
        return joined if meter.chars >= 0 else meter.settle(joined)

    return around


def _early(parts: list[Part]) -> Run:
    steps = [(part.text, part.run, part.show) for part in parts]

    def join(f: list[Any]) -> str:
        meter = f[0]
        texts = []
        for constant_text, run, show in steps:
            if run is None:
                texts.append(constant_text)
            else:
                value = run(f)
                texts.append(value if type(value) is str else _shown(meter, value, show))
        joined = "".join(texts)  # type: ignore[arg-type]
        meter.chars -= len(joined)
        return joined if meter.chars >= 0 else meter.settle(joined)

    return join


def _late(parts: list[Part]) -> Run:
    steps = [(part.text, part.run, part.show) for part in parts]

    def join(f: list[Any]) -> str:
        meter = f[0]
        values = [constant_text if run is None else run(f) for constant_text, run, _ in steps]
        texts = [
            value if type(value) is str else _shown(meter, value, step[2])
            for value, step in zip(values, steps, strict=True)
        ]
        joined = "".join(texts)
        meter.chars -= len(joined)
        return joined if meter.chars >= 0 else meter.settle(joined)

    return join
