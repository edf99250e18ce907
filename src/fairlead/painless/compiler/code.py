"""What compiling an expression or a statement gives: a closure over the frame and what is known about it statically.

A frame is a list: the meter, the loop counter of this invocation, its refills that are left, the value of `return`,
then the variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from fairlead.painless.types import Type

Frame = list[Any]
Run = Callable[[Frame], Any]

METER, LOOPS, REFILLS, RESULT, FIRST_SLOT = range(5)

BREAK, CONTINUE, RETURN = 1, 2, 3
"""What a statement that left gives; one that went on gives None or, when it cannot leave, anything."""


@dataclass(slots=True)
class Part:
    """An operand of a string concatenation: a constant text, or a closure and how its value becomes text."""

    text: str | None
    run: Run | None
    show: Callable[[Any], str] | None
    mutable: bool


class Code:
    """A compiled expression.

    `run` gives a Java value, unboxed when `type` is primitive. `at` is where errors about it point. A concatenation
    that is not finished has `parts` instead of `run`: it may become a part of a larger one (spec 7.3).
    Hundreds are made for one script, most with the first three fields only: the rest are defaults of the class.
    """

    constant: bool = False
    value: Any = None
    null: bool = False
    slot: int = -1
    parts: list[Part] | None = None
    computed: bool = False
    """A String made by a call or an operator: never identical to another (spec 7.4)."""
    jvm_slot: int = -1
    literal: bool = False

    def __init__(self, kind: Type, run: Run, at: int, computed: bool = False) -> None:
        self.type = kind
        self.run = run
        self.at = at
        if computed:
            self.computed = True

    @property
    def jvm(self) -> str:
        """How the JVM names it in null pointer messages."""
        return f"<local{self.jvm_slot}>" if self.jvm_slot >= 0 else ""

    def changed(self, **fields: Any) -> Code:
        """The same code with some fields changed."""
        made = Code.__new__(Code)
        made.__dict__.update(self.__dict__)
        made.__dict__.update(fields)
        return made


@dataclass(slots=True)
class Want:
    """The type that the place of an expression requires; `boxing` only where spec 6.1 allows it."""

    type: Type
    explicit: bool = False
    boxing: bool = False


@dataclass(slots=True)
class Statement:
    """A compiled statement: what its paths do (spec 11.2, 11.5) and whether `run` may give a signal."""

    run: Run
    signals: bool = False
    leaves: bool = False
    leaves_loop: bool = False
    leaves_method: bool = False


@dataclass(slots=True)
class Variable:
    name: str
    type: Type
    slot: int
    read_only: bool = False
    jvm: int = 0


@dataclass(slots=True)
class FunctionInfo:
    """A script function: `body` is set once it is compiled, calls may be compiled before."""

    name: str
    parameters: tuple[Type, ...]
    result: Type
    body: Run = field(default=lambda frame: None)
    padding: list[None] = field(default_factory=list)


def constant(kind: Type, value: Any, at: int, *, null: bool = False) -> Code:
    """A value known when compiling, unboxed."""
    code = Code(kind, lambda f: value, at)
    code.constant = True
    code.value = value
    code.null = null
    return code


def local(variable: Variable, at: int) -> Code:
    code = Code(variable.type, itemgetter(variable.slot), at)
    code.slot = variable.slot
    code.jvm_slot = variable.jvm
    return code
