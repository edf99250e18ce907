"""Patterns over names, roles, addresses and actions (spec/06 8.2): `*`, `?`, `/regex/`, equality; a blank matches nothing.

A regular expression that could run away is refused when it is read, and one that is slow all the same matches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead.java.regex import JavaPattern, PatternFault, RegexTimeout, compile_java, unsafe_pattern

MATCH_SECONDS = 0.02
"""What one regular expression may take over one name."""


class BadPattern(ValueError):
    """A regular expression that is not valid or not safe; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` any run of characters, `?` exactly one. Takes at most pattern length times text length steps."""

    pattern: str

    def matches(self, text: str) -> bool:
        pattern, at, part, star, retry = self.pattern, 0, 0, -1, 0
        while at < len(text):
            if part < len(pattern) and pattern[part] == "*":
                star, retry, part = part, at, part + 1
            elif part < len(pattern) and pattern[part] in ("?", text[at]):
                at, part = at + 1, part + 1
            elif star >= 0:
                retry += 1
                at, part = retry, star + 1
            else:
                return False
        return all(rest == "*" for rest in pattern[part:])


@dataclass(frozen=True, slots=True)
class Expression:
    """A Java regular expression over the whole text."""

    compiled: JavaPattern

    def matches(self, text: str) -> bool:
        try:
            return self.compiled.fullmatch(text) is not None
        except RegexTimeout:
            return False  # a pattern can only grant: what cannot be told is not granted


@dataclass(frozen=True, slots=True)
class Matcher:
    """Any of several patterns."""

    exact: frozenset[str]
    patterns: tuple[Wildcard | Expression, ...]

    def matches(self, text: str) -> bool:
        return text in self.exact or any(pattern.matches(text) for pattern in self.patterns)

    def matches_any(self, texts: Iterable[str]) -> bool:
        return any(self.matches(text) for text in texts)

    def __bool__(self) -> bool:
        return bool(self.exact or self.patterns)


def compile_pattern(pattern: str) -> str | Wildcard | Expression | None:
    """A text that must be equal, a pattern, or None for a blank. Raises BadPattern."""
    if not pattern.strip():
        return None
    if len(pattern) > 1 and pattern[0] == pattern[-1] == "/":
        return _expression(pattern[1:-1])
    return Wildcard(pattern) if "*" in pattern or "?" in pattern else pattern


def _expression(text: str) -> Expression:
    if (fault := unsafe_pattern(text)) is not None:
        raise BadPattern(fault)
    try:
        return Expression(compile_java(text, timeout=MATCH_SECONDS))
    except PatternFault as fault:
        raise BadPattern(f"Invalid regex pattern: {text}: {fault}") from fault


def compile_patterns(patterns: Iterable[str]) -> Matcher:
    """Raises BadPattern."""
    exact: set[str] = set()
    compiled: list[Wildcard | Expression] = []
    for pattern in patterns:
        found = compile_pattern(pattern)
        if isinstance(found, str):
            exact.add(found)
        elif found is not None:
            compiled.append(found)
    return Matcher(frozenset(exact), tuple(compiled))


def compile_lenient(patterns: Iterable[str]) -> Matcher:
    """As `compile_patterns`, without those that cannot be used: for what is stored already, where patterns only grant."""
    usable = []
    for pattern in patterns:
        try:
            compile_pattern(pattern)
        except BadPattern:
            continue
        usable.append(pattern)
    return compile_patterns(usable)
