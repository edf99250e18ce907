"""Pattern and Matcher over the `limited` regular expressions: bounded input, bounded time (spec 04 sections 14, 18.4).

The original counts the characters a match looks at; a Python engine cannot, so the text is bounded and the time is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairlead.java.regex import PatternFault, RegexTimeout
from fairlead.painless.errors import Thrown, null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.values import Builder

__all__ = ["Matcher", "Pattern", "PatternFault", "full_match", "make_pattern", "search"]

_FLAG_BITS = {"d": 1, "i": 2, "x": 4, "m": 8, "l": 16, "s": 32, "u": 64, "c": 128, "U": 256}


@dataclass(frozen=True, slots=True)
class Pattern:
    source: str
    flags: str
    compiled: Any

    @property
    def bits(self) -> int:
        return sum(_FLAG_BITS[flag] for flag in set(self.flags))


def make_pattern(compile_java: Callable[[str], Any], source: str, flags: str) -> Pattern:
    """A pattern with the flags of a literal; raises PatternFault with positions in the literal."""
    inline = "".join(flag for flag in "imsuxdU" if flag in flags)
    prefix = f"(?{inline})" if inline else ""
    body = "\\Q" + source.replace("\\E", "\\E\\\\E\\Q") + "\\E" if "l" in flags else source
    try:
        return Pattern(source, flags, compile_java(prefix + body).compiled)
    except PatternFault as fault:
        if not prefix:
            raise
        index = fault.index - len(prefix) if fault.index >= 0 else -1
        raise PatternFault(fault.description, index, source) from fault


def subject(meter: Meter, value: Any) -> str:
    """The text a pattern is applied to, within its bound."""
    if value is None:
        raise null_pointer('Cannot invoke "java.lang.CharSequence.length()" because "this.text" is null')
    text: str = value.text() if isinstance(value, Builder) else value
    if len(text) > meter.limits.regex_input:
        raise too_much("text", text[:50])
    meter.spend(1 + (len(text) >> 6))
    return text


def too_much(what: str, shown: str) -> Thrown:
    return thrown(
        "CircuitBreakingException",
        f"[scripting] Regular expression considered too many characters, {what}: [{shown}]",
    )


def apply(meter: Meter, pattern: Pattern, method: str, text: str, start: int, end: int) -> Any:
    """One application of a pattern: `search`, `match` or `fullmatch`."""
    run = _METHODS[method]
    try:
        return run(pattern.compiled, text, start, end, meter.limits.regex_seconds)
    except TimeoutError as fault:
        raise too_much("pattern", pattern.source) from fault
    except RegexTimeout as fault:
        raise too_much("pattern", pattern.source) from fault


_METHODS: dict[str, Callable[[Any, str, int, int, float], Any]] = {
    "search": lambda compiled, text, start, end, limit: compiled.search(text, start, end, timeout=limit),
    "match": lambda compiled, text, start, end, limit: compiled.match(text, start, end, timeout=limit),
    "fullmatch": lambda compiled, text, start, end, limit: compiled.fullmatch(text, start, end, timeout=limit),
}


def search(meter: Meter, pattern: Pattern, value: Any) -> bool:
    """`value =~ pattern`."""
    text = subject(meter, value)
    return apply(meter, pattern, "search", text, 0, len(text)) is not None


def full_match(meter: Meter, pattern: Pattern, value: Any) -> bool:
    """`value ==~ pattern`."""
    text = subject(meter, value)
    return apply(meter, pattern, "fullmatch", text, 0, len(text)) is not None


class Matcher:
    """A java.util.regex.Matcher; positions are those of the string, in UTF-16 units where it has astral characters."""

    __slots__ = ("at", "end", "found", "pattern", "start", "text")

    def __init__(self, pattern: Pattern, text: str) -> None:
        self.pattern = pattern
        self.text = text
        self.start = 0
        self.end = len(text)
        self.at = 0
        self.found: Any = None

    def find(self, meter: Meter) -> bool:
        """The next match; after an empty one it goes on one further."""
        if self.at > self.end:
            self.found = None
            return False
        meter.spend(2)
        self.found = apply(meter, self.pattern, "search", self.text, self.at, self.end)
        if self.found is None:
            self.at = self.end + 1
            return False
        self.at = self.found.end() + (self.found.end() == self.found.start())
        return True

    def matched(self) -> Any:
        if self.found is None:
            raise thrown("IllegalStateException", "No match found")
        return self.found

    def group(self, number: int) -> Any:
        found = self.matched()
        if not 0 <= number <= self.pattern.compiled.groups:
            raise thrown("IndexOutOfBoundsException", f"No group {number}")
        return found.group(number)


def matches(meter: Meter, matcher: Matcher) -> list[Matcher]:
    """Every match from the start, each as a matcher of its own."""
    found = []
    walker = Matcher(matcher.pattern, matcher.text)
    while walker.find(meter):
        meter.take_elements(1)
        step = Matcher(matcher.pattern, matcher.text)
        step.found = walker.found
        found.append(step)
    return found
