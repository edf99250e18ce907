"""Java regular expressions: translated once onto the `regex` package, every call timed; no flag of Python's applies.

What Java reads another way is rewritten (quoting, class intersection, ASCII `\\w \\d \\s \\b`, line terminators, case
folding of ASCII only); what Java refuses is refused with Java's words. Not supported: `\\b{g}`, canonical equivalence.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import regex

from fairlead.errors import IllegalArgument
from fairlead.java.regex_reader import DOTALL, IGNORE_CASE, PatternFault
from fairlead.java.regex_replacement import replacement_parts
from fairlead.java.regex_syntax import Translator

__all__ = ["TIMEOUT", "JavaPattern", "PatternFault", "RegexTimeout", "compile_java", "unsafe_pattern"]

TIMEOUT = 0.25
"""Seconds that one call may take."""


class RegexTimeout(IllegalArgument):
    """A call that ran out of time; whoever catches other failures of a pattern must let this one through."""

    def __init__(self, pattern: str, seconds: float) -> None:
        shown = pattern if len(pattern) <= 100 else pattern[:100] + "..."
        super().__init__(f"Regex took longer than {seconds:g} seconds: {shown}")


@dataclass(frozen=True, slots=True)
class JavaPattern:
    """A compiled Java pattern. Every call raises RegexTimeout after `timeout` seconds."""

    pattern: str
    compiled: regex.Pattern[str]
    timeout: float

    def within(self, seconds: float) -> JavaPattern:
        """The same pattern whose next call may take that long; none at all raises RegexTimeout at the first look."""
        return JavaPattern(self.pattern, self.compiled, max(seconds, 1e-9))

    def fullmatch(self, text: str) -> regex.Match[str] | None:
        """`Matcher.matches()`."""
        try:
            return self.compiled.fullmatch(text, timeout=self.timeout)
        except TimeoutError as fault:
            raise RegexTimeout(self.pattern, self.timeout) from fault

    def search(self, text: str) -> regex.Match[str] | None:
        """The first `Matcher.find()`."""
        try:
            return self.compiled.search(text, timeout=self.timeout)
        except TimeoutError as fault:
            raise RegexTimeout(self.pattern, self.timeout) from fault

    def finditer(self, text: str) -> Iterator[regex.Match[str]]:
        """All matches the way repeated `find()` gives them: after an empty match it goes on one character later."""
        deadline = time.monotonic() + self.timeout
        at = 0
        while at <= len(text):
            left = deadline - time.monotonic()
            try:
                match = self.compiled.search(text, at, timeout=max(left, 1e-9))
            except TimeoutError as fault:
                raise RegexTimeout(self.pattern, self.timeout) from fault
            if match is None:
                return
            if left <= 0:
                raise RegexTimeout(self.pattern, self.timeout)
            yield match
            at = match.end() + (match.end() == match.start())

    def sub(self, replacement: str, text: str, count: int = 0) -> str:
        """`replaceAll`, or the first `count` matches only. `replacement` speaks Java: `$1`, `${name}`, `\\$`.

        Raises IllegalArgument or IndexOutOfBounds for a bad replacement, as Java only when something matched.
        """
        parts: tuple[str | int, ...] | None = None
        out: list[str] = []
        end = 0
        for done, match in enumerate(self.finditer(text), 1):
            if parts is None:
                parts = replacement_parts(replacement, self.compiled.groups, self.compiled.groupindex)
            out.append(text[end : match.start()])
            out.extend(part if isinstance(part, str) else match.group(part) or "" for part in parts)
            end = match.end()
            if done == count:
                break
        return "".join(out) + text[end:]


@lru_cache(maxsize=512)
def compile_java(
    pattern: str, *, dotall: bool = False, ignore_case: bool = False, timeout: float = TIMEOUT
) -> JavaPattern:
    """Compile a Java regular expression (`DOTALL` and `CASE_INSENSITIVE` as keywords). Raises PatternFault."""
    translated = Translator(pattern, DOTALL * dotall | IGNORE_CASE * ignore_case).translate()
    try:
        return JavaPattern(pattern, regex.compile(translated, regex.V1), timeout)
    except (regex.error, OverflowError, RecursionError, MemoryError) as fault:
        raise PatternFault("Unsupported pattern", -1, pattern) from fault


_NESTED_QUANTIFIER = re.compile(r"[*+?]\)[*+?{]")
_BACK_REFERENCE = re.compile(r"\\[1-9]")


def unsafe_pattern(pattern: str) -> str | None:
    """Why a pattern may not be a setting (spec/01 section 4.2), or None. Whether it compiles is not looked at."""
    nested = any(
        pattern.rfind("(", 0, found.start()) > pattern.rfind(")", 0, found.start())
        for found in _NESTED_QUANTIFIER.finditer(pattern)
    )
    if nested or _BACK_REFERENCE.search(pattern):
        return f"Regex pattern contains nested quantifiers or backreferences that may cause ReDoS: {pattern}"
    if len(pattern) > 256:
        return f"Regex pattern too long (max 256 chars): {pattern}"
    return None
