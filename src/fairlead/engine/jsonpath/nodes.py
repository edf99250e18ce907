"""What a parsed path is made of. Plain values; the parser builds them, the compiler reads them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Property:
    """One name, or several (`['a','b']`); `quote` is the quote it was written with, for messages."""

    names: tuple[str, ...]
    quote: str = "'"

    def __str__(self) -> str:
        return "[" + ",".join(f"{self.quote}{name}{self.quote}" for name in self.names) + "]"


@dataclass(frozen=True, slots=True)
class Index:
    """One array index, or several; negative ones count from the end."""

    indexes: tuple[int, ...]

    def __str__(self) -> str:
        return "[" + ",".join(map(str, self.indexes)) + "]"


@dataclass(frozen=True, slots=True)
class Slice:
    start: int | None
    stop: int | None

    def __str__(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Scan:
    """`..`: the next token applies to every object and array below, in the order of a walk from the top."""

    def __str__(self) -> str:
        return ".."


@dataclass(frozen=True, slots=True)
class Filter:
    condition: Condition

    def __str__(self) -> str:
        return "[?]"


@dataclass(frozen=True, slots=True)
class Call:
    """A function at the end of a path; arguments are JSON values (`Literal`) and paths."""

    name: str
    arguments: tuple[Literal | PathNode, ...]

    def __str__(self) -> str:
        return f".{self.name}({'...' if self.arguments else ''})"


Token: TypeAlias = Property | Index | Slice | Wildcard | Scan | Filter | Call


@dataclass(frozen=True, slots=True)
class PathNode:
    """A whole path; `root` is `$` or `@`."""

    root: str
    tokens: tuple[Token, ...]

    def __str__(self) -> str:
        return self.root + "".join(map(str, self.tokens))


@dataclass(frozen=True, slots=True)
class Literal:
    """A JSON value; `text` is how a number was written."""

    value: Any
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    body: str
    flags: str


Operand: TypeAlias = PathNode | Literal | Pattern


class Junction(enum.Enum):
    AND = "&&"
    OR = "||"


@dataclass(frozen=True, slots=True)
class Exists:
    path: PathNode
    wanted: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    left: Operand
    operator: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Not:
    operand: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    junction: Junction
    operands: tuple[Condition, ...]


Condition: TypeAlias = Exists | Comparison | Not | Joined
