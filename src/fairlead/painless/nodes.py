"""The syntax tree: what the parser hands to the compiler. Nodes hold no types and do nothing.

`at` is where errors about a node point; `start` is the offset of its first token (they differ for members, calls
and elements, whose `at` is the dot or the bracket).

Nobody changes a node. They are not frozen dataclasses because making those takes half of the time of parsing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Node:
    start: int
    at: int


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class TypeName:
    """A type as written: `name` with dots, and how many pairs of brackets follow."""

    name: str
    dims: int
    at: int

    @property
    def text(self) -> str:
        return self.name + "[]" * self.dims


# Expressions ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Number(Node):
    """A number as written, without sign; `radix` 8, 10 or 16; `point` when it has a fraction or an exponent."""

    text: str
    radix: int
    point: bool


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Text(Node):
    value: str


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Regex(Node):
    pattern: str
    flags: str


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Constant(Node):
    """true, false or null."""

    value: bool | None


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Parens(Node):
    """`( inner )`: starts at the parenthesis, errors point at what is inside."""

    inner: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class ListLiteral(Node):
    items: tuple[Node, ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class MapLiteral(Node):
    items: tuple[tuple[Node, Node], ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Name(Node):
    name: str


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class StaticType(Node):
    """A type where an expression could stand, before a dot; only for primitives and arrays."""

    type: TypeName


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class LocalCall(Node):
    name: str
    args: tuple[Node, ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class New(Node):
    type: TypeName
    args: tuple[Node, ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class NewArray(Node):
    """`new T[a][b]`: sizes; the type names the whole array."""

    type: TypeName
    sizes: tuple[Node, ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class NewArrayItems(Node):
    """`new T[] {a, b}`."""

    type: TypeName
    items: tuple[Node, ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Member(Node):
    target: Node
    name: str
    safe: bool


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Call(Node):
    target: Node
    name: str
    args: tuple[Node, ...]
    safe: bool


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Element(Node):
    target: Node
    index: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class InstanceOf(Node):
    operand: Node
    type: TypeName


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Cast(Node):
    type: TypeName
    operand: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Conditional(Node):
    condition: Node
    yes: Node
    no: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Elvis(Node):
    left: Node
    right: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Assign(Node):
    """`target = value`, or with an operator `target op= value`."""

    target: Node
    operator: str | None
    value: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Step(Node):
    """`++` and `--`: by +1 or -1, before or after."""

    target: Node
    by: int
    before: bool


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Parameter:
    type: TypeName | None
    name: str
    at: int


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class LambdaNode(Node):
    parameters: tuple[Parameter, ...]
    body: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Reference(Node):
    """`Type::name`, `Type::new`, `Type[]::new`, `this::name`, `variable::name`."""

    type: TypeName
    name: str


# Statements -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Block(Node):
    statements: tuple[Node, ...]
    braces: bool


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Expression(Node):
    value: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Declare(Node):
    """One variable of a declaration; `at` is its name."""

    type: TypeName
    name: str
    value: Node | None


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Declarations(Node):
    items: tuple[Declare, ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class If(Node):
    condition: Node
    yes: Block
    no: Block | None


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class While(Node):
    condition: Node
    body: Block | None


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Do(Node):
    condition: Node
    body: Block


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class For(Node):
    initial: Node | None
    condition: Node | None
    update: Node | None
    body: Block | None


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Each(Node):
    type: TypeName
    name: str
    items: Node
    body: Block


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Break(Node):
    pass


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Continue(Node):
    pass


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Return(Node):
    value: Node | None


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Throw(Node):
    value: Node


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Catch:
    type: TypeName
    name: str
    body: Block
    at: int


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Try(Node):
    body: Block
    catches: tuple[Catch, ...]


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Function:
    result: TypeName
    name: str
    parameters: tuple[Parameter, ...]
    body: Block
    at: int


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Program:
    """A whole script; `end` is the length of its text."""

    functions: tuple[Function, ...]
    body: Block
    end: int
