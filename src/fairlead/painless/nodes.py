"""The syntax tree: what the parser hands to the compiler. Nodes hold no types and do nothing.

`at` is where errors about a node point; `start` is the offset of its first token (they differ for members, calls
and elements, whose `at` is the dot or the bracket).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    start: int
    at: int


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written: `name` with dots, and how many pairs of brackets follow."""

    name: str
    dims: int
    at: int

    @property
    def text(self) -> str:
        return self.name + "[]" * self.dims


# Expressions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as written, without sign; `radix` 8, 10 or 16; `point` when it has a fraction or an exponent."""

    text: str
    radix: int
    point: bool


@dataclass(frozen=True, slots=True)
class Text(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Regex(Node):
    pattern: str
    flags: str


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """true, false or null."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class Parens(Node):
    """`( inner )`: starts at the parenthesis, errors point at what is inside."""

    inner: Node


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    items: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class StaticType(Node):
    """A type where an expression could stand, before a dot; only for primitives and arrays."""

    type: TypeName


@dataclass(frozen=True, slots=True)
class LocalCall(Node):
    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class New(Node):
    type: TypeName
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NewArray(Node):
    """`new T[a][b]`: sizes; the type names the whole array."""

    type: TypeName
    sizes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NewArrayItems(Node):
    """`new T[] {a, b}`."""

    type: TypeName
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    target: Node
    name: str
    safe: bool


@dataclass(frozen=True, slots=True)
class Call(Node):
    target: Node
    name: str
    args: tuple[Node, ...]
    safe: bool


@dataclass(frozen=True, slots=True)
class Element(Node):
    target: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class InstanceOf(Node):
    operand: Node
    type: TypeName


@dataclass(frozen=True, slots=True)
class Cast(Node):
    type: TypeName
    operand: Node


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Elvis(Node):
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Assign(Node):
    """`target = value`, or with an operator `target op= value`."""

    target: Node
    operator: str | None
    value: Node


@dataclass(frozen=True, slots=True)
class Step(Node):
    """`++` and `--`: by +1 or -1, before or after."""

    target: Node
    by: int
    before: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    type: TypeName | None
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class LambdaNode(Node):
    parameters: tuple[Parameter, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """`Type::name`, `Type::new`, `Type[]::new`, `this::name`, `variable::name`."""

    type: TypeName
    name: str


# Statements -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block(Node):
    statements: tuple[Node, ...]
    braces: bool


@dataclass(frozen=True, slots=True)
class Expression(Node):
    value: Node


@dataclass(frozen=True, slots=True)
class Declare(Node):
    """One variable of a declaration; `at` is its name."""

    type: TypeName
    name: str
    value: Node | None


@dataclass(frozen=True, slots=True)
class Declarations(Node):
    items: tuple[Declare, ...]


@dataclass(frozen=True, slots=True)
class If(Node):
    condition: Node
    yes: Block
    no: Block | None


@dataclass(frozen=True, slots=True)
class While(Node):
    condition: Node
    body: Block | None


@dataclass(frozen=True, slots=True)
class Do(Node):
    condition: Node
    body: Block


@dataclass(frozen=True, slots=True)
class For(Node):
    initial: Node | None
    condition: Node | None
    update: Node | None
    body: Block | None


@dataclass(frozen=True, slots=True)
class Each(Node):
    type: TypeName
    name: str
    items: Node
    body: Block


@dataclass(frozen=True, slots=True)
class Break(Node):
    pass


@dataclass(frozen=True, slots=True)
class Continue(Node):
    pass


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Node | None


@dataclass(frozen=True, slots=True)
class Throw(Node):
    value: Node


@dataclass(frozen=True, slots=True)
class Catch:
    type: TypeName
    name: str
    body: Block
    at: int


@dataclass(frozen=True, slots=True)
class Try(Node):
    body: Block
    catches: tuple[Catch, ...]


@dataclass(frozen=True, slots=True)
class Function:
    result: TypeName
    name: str
    parameters: tuple[Parameter, ...]
    body: Block
    at: int


@dataclass(frozen=True, slots=True)
class Program:
    """A whole script; `end` is the length of its text."""

    functions: tuple[Function, ...]
    body: Block
    end: int
