"""The syntax of Java patterns translated onto the `regex` package: sequences, quantifiers, groups, references, anchors.

What Java reads another way is rewritten, what it refuses is refused with its words. Compiles and matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fairlead.java.regex_reader import (
    COMMENTS,
    DOTALL,
    IGNORE_CASE,
    MAX_NESTING,
    MULTILINE,
    UNICODE_CASE,
    UNICODE_CLASS,
    UNIX_LINES,
    escaped,
)
from fairlead.java.regex_sets import SetReader

_MAX_REPEAT = 2**31 - 1
_FLAGS = {
    "d": UNIX_LINES,
    "i": IGNORE_CASE,
    "m": MULTILINE,
    "s": DOTALL,
    "u": UNICODE_CASE,
    "x": COMMENTS,
    "U": UNICODE_CLASS | UNICODE_CASE,
}

_TERMINATORS = r"\n\r\x85\u2028\u2029"
_ANCHORS = {
    "A": r"\A",
    "G": r"\G",
    "z": r"\Z",
    "R": r"(?:\r\n|[\n\x0b\f\r\x85\u2028\u2029])",
    "X": r"\X",
}
_END = r"(?=(?:\r\n|(?<!\r)\n|[\r\x85\u2028\u2029])?\Z)"
_LINE_END = r"(?=\r\n|(?<!\r)\n|[\r\x85\u2028\u2029]|\Z)"
_LINE_START = r"(?:(?<=\A|\n|\r(?!\n)|[\x85\u2028\u2029])(?!(?<!\A)\Z))"

MAX_SIZE = 20_000
"""Units a pattern may stand for; Java has no such bound, but no useful pattern comes near it."""

_GROUP_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_REFERENCE = re.compile(r"(\\g<(\d+)>)\x00")
"""A back reference in a translation, marked by a NUL; a NUL of the pattern itself is always written as an escape."""


class Translator(SetReader):
    """One pass over a Java pattern. Every `_atom` result is one unit of the `regex` syntax, safe to quantify."""

    def translate(self) -> str:
        out = self._alternation()
        if self.at < len(self.text):
            self._fail("Unmatched closing ')'", self.at - 1)
        # A reference to a group that exists nowhere can never match, yet Java compiles it.
        return _REFERENCE.sub(lambda found: found[1] if int(found[2]) <= self.groups else "(?!)", out)

    def _alternation(self) -> str:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        return "|".join(branches)

    def _sequence(self) -> str:
        parts: list[str] = []
        while (char := self._peek()) and char not in "|)":
            before = self.size
            self.size += 1
            atom = self._atom(char)
            if atom:
                parts.append(self._quantified(atom, before))
        return "".join(parts)

    def _atom(self, char: str) -> str:
        special = _SPECIAL.get(char)
        if special is not None:
            return special(self)
        self.at += 1
        return self._literal(char)

    def _quantified(self, atom: str, before: int) -> str:
        char = self._peek()
        if char and char in "?*+":
            self.at += 1
            return f"{atom}{char}{self._mode()}"
        if char == "{":
            atom = f"{atom}{self._counts(before)}{self._mode()}"
            while self._peek() == "{":  # Java lets a second count stand and repeats the empty text with it
                self._counts(before)
                self._mode()
        return atom

    def _mode(self) -> str:
        char = self._peek()
        if char and char in "?+":
            self.at += 1
            return char
        return ""

    def _counts(self, before: int) -> str:
        """Counted repetitions are written out by the engine below: without a bound, twelve characters fill any memory."""
        self.at += 1
        low = self._number()
        if low is None:
            self._fail("Illegal repetition")
        high: int | None = low
        if self.text[self.at : self.at + 1] == ",":
            self.at += 1
            high = self._number()
        if self.text[self.at : self.at + 1] != "}":
            self._fail("Unclosed counted closure")
        if high is not None and high < low:
            self._fail("Illegal repetition range")
        self.at += 1
        self.size = before + (self.size - before) * max(low, high or 0, 1)
        if self.size > MAX_SIZE:
            self._fail("Pattern too large: its counted repetitions")
        return f"{{{low}}}" if high == low else f"{{{low},{'' if high is None else high}}}"

    def _number(self) -> int | None:
        start, number = self.at, 0
        while (digit := self.text[self.at : self.at + 1]) and digit in "0123456789":
            number = number * 10 + int(digit)
            if number > _MAX_REPEAT:
                self._fail("Illegal repetition range")
            self.at += 1
        return number if self.at > start else None

    def _literal(self, char: str) -> str:
        if not self.flags & IGNORE_CASE or not char.isalpha():
            return escaped(char)
        if self.flags & UNICODE_CASE:
            return f"(?i-f:{escaped(char)})"
        return f"[{char.lower()}{char.upper()}]" if char.isascii() else escaped(char)

    def _dot(self) -> str:
        self.at += 1
        if self.flags & DOTALL:
            return "(?s:.)"
        return r"[^\n]" if self.flags & UNIX_LINES else f"[^{_TERMINATORS}]"

    def _begin(self) -> str:
        self.at += 1
        if not self.flags & MULTILINE:
            return r"(?:\A)"
        return r"(?:(?<=\A|\n)(?!(?<!\A)\Z))" if self.flags & UNIX_LINES else _LINE_START

    def _end(self) -> str:
        self.at += 1
        if self.flags & UNIX_LINES:
            return r"(?=\n|\Z)" if self.flags & MULTILINE else r"(?=\n?\Z)"
        return _LINE_END if self.flags & MULTILINE else _END

    def _dangling(self) -> str:
        self._fail(f"Dangling meta character '{self.text[self.at]}'")

    def _lone_brace(self) -> str:
        if re.compile(r"\{[0-9]").match(self.text, self.at) is None:
            self._fail("Illegal repetition", self.at + 1)
        return "(?:)"

    # groups

    def _group(self) -> str:
        self.depth += 1
        if self.depth > MAX_NESTING:
            self._fail("Pattern nested too deep")
        saved = self.flags
        self.at += 1
        opening = self._opening()
        if not opening:  # (?i) holds to the end of the enclosing group
            self.depth -= 1
            return ""
        body = self._alternation()
        if self.text[self.at : self.at + 1] != ")":
            self._fail("Unclosed group")
        self.at += 1
        self.flags = saved
        self.depth -= 1
        return f"{opening}{body})"

    def _opening(self) -> str:
        if self._peek() != "?":
            self.groups += 1
            return "("
        kind = self.text[self.at : self.at + 2]
        look = self.text[self.at : self.at + 3]
        if kind in ("?:", "?=", "?!", "?>"):
            self.at += 2
            return f"({kind}"
        if look in ("?<=", "?<!"):
            self.at += 3
            return f"({look}"
        if kind == "?<":
            self.at += 2
            name = self._name()
            if name in self.names:
                self._fail(f"Named capturing group <{name}> is already defined")
            self.at += 1
            self.groups += 1
            self.names[name] = self.groups
            return f"(?<{name}>"
        self.at += 1
        return self._inline_flags()

    def _name(self) -> str:
        found = _GROUP_NAME.match(self.text, self.at)
        if found is None:
            self._fail("capturing group name does not start with a Latin letter")
        self.at = found.end()
        if self.text[self.at : self.at + 1] != ">":
            self._fail("named capturing group is missing trailing '>'")
        return found.group()

    def _inline_flags(self) -> str:
        flags, on = self.flags, True
        while True:
            char = self.text[self.at : self.at + 1]
            if char in _FLAGS:
                flags = flags | _FLAGS[char] if on else flags & ~_FLAGS[char]
            elif char == "-" and on:
                on = False
            elif char == ")":
                self.at += 1
                self.flags = flags
                return ""
            elif char == ":":
                self.at += 1
                self.flags = flags
                return "(?:"
            else:
                self._fail("Unknown inline modifier")
            self.at += 1

    # escapes

    def _escape(self) -> str:
        start = self.at
        char = self.text[start + 1 : start + 2]
        if not char:
            self._fail("Unescaped trailing backslash", start + 1)
        self.at += 2
        if char in "123456789":
            return self._back_reference(int(char))
        if char == "k":
            return self._named_reference()
        if char in "bB":
            return rf"(?:\{char})" if self.flags & UNICODE_CLASS else rf"(?a:\{char})"
        if char == "Z":
            return r"(?=\n?\Z)" if self.flags & UNIX_LINES else _END
        if char in _ANCHORS:
            return f"(?:{_ANCHORS[char]})"
        shorthand = self._shorthand(char)
        if shorthand is not None:
            return shorthand
        return self._literal(self._escaped_char(char))

    def _back_reference(self, number: int) -> str:
        # Java takes a further digit only when a group of that number is already open.
        while (digit := self.text[self.at : self.at + 1]) and digit in "0123456789":
            if number * 10 + int(digit) > self.groups:
                break
            number = number * 10 + int(digit)
            self.at += 1
        return self._reference(number)

    def _reference(self, number: int) -> str:
        marked = f"\\g<{number}>\x00"
        return f"(?i-f:{marked})" if self.flags & IGNORE_CASE else f"(?:{marked})"

    def _named_reference(self) -> str:
        if self.text[self.at : self.at + 1] != "<":
            self._fail(r"\k is not followed by '<' for named capturing group")
        self.at += 1
        name = self._name()
        if name not in self.names:
            self._fail(f"named capturing group <{name}> does not exist")
        self.at += 1
        return self._reference(self.names[name])


_SPECIAL: dict[str, Callable[[Translator], str]] = {
    "(": Translator._group,
    "[": Translator._char_class,
    "\\": Translator._escape,
    ".": Translator._dot,
    "^": Translator._begin,
    "$": Translator._end,
    "{": Translator._lone_brace,
    **dict.fromkeys("*+?", Translator._dangling),
}
