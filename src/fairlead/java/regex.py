"""Java regular expressions: translated once onto the `regex` package, every call timed; no flag of Python's applies.

What Java reads another way is rewritten (quoting, class intersection, ASCII `\\w \\d \\s \\b`, line terminators, case
folding of ASCII only); what Java refuses is refused with Java's words. Not supported: `\\b{g}`, canonical equivalence.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

import regex

from fairlead.errors import IllegalArgument, IndexOutOfBounds, PatternSyntax

TIMEOUT = 0.25
"""Seconds that one call may take."""

MAX_NESTING = 100
_MAX_REPEAT = 2**31 - 1

_D, _I, _M, _S, _U, _X, _W = (1 << n for n in range(7))
_FLAGS = {"d": _D, "i": _I, "m": _M, "s": _S, "u": _U, "x": _X, "U": _W | _U}

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

_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_HORIZONTAL = r"[ \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]"
_VERTICAL = r"[\n\x0b\f\r\x85\u2028\u2029]"
_SHORTHANDS = {"d": "[0-9]", "w": "[a-zA-Z0-9_]", "s": r"[ \t\n\x0b\f\r]", "h": _HORIZONTAL, "v": _VERTICAL}
_UNICODE_WORD = r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]"
_WIDE_SHORTHANDS = {**_SHORTHANDS, "d": r"\p{Nd}", "w": _UNICODE_WORD, "s": r"\p{White_Space}"}

_POSIX = {
    "Lower": "[a-z]",
    "Upper": "[A-Z]",
    "ASCII": r"[\x00-\x7f]",
    "Alpha": "[a-zA-Z]",
    "Digit": "[0-9]",
    "Alnum": "[a-zA-Z0-9]",
    "Punct": r"[!-/:-@\[-`{-~]",
    "Graph": "[!-~]",
    "Print": "[ -~]",
    "Blank": r"[ \t]",
    "Cntrl": r"[\x00-\x1f\x7f]",
    "XDigit": "[0-9a-fA-F]",
    "Space": r"[ \t\n\x0b\f\r]",
}
_WIDE_POSIX = {
    **_POSIX,
    "Lower": r"\p{Lowercase}",
    "Upper": r"\p{Uppercase}",
    "Alpha": r"\p{Alphabetic}",
    "Digit": r"\p{Nd}",
    "Alnum": r"[\p{Alphabetic}\p{Nd}]",
    "Punct": r"\p{P}",
    "Graph": r"[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]",
    "Print": r"[[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]\p{Zs}]",
    "Blank": r"[\p{Zs}\t]",
    "Cntrl": r"\p{Cc}",
    "XDigit": r"[\p{Nd}\p{Hex_Digit}]",
    "Space": r"\p{White_Space}",
}
_JAVA = {
    "javaLowerCase": r"\p{Lowercase}",
    "javaUpperCase": r"\p{Uppercase}",
    "javaAlphabetic": r"\p{Alphabetic}",
    "javaIdeographic": r"\p{Ideographic}",
    "javaTitleCase": r"\p{Lt}",
    "javaDigit": r"\p{Nd}",
    "javaDefined": r"\P{Cn}",
    "javaLetter": r"\p{L}",
    "javaLetterOrDigit": r"[\p{L}\p{Nd}]",
    "javaJavaIdentifierStart": r"[\p{L}\p{Nl}\p{Sc}\p{Pc}]",
    "javaJavaIdentifierPart": r"[\p{L}\p{Nl}\p{Sc}\p{Pc}\p{Nd}\p{Mc}\p{Mn}\p{Cf}\x00-\x08\x0e-\x1b\x7f-\x9f]",
    "javaUnicodeIdentifierStart": r"\p{ID_Start}",
    "javaUnicodeIdentifierPart": r"[\p{ID_Continue}\p{Cf}\x00-\x08\x0e-\x1b\x7f-\x9f]",
    "javaIdentifierIgnorable": r"[\p{Cf}\x00-\x08\x0e-\x1b\x7f-\x9f]",
    "javaSpaceChar": r"\p{Z}",
    "javaWhitespace": r"[\t-\r\x1c-\x1f[\p{Z}--[\xa0\u2007\u202f]]]",
    "javaISOControl": r"\p{Cc}",
    "javaMirrored": r"\p{Bidi_Mirrored}",
}
_BINARY = {
    name.upper().replace("_", ""): rf"\p{{{property}}}"
    for name, property in {
        **{name: name for name in ("Alphabetic", "Ideographic", "Lowercase", "Uppercase", "White_Space")},
        **{name: name for name in ("Hex_Digit", "Join_Control", "Noncharacter_Code_Point", "Emoji")},
        **{name: name for name in ("Emoji_Presentation", "Emoji_Modifier", "Emoji_Modifier_Base")},
        **{name: name for name in ("Emoji_Component", "Extended_Pictographic")},
        "Letter": "L",
        "Titlecase": "Lt",
        "Punctuation": "P",
        "Control": "Cc",
        "Digit": "Nd",
    }.items()
} | {"ASSIGNED": r"\P{Cn}"}
_CATEGORY = re.compile("L[CD1ultmo]?|M[nce]?|N[dlo]?|Z[slp]?|C[cfosn]?|P[dsecoif]?|S[mcko]?")
_COMPOUND = {"LC": r"[\p{Lu}\p{Ll}\p{Lt}]", "LD": r"[\p{L}\p{Nd}]", "L1": r"[\x00-\xff]"}
_ANY_CASE = r"[\p{Lu}\p{Ll}\p{Lt}]"
_CASED = {r"\p{Lowercase}": _ANY_CASE, r"\p{Uppercase}": _ANY_CASE, "[a-z]": "[a-zA-Z]", "[A-Z]": "[a-zA-Z]"} | {
    rf"\p{{{category}}}": _ANY_CASE for category in ("Lu", "Ll", "Lt")
}
_PREFIXES = {"sc": "Script", "script": "Script", "blk": "Block", "block": "Block"}
_PREFIXES |= {"gc": "gc", "general_category": "gc"}
_GROUP_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_HEX = re.compile(r"[0-9a-fA-F]+")
_REFERENCE = re.compile(r"(\\g<(\d+)>)\x00")
"""A back reference in a translation, marked by a NUL; a NUL of the pattern itself is always written as an escape."""


class PatternFault(PatternSyntax):
    """A text that is no Java regular expression; `index` counts characters from 0, -1 where Java names no place."""

    def __init__(self, description: str, index: int, pattern: str) -> None:
        shown = f"{description} near index {index}" if index >= 0 else description
        mark = "\n" + " " * index + "^" if 0 <= index < len(pattern) else ""
        super().__init__(f"{shown}\n{pattern}{mark}")
        self.description = description
        self.index = index
        self.pattern = pattern


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
                parts = _replacement(replacement, self.compiled.groups, self.compiled.groupindex)
            out.append(text[end : match.start()])
            out.extend(part if isinstance(part, str) else match.group(part) or "" for part in parts)
            end = match.end()
            if done == count:
                break
        return "".join(out) + text[end:]


def _replacement(text: str, groups: int, names: Mapping[str, int]) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\":
            if at == len(text):
                raise IllegalArgument("character to be escaped is missing")
            parts.append(text[at])
            at += 1
        elif char != "$":
            parts.append(char)
        elif text[at : at + 1] == "{":
            number, at = _named_group(text, at + 1, names)
            parts.append(number)
        else:
            number, at = _numbered_group(text, at, groups)
            parts.append(number)
    return tuple(parts)


def _named_group(text: str, at: int, names: Mapping[str, int]) -> tuple[int, int]:
    end = at
    while end < len(text) and text[end].isascii() and text[end].isalnum():
        end += 1
    name = text[at:end]
    if not name:
        raise IllegalArgument("named capturing group has 0 length name")
    if text[end : end + 1] != "}":
        raise IllegalArgument("named capturing group is missing trailing '}'")
    if name[0].isdigit():
        raise IllegalArgument(f"capturing group name {{{name}}} starts with digit character")
    if name not in names:
        raise IllegalArgument(f"No group with name {{{name}}}")
    return names[name], end + 1


def _numbered_group(text: str, at: int, groups: int) -> tuple[int, int]:
    if at == len(text):
        raise IllegalArgument("Illegal group reference: group index is missing")
    if text[at] not in "0123456789":
        raise IllegalArgument("Illegal group reference")
    number = int(text[at])
    if number > groups:
        raise IndexOutOfBounds(f"No group {number}")
    at += 1
    while at < len(text) and text[at] in "0123456789" and number * 10 + int(text[at]) <= groups:
        number = number * 10 + int(text[at])
        at += 1
    return number, at


class _Translator:
    """One pass over a Java pattern. Every `_atom` result is one unit of the `regex` syntax, safe to quantify."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.text = _unquoted(pattern)
        self.at = 0
        self.flags = flags
        self.groups = 0
        self.names: dict[str, int] = {}
        self.depth = 0
        self.in_class = False

    def translate(self) -> str:
        out = self._alternation()
        if self.at < len(self.text):
            self._fail("Unmatched closing ')'", self.at - 1)
        # A reference to a group that exists nowhere can never match, yet Java compiles it.
        return _REFERENCE.sub(lambda found: found[1] if int(found[2]) <= self.groups else "(?!)", out)

    def _fail(self, description: str, index: int | None = None) -> NoReturn:
        raise PatternFault(description, self.at if index is None else index, self.pattern)

    def _peek(self) -> str:
        """The next character that counts, empty at the end; skips white space and comments under `(?x)`."""
        if self.flags & _X:
            while self.at < len(self.text) and self.text[self.at] in " \t\n\x0b\f\r#":
                if self.text[self.at] == "#":
                    while self.at < len(self.text) and self.text[self.at] not in "\n\r\x85\u2028\u2029":
                        self.at += 1
                else:
                    self.at += 1
        return self.text[self.at : self.at + 1]

    def _alternation(self) -> str:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        return "|".join(branches)

    def _sequence(self) -> str:
        parts: list[str] = []
        while (char := self._peek()) and char not in "|)":
            atom = self._atom(char)
            if atom:
                parts.append(self._quantified(atom))
        return "".join(parts)

    def _atom(self, char: str) -> str:
        special = _SPECIAL.get(char)
        if special is not None:
            return special(self)
        self.at += 1
        return self._literal(char)

    def _quantified(self, atom: str) -> str:
        char = self._peek()
        if char and char in "?*+":
            self.at += 1
            return f"{atom}{char}{self._mode()}"
        if char == "{":
            atom = f"{atom}{self._counts()}{self._mode()}"
            while self._peek() == "{":  # Java lets a second count stand and repeats the empty text with it
                self._counts()
                self._mode()
        return atom

    def _mode(self) -> str:
        char = self._peek()
        if char and char in "?+":
            self.at += 1
            return char
        return ""

    def _counts(self) -> str:
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
        if not self.flags & _I or not char.isalpha():
            return _escaped(char)
        if self.flags & _U:
            return f"(?i-f:{_escaped(char)})"
        return f"[{char.lower()}{char.upper()}]" if char.isascii() else _escaped(char)

    def _dot(self) -> str:
        self.at += 1
        if self.flags & _S:
            return "(?s:.)"
        return r"[^\n]" if self.flags & _D else f"[^{_TERMINATORS}]"

    def _begin(self) -> str:
        self.at += 1
        if not self.flags & _M:
            return r"(?:\A)"
        return r"(?:(?<=\A|\n)(?!(?<!\A)\Z))" if self.flags & _D else _LINE_START

    def _end(self) -> str:
        self.at += 1
        if self.flags & _D:
            return r"(?=\n|\Z)" if self.flags & _M else r"(?=\n?\Z)"
        return _LINE_END if self.flags & _M else _END

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
            return rf"(?:\{char})" if self.flags & _W else rf"(?a:\{char})"
        if char == "Z":
            return r"(?=\n?\Z)" if self.flags & _D else _END
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
        return f"(?i-f:{marked})" if self.flags & _I else f"(?:{marked})"

    def _named_reference(self) -> str:
        if self.text[self.at : self.at + 1] != "<":
            self._fail(r"\k is not followed by '<' for named capturing group")
        self.at += 1
        name = self._name()
        if name not in self.names:
            self._fail(f"named capturing group <{name}> does not exist")
        self.at += 1
        return self._reference(self.names[name])

    def _shorthand(self, char: str) -> str | None:
        if char in "pP":
            return self._property(char == "P")
        table = _WIDE_SHORTHANDS if self.flags & _W else _SHORTHANDS
        if char in table:
            return table[char]
        return f"[^{table[char.lower()]}]" if char.lower() in table else None

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

    # properties

    def _property(self, negated: bool) -> str:
        if self.text[self.at : self.at + 1] != "{":
            name = self.text[self.at : self.at + 1] or "\0"
            self.at += 1
            last = self.at - 1
        else:
            end = self.text.find("}", self.at)
            if end < 0:
                self._fail("Unclosed character family", len(self.text))
            if end == self.at + 1:
                self._fail("Empty character family", end)
            name = self.text[self.at + 1 : end]
            self.at = end + 1
            last = end
        found = self._property_set(name)
        if found is None:
            head, equals, value = name.partition("=")
            self._fail(
                f"Unknown Unicode property {{name=<{head}>, value=<{value}>}}"
                if equals
                else f"Unknown character property name {{{name}}}",
                last,
            )
        if self.flags & _I:
            found = _CASED.get(found, found)
        return f"[^{found}]" if negated else found

    def _property_set(self, name: str) -> str | None:
        head, equals, value = name.partition("=")
        if equals:
            prefix = _PREFIXES.get(head.lower())
            if prefix == "gc":
                return _category(value)
            return _known(prefix, value) if prefix else None
        if name.startswith("In"):
            return _known("Block", name[2:])
        if name.startswith("Is"):
            rest = name[2:]
            return _category(rest) or _BINARY.get(rest.upper().replace("_", "")) or _known("Script", rest)
        posix = _WIDE_POSIX if self.flags & _W else _POSIX
        if name == "all":
            return r"[\x00-\U0010ffff]"
        return posix.get(name) or _JAVA.get(name) or _category(name)

    # character classes

    def _char_class(self) -> str:
        """From `[` to its `]`, as one set; `&&` binds looser than union, `^` negates the whole (Java 9 and later)."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            self._fail("Pattern nested too deep")
        start = self.at
        outermost = self.text[start] == "[" and not self.in_class
        self.in_class = True
        self.at += 1
        negated = self._peek() == "^"
        self.at += negated
        operands: list[list[str]] = [[]]
        seen_and = False
        while (char := self._peek()) != "]" or not (seen_and or operands[-1]):
            if not char:
                self._fail("Unclosed character class", len(self.text) - 1)
            if self.text.startswith("&&", self.at):
                seen_and = True
                while self.text.startswith("&&", self.at):
                    self.at += 2
                if operands[-1]:
                    operands.append([])
            elif char == "[":
                operands[-1].append(self._char_class())
            else:
                operands[-1].extend(self._class_item(char))
        sets = ["".join(items) for items in operands if items]
        if not sets:
            self._fail("Bad class syntax", self.at - 1)
        self.at += 1
        self.depth -= 1
        body = sets[0] if len(sets) == 1 else "&&".join(f"[{items}]" for items in sets)
        out = f"[{'^' if negated else ''}{body}]"
        if outermost:
            self.in_class = False
            if self.flags & _I and self.flags & _U:
                return f"(?i-f:{out})"
        return out

    def _class_item(self, char: str) -> list[str]:
        self.at += 1
        if char == "\\":
            letter = self.text[self.at : self.at + 1]
            if not letter:
                self._fail("Unclosed character class", len(self.text))
            self.at += 1
            shorthand = self._shorthand(letter)
            if shorthand is not None:
                return [shorthand]
            if letter in "123456789":
                self._fail("Illegal/unsupported escape sequence", self.at - 1)
            char = self._escaped_char(letter)
        if self._peek() != "-":
            return self._range(char, char)
        after = self.text[self.at + 1 : self.at + 2]
        if after in ("]", "["):
            return self._range(char, char)
        self.at += 1
        upper = self._peek()
        place = self.at
        self.at += 1
        if upper == "\\":
            letter = self.text[self.at : self.at + 1]
            self.at += 1
            if letter and letter in "dDwWsShHvVpP":
                self._fail("Illegal character range", place + 1)
            upper = self._escaped_char(letter) if letter else ""
        if not upper or upper < char:
            self._fail("Illegal character range", min(self.at - 1, len(self.text)))
        return self._range(char, upper)

    def _range(self, low: str, high: str) -> list[str]:
        items = [_set_range(low, high)]
        if self.flags & _I and not self.flags & _U:  # without (?u) only ASCII letters have another case
            for first, last, shift in (("a", "z", -32), ("A", "Z", 32)):
                begin, end = max(low, first), min(high, last)
                if begin <= end:
                    items.append(_set_range(chr(ord(begin) + shift), chr(ord(end) + shift)))
        return items


_SPECIAL: dict[str, Callable[[_Translator], str]] = {
    "(": _Translator._group,
    "[": _Translator._char_class,
    "\\": _Translator._escape,
    ".": _Translator._dot,
    "^": _Translator._begin,
    "$": _Translator._end,
    "{": _Translator._lone_brace,
    **dict.fromkeys("*+?", _Translator._dangling),
}


def _escaped(char: str) -> str:
    """A literal character, outside and inside a set."""
    if char.isalnum() or char == "_" or (ord(char) > 0xA0 and not char.isspace()):
        return char
    code = ord(char)
    if 0x20 < code < 0x7F:
        return "\\" + char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else char


def _set_range(low: str, high: str) -> str:
    return _escaped(low) if low == high else f"{_escaped(low)}-{_escaped(high)}"


def _unquoted(pattern: str) -> str:
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


def _category(name: str) -> str | None:
    if not _CATEGORY.fullmatch(name):
        return None
    return _COMPOUND.get(name, rf"\p{{{name}}}")


def _known(property: str, value: str) -> str | None:
    """The set of a script or block, or None when the `regex` package knows no such name."""
    if not value or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]*", value):
        return None
    out = rf"\p{{{property}={value}}}"
    try:
        regex.compile(out, regex.V1)
    except regex.error:
        return None
    return out


@lru_cache(maxsize=512)
def compile_java(
    pattern: str, *, dotall: bool = False, ignore_case: bool = False, timeout: float = TIMEOUT
) -> JavaPattern:
    """Compile a Java regular expression (`DOTALL` and `CASE_INSENSITIVE` as keywords). Raises PatternFault."""
    translated = _Translator(pattern, _S * dotall | _I * ignore_case).translate()
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
