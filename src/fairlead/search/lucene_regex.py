"""Lucene's regular expressions, matched against whole terms in linear time; refuses to backtrack.

A pattern becomes a tree; matching derives the tree by one character after the other (Brzozowski, 1964), and keeps the
derivatives as the states of an automaton built on the way. So intersection and complement cost nothing extra, and the
only bound needed is on the number of states.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from fairlead.errors import IllegalArgument

MAX_LENGTH = 1000
"""Characters of a pattern (`index.max_regex_length`)."""
MAX_WORK = 200_000
"""Derivations in one search: well under a second."""
MAX_NESTING = 100
MAX_REPEAT = 1000
FLAGS = {
    "ALL": "~&<@#",
    "NONE": "",
    "COMPLEMENT": "~",
    "INTERSECTION": "&",
    "INTERVAL": "<",
    "ANYSTRING": "@",
    "EMPTY": "#",
}


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
class LuceneRegex:
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


def compile_regex(pattern: str, *, flags: str = "ALL", fold: bool = False) -> LuceneRegex:
    """Parse a pattern in Lucene's syntax. Raises IllegalArgument."""
    enabled = ""
    for flag in (flags or "ALL").split("|"):
        if flag.upper() not in FLAGS:
            raise IllegalArgument(f"Unknown regexp flag [{flag}]")
        enabled += FLAGS[flag.upper()]
    return LuceneRegex(pattern, _Parser(pattern.lower() if fold else pattern, enabled).whole(), fold)


_CLASSES = {
    "d": Characters((("0", "9"),)),
    "w": Characters((("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))),
    "s": Characters(((" ", " "), ("\t", "\r"))),
}
_CLASSES |= {name.upper(): Characters(kind.ranges, negated=True) for name, kind in list(_CLASSES.items())}


class _Parser:
    def __init__(self, pattern: str, enabled: str) -> None:
        self.text = pattern
        self.enabled = enabled
        self.at = 0
        self.depth = 0

    def whole(self) -> Tree:
        if not self.text:
            return EMPTY
        tree = self.union()
        if self.at < len(self.text):
            raise IllegalArgument(f"end-of-string expected at position {self.at}")
        return tree

    def peek(self, characters: str) -> bool:
        return self.at < len(self.text) and self.text[self.at] in characters

    def take(self, character: str) -> bool:
        if self.peek(character):
            self.at += 1
            return True
        return False

    def enabled_take(self, character: str) -> bool:
        return character in self.enabled and self.take(character)

    def next(self) -> str:
        if self.at >= len(self.text):
            raise IllegalArgument("unexpected end-of-string")
        self.at += 1
        return self.text[self.at - 1]

    def union(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise IllegalArgument(f"the regular expression is nested deeper than {MAX_NESTING}")
        options = [self.intersection()]
        while self.take("|"):
            options.append(self.intersection())
        self.depth -= 1
        return either(options)

    def intersection(self) -> Tree:
        parts = [self.concatenation()]
        while self.enabled_take("&"):
            parts.append(self.concatenation())
        return both(parts)

    def concatenation(self) -> Tree:
        parts = [self.repetition()]
        while self.at < len(self.text) and not self.peek(")|") and not ("&" in self.enabled and self.peek("&")):
            parts.append(self.repetition())
        return sequence(*parts)

    def repetition(self) -> Tree:
        tree = self.complement()
        while self.peek("?*+{"):
            sign = self.next()
            if sign == "{":
                low, high = self.bounds()
            else:
                low, high = {"?": (0, 1), "*": (0, None), "+": (1, None)}[sign]
            tree = EMPTY if high == 0 or tree == EMPTY else Repeat(tree, low, high)
        return tree

    def bounds(self) -> tuple[int, int | None]:
        low = self.integer()
        high: int | None = low
        if self.take(","):
            high = self.integer() if self.peek("0123456789") else None
        if not self.take("}"):
            raise IllegalArgument(f"expected '}}' at position {self.at}")
        if high is not None and low > high:
            raise IllegalArgument(f"invalid repetition range(out of order): {low}..{high}")
        return low, high

    def integer(self) -> int:
        start = self.at
        while self.peek("0123456789"):
            self.at += 1
        digits = self.text[start : self.at]
        if not digits:
            raise IllegalArgument(f"integer expected at position {self.at}")
        if len(digits) > 9 or int(digits) > MAX_REPEAT:
            raise IllegalArgument(f"the number at position {start} is larger than {MAX_REPEAT}")
        return int(digits)

    def complement(self) -> Tree:
        if self.enabled_take("~"):
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise IllegalArgument(f"the regular expression is nested deeper than {MAX_NESTING}")
            tree = Not(self.complement())
            self.depth -= 1
            return tree
        return self.simple()

    def simple(self) -> Tree:
        if self.take("."):
            return ANY
        if self.enabled_take("#"):
            return NOTHING
        if self.enabled_take("@"):
            return ANY_TEXT
        if self.take("["):
            return self.character_class()
        if self.take('"'):
            return self.quoted()
        if self.take("("):
            if self.take(")"):
                return EMPTY
            tree = self.union()
            if not self.take(")"):
                raise IllegalArgument(f"expected ')' at position {self.at}")
            return tree
        if self.enabled_take("<"):
            return self.interval()
        if self.take("\\"):
            character = self.next()
            return _CLASSES.get(character) or Characters(((character, character),))
        character = self.next()
        return Characters(((character, character),))

    def quoted(self) -> Tree:
        end = self.text.find('"', self.at)
        if end < 0:
            raise IllegalArgument(f"expected '\"' at position {len(self.text)}")
        literal, self.at = self.text[self.at : end], end + 1
        return sequence(*(Characters(((character, character),)) for character in literal))

    def interval(self) -> Tree:
        end = self.text.find(">", self.at)
        if end < 0:
            raise IllegalArgument(f"expected '>' at position {len(self.text)}")
        inside, self.at = self.text[self.at : end], end + 1
        low, dash, high = inside.partition("-")
        if not (dash and low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
            raise IllegalArgument(f"interval syntax error at position {end}")
        width = len(low) if len(low) == len(high) else 0
        first, last = sorted((int(low), int(high)))
        return Interval(first, last, width)

    def character_class(self) -> Tree:
        negated = self.take("^")
        ranges: list[tuple[str, str]] = []
        while not ranges or not self.peek("]"):
            if self.take("\\"):
                low = self.next()
                if low in _CLASSES and low.islower():
                    ranges.extend(_CLASSES[low].ranges)
                    continue
            else:
                low = self.next()
            high = low
            if self.peek("-") and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                self.take("\\")
                high = self.next()
            if low > high:
                raise IllegalArgument(f"invalid range: from ({low}) cannot be > to ({high})")
            ranges.append((low, high))
        self.at += 1
        return Characters(tuple(sorted(set(ranges))), negated)
