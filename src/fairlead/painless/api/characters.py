"""The static methods of Character, over UTF-16 units. Spec 04 section 15."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from fairlead.painless.api.parsing import DIGITS, char_digit, needs_number
from fairlead.painless.runtime.text import text
from fairlead.painless.runtime.values import Char
from fairlead.painless.types import Row

# Character --------------------------------------------------------------------------------------------------------------


def _category(code: int) -> str:
    return unicodedata.category(chr(code)) if 0 <= code <= 0x10FFFF else "Cn"


def _case(code: int, change: Callable[[str], str]) -> int:
    if not 0 <= code <= 0x10FFFF:
        return code
    changed = change(chr(code))
    return ord(changed) if len(changed) == 1 else code


def _whitespace(code: int) -> bool:
    return (
        code in range(9, 14)
        or code in range(0x1C, 0x20)
        or (_category(code) in ("Zs", "Zl", "Zp") and code not in (0xA0, 0x2007, 0x202F))
    )


def _numeric_value(code: int) -> int:
    c = chr(code)
    digit = char_digit(c, 36)
    if digit >= 0:
        return digit
    value = unicodedata.numeric(c, -1)
    return -1 if value < 0 else int(value) if value == int(value) else -2


_LETTERS = ("Lu", "Ll", "Lt", "Lm", "Lo")

_TESTS: dict[str, Callable[[int], bool]] = {
    "isAlphabetic": lambda c: _category(c) in (*_LETTERS, "Nl"),
    "isDigit": lambda c: _category(c) == "Nd",
    "isISOControl": lambda c: 0 <= c <= 0x1F or 0x7F <= c <= 0x9F,
    "isLetter": lambda c: _category(c) in _LETTERS,
    "isLetterOrDigit": lambda c: _category(c) in (*_LETTERS, "Nd"),
    "isLowerCase": lambda c: chr(c).islower(),
    "isSpaceChar": lambda c: _category(c) in ("Zs", "Zl", "Zp"),
    "isTitleCase": lambda c: _category(c) == "Lt",
    "isUpperCase": lambda c: chr(c).isupper(),
    "isWhitespace": _whitespace,
    "isSurrogate": lambda c: 0xD800 <= c <= 0xDFFF,
    "isHighSurrogate": lambda c: 0xD800 <= c < 0xDC00,
    "isLowSurrogate": lambda c: 0xDC00 <= c <= 0xDFFF,
    "isDefined": lambda c: _category(c) != "Cn",
}


def _test(name: str, test: Callable[[int], bool]) -> Row:
    # isAlphabetic takes a code point, the others a char: one method a name and arity.
    return Row(f"boolean {name}({'int' if name == 'isAlphabetic' else 'char'})", lambda m, c: test(c), static=True)


_TYPES: dict[str, int] = {
    name: number
    for number, name in enumerate(
        [
            "Cn",
            "Lu",
            "Ll",
            "Lt",
            "Lm",
            "Lo",
            "Mn",
            "Me",
            "Mc",
            "Nd",
            "Nl",
            "No",
            "Zs",
            "Zl",
            "Zp",
            "Cc",
            "Cf",
            "-",
            "Co",
            "Cs",
            "Pd",
            "Ps",
            "Pe",
            "Pc",
            "Po",
            "Sm",
            "Sc",
            "Sk",
            "So",
            "Pi",
            "Pf",
        ]
    )
}

CHARACTER = (
    *(_test(name, test) for name, test in _TESTS.items()),
    Row("int charCount(int)", lambda m, c: 2 if c > 0xFFFF else 1, static=True),
    Row("char charValue()", lambda m, c: int(c)),
    Row("int compare(char,char)", lambda m, x, y: x - y, static=True),
    Row("int compareTo(Character)", lambda m, x, y: int(x) - needs_number(y)),
    Row("int digit(char,int)", lambda m, c, r: char_digit(chr(c), r), static=True),
    Row("char forDigit(int,int)", lambda m, d, r: ord(DIGITS[d]) if 0 <= d < r <= 36 else 0, static=True),
    Row("int getNumericValue(char)", lambda m, c: _numeric_value(c), static=True),
    Row("int getType(char)", lambda m, c: _TYPES.get(_category(c), 0), static=True),
    Row("int hashCode(char)", lambda m, c: c, static=True),
    Row("char toLowerCase(char)", lambda m, c: _case(c, str.lower), static=True),
    Row("char toUpperCase(char)", lambda m, c: _case(c, str.upper), static=True),
    Row("char toTitleCase(char)", lambda m, c: _case(c, str.title), static=True),
    Row("String toString(char)", lambda m, c: text(m, Char(c)), static=True),
    Row("Character valueOf(char)", lambda m, c: Char(c), static=True),
)
