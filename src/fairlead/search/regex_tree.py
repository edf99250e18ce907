"""Regular expressions as trees, matched against whole terms in linear time; refuses to backtrack or to read syntax.

Matching derives the tree by one character after the other (Brzozowski, 1964), and keeps the derivatives as the states
of an automaton built on the way. So intersection and complement cost nothing extra, and the only bound needed is on the
work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from fairlead.errors import IllegalArgument

MAX_WORK = 200_000
"""Derivations in one search: well under a second."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Matches no text."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Matches the empty text."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character inside (or, negated, outside) the ranges."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def holds(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Either:
    options: frozenset[Tree]


@dataclass(frozen=True, slots=True)
class Both:
    parts: frozenset[Tree]


@dataclass(frozen=True, slots=True)
class Not:
    inner: Tree


@dataclass(frozen=True, slots=True)
class Repeat:
    """`inner` at least `low` and at most `high` times (None: without end)."""

    inner: Tree
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Interval:
    """Decimal digits of a number from `low` to `high`; `seen` are the digits taken; `width` is fixed or 0."""

    low: int
    high: int
    width: int
    seen: str = ""


Tree: TypeAlias = Nothing | Empty | Characters | Sequence | Either | Both | Not | Repeat | Interval

NOTHING, EMPTY = Nothing(), Empty()
ANY = Characters((), negated=True)
ANY_TEXT = Repeat(ANY, 0, None)


def sequence(*parts: Tree) -> Tree:
    flat: list[Tree] = []
    for part in parts:
        if part == NOTHING:
            return NOTHING
        flat += part.parts if isinstance(part, Sequence) else () if part == EMPTY else (part,)
    if not flat:
        return EMPTY
    return flat[0] if len(flat) == 1 else Sequence(tuple(flat))


def either(options: Iterable[Tree]) -> Tree:
    flat: set[Tree] = set()
    for option in options:
        flat |= option.options if isinstance(option, Either) else {option}
    flat.discard(NOTHING)
    if ANY_TEXT in flat:
        return ANY_TEXT
    if not flat:
        return NOTHING
    return flat.pop() if len(flat) == 1 else Either(frozenset(flat))


def both(parts: Iterable[Tree]) -> Tree:
    flat: set[Tree] = set()
    for part in parts:
        flat |= part.parts if isinstance(part, Both) else {part}
    if NOTHING in flat:
        return NOTHING
    flat.discard(ANY_TEXT)
    if not flat:
        return ANY_TEXT
    return flat.pop() if len(flat) == 1 else Both(frozenset(flat))


def accepts_empty(tree: Tree) -> bool:
    match tree:
        case Empty():
            return True
        case Sequence(parts):
            return all(accepts_empty(part) for part in parts)
        case Either(options):
            return any(accepts_empty(option) for option in options)
        case Both(parts):
            return all(accepts_empty(part) for part in parts)
        case Not(inner):
            return not accepts_empty(inner)
        case Repeat(inner, low, _):
            return low == 0 or accepts_empty(inner)
        case Interval(low, high, width, seen):
            return bool(seen) and (not width or len(seen) == width) and low <= int(seen) <= high
    return False


@dataclass(slots=True)
class Automaton:
    """A compiled pattern; `matches` raises IllegalArgument when the automaton takes too much work to build."""

    pattern: str
    start: Tree
    fold: bool
    _ids: dict[Tree, int] = field(default_factory=dict, repr=False)
    _trees: list[Tree] = field(default_factory=list, repr=False)
    _steps: list[dict[str, int]] = field(default_factory=list, repr=False)
    _work: int = 0

    def matches(self, text: str) -> bool:
        state = self._state(self.start)
        for character in text.lower() if self.fold else text:
            following = self._steps[state].get(character)
            if following is None:
                following = self._steps[state][character] = self._state(self._derive(self._trees[state], character))
            state = following
        return accepts_empty(self._trees[state])

    def _state(self, tree: Tree) -> int:
        if tree not in self._ids:
            self._ids[tree] = len(self._trees)
            self._trees.append(tree)
            self._steps.append({})
        return self._ids[tree]

    def _derive(self, tree: Tree, character: str) -> Tree:
        """What must match the rest of the text once `character` has been read."""
        self._work += 1
        if self._work > MAX_WORK:
            raise IllegalArgument(f"Determinizing [{self.pattern}] would require more than {MAX_WORK} steps.")
        match tree:
            case Characters():
                return EMPTY if tree.holds(character) else NOTHING
            case Sequence(parts):
                options: list[Tree] = []
                for at, part in enumerate(parts):
                    options.append(sequence(self._derive(part, character), *parts[at + 1 :]))
                    if not accepts_empty(part):
                        break
                return either(options)
            case Either(options_):
                return either([self._derive(option, character) for option in options_])
            case Both(parts_):
                return both([self._derive(part, character) for part in parts_])
            case Not(inner):
                return Not(self._derive(inner, character))
            case Repeat(inner, low, high):
                rest = EMPTY if high == 1 else Repeat(inner, max(low - 1, 0), None if high is None else high - 1)
                return sequence(self._derive(inner, character), rest)
            case Interval(low, high, width, seen):
                digits = seen + character if width else (seen + character).lstrip("0") or "0"
                fits = "0" <= character <= "9" and len(digits) <= (width or len(str(high)))
                return Interval(low, high, width, digits) if fits else NOTHING
        return NOTHING
