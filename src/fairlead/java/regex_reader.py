"""The ground of the Java pattern translator: a cursor over the pattern, its flags, faults and escaped characters.

Knows single characters only; what stands around them is fairlead.java.regex_sets and fairlead.java.regex_syntax.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NoReturn

from fairlead.errors import PatternSyntax

UNIX_LINES, IGNORE_CASE, MULTILINE, DOTALL, UNICODE_CASE, COMMENTS, UNICODE_CLASS = (1 << n for n in range(7))
"""The flags of `java.util.regex.Pattern` that a pattern can set itself."""

MAX_NESTING = 100
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_HEX = re.compile(r"[0-9a-fA-F]+")


class PatternFault(PatternSyntax):
    """A text that is no Java regular expression; `index` counts characters from 0, -1 where Java names no place."""

    def __init__(self, description: str, index: int, pattern: str) -> None:
        shown = f"{description} near index {index}" if index >= 0 else description
        mark = "\n" + " " * index + "^" if 0 <= index < len(pattern) else ""
        super().__init__(f"{shown}\n{pattern}{mark}")
        self.description = description
        self.index = index
        self.pattern = pattern


class PatternReader:
    """Where the translation stands in the pattern."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.text = unquoted(pattern)
        self.at = 0
        self.flags = flags
        self.groups = 0
        self.names: dict[str, int] = {}
        self.depth = 0
        self.in_class = False
        self.size = 0
        """Units that the pattern stands for with its counted repetitions written out."""

    def _fail(self, description: str, index: int | None = None) -> NoReturn:
        raise PatternFault(description, self.at if index is None else index, self.pattern)

    def _peek(self) -> str:
        """The next character that counts, empty at the end; skips white space and comments under `(?x)`."""
        if self.flags & COMMENTS:
            while self.at < len(self.text) and self.text[self.at] in " \t\n\x0b\f\r#":
                if self.text[self.at] == "#":
                    while self.at < len(self.text) and self.text[self.at] not in "\n\r\x85\u2028\u2029":
                        self.at += 1
                else:
                    self.at += 1
        return self.text[self.at : self.at + 1]

    def _escaped_char(self, char: str) -> str:
        """The character that an escape stands for; `at` is behind the letter `char`."""
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "0":
            return self._octal()
        if char in "xu":
            return chr(self._hexadecimal(char))
        if char == "c":
            if self.at >= len(self.text):
                self._fail("Illegal control escape sequence", self.at - 1)
            self.at += 1
            return chr(ord(self.text[self.at - 1]) ^ 64)
        if char == "N":
            return self._named_character()
        if char.isascii() and char.isalpha():
            self._fail("Illegal/unsupported escape sequence", self.at - 1)
        return char

    def _octal(self) -> str:
        digits = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?").match(self.text, self.at)
        if digits is None:
            self._fail("Illegal octal escape sequence")
        self.at = digits.end()
        return chr(int(digits.group(), 8))

    def _hexadecimal(self, kind: str) -> int:
        what, size = ("Unicode", 4) if kind == "u" else ("hexadecimal", 2)
        if kind == "x" and self.text[self.at : self.at + 1] == "{":
            return self._code_point()
        digits = _HEX.match(self.text, self.at, self.at + size)
        if digits is None or len(digits.group()) != size:
            self._fail(f"Illegal {what} escape sequence", digits.end() if digits else self.at)
        self.at = digits.end()
        code = int(digits.group(), 16)
        low = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(self.text, self.at)
        if size == 4 and 0xD800 <= code < 0xDC00 and low:
            self.at = low.end()
            return 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
        return code

    def _code_point(self) -> int:
        digits = _HEX.match(self.text, self.at + 1)
        if digits is None:
            self._fail("Illegal hexadecimal escape sequence")
        self.at = digits.end()
        code = int(digits.group()[:12], 16)
        if code > 0x10FFFF:
            self._fail("Hexadecimal codepoint is too big", self.at - 1)
        if self.text[self.at : self.at + 1] != "}":
            self._fail("Unclosed hexadecimal escape sequence")
        self.at += 1
        return code

    def _named_character(self) -> str:
        end = self.text.find("}", self.at)
        if self.text[self.at : self.at + 1] != "{":
            self._fail("Illegal character name escape sequence")
        if end < 0:
            self._fail("Unclosed character name escape sequence", len(self.text))
        name = self.text[self.at + 1 : end]
        self.at = end + 1
        try:
            return unicodedata.lookup(name)
        except KeyError:
            self._fail(f"Unknown character name [{name}]", end)


def escaped(char: str) -> str:
    """A literal character, outside and inside a set."""
    if char.isalnum() or char == "_" or (ord(char) > 0xA0 and not char.isspace()):
        return char
    code = ord(char)
    if 0x20 < code < 0x7F:
        return "\\" + char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else char


def unquoted(pattern: str) -> str:
    r"""Text between \Q and \E as plain escapes, the way Java rewrites it before anything else."""
    start = 0
    while (start := pattern.find("\\", start)) >= 0 and pattern[start + 1 : start + 2] != "Q":
        start += 2
    if start < 0:
        return pattern
    out = [pattern[:start]]
    at, quoting = start + 2, True
    while at < len(pattern):
        char = pattern[at]
        if quoting and pattern.startswith("\\E", at):
            quoting, at = False, at + 2
        elif quoting:
            out.append("\\" + char if char.isascii() and not char.isalnum() else char)
            at += 1
        elif pattern.startswith("\\Q", at):
            quoting, at = True, at + 2
        elif char == "\\":
            out.append(pattern[at : at + 2])
            at += 2
        else:
            out.append(char)
            at += 1
    return "".join(out)
