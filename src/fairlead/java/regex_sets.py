"""Sets of characters in Java patterns: shorthands, properties and character classes, as sets of the `regex` package.

Tables say what each name means; a name that neither Java nor the tables know is refused with Java's words.
"""

from __future__ import annotations

import re

import regex

from fairlead.java.regex_reader import (
    IGNORE_CASE,
    MAX_NESTING,
    UNICODE_CASE,
    UNICODE_CLASS,
    PatternReader,
    escaped,
)

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


class SetReader(PatternReader):
    """Reads what stands for one of many characters. Every result is one unit of the `regex` syntax."""

    def _shorthand(self, char: str) -> str | None:
        if char in "pP":
            return self._property(char == "P")
        table = _WIDE_SHORTHANDS if self.flags & UNICODE_CLASS else _SHORTHANDS
        if char in table:
            return table[char]
        return f"[^{table[char.lower()]}]" if char.lower() in table else None

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
        if self.flags & IGNORE_CASE:
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
        posix = _WIDE_POSIX if self.flags & UNICODE_CLASS else _POSIX
        if name == "all":
            return r"[\x00-\U0010ffff]"
        return posix.get(name) or _JAVA.get(name) or _category(name)

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
            if self.flags & IGNORE_CASE and self.flags & UNICODE_CASE:
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
        if (
            self.flags & IGNORE_CASE and not self.flags & UNICODE_CASE
        ):  # without (?u) only ASCII letters have another case
            for first, last, shift in (("a", "z", -32), ("A", "Z", 32)):
                begin, end = max(low, first), min(high, last)
                if begin <= end:
                    items.append(_set_range(chr(ord(begin) + shift), chr(ord(end) + shift)))
        return items


def _set_range(low: str, high: str) -> str:
    return escaped(low) if low == high else f"{escaped(low)}-{escaped(high)}"


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
