"""Numbers from texts and texts in a radix, as Java reads and writes them. Spec 04 section 13.2."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from fairlead.painless.errors import Thrown, null_pointer, thrown
from fairlead.painless.runtime.convert import unbox

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def needs_number(value: Any) -> Any:
    if value is None:
        raise null_pointer(None)
    return unbox(value)


def not_a_number(s: str, radix: int = 10) -> Thrown:
    tail = f" under radix {radix}" if radix != 10 and s else ""
    return thrown("NumberFormatException", f'For input string: "{s}"{tail}')


def parse_whole(s: Any, radix: int, low: int, high: int) -> int:
    """`parseInt` and its kind; any Unicode digits count."""
    if s is None:
        raise thrown("NumberFormatException", "Cannot parse null string: null")
    if not 2 <= radix <= 36:
        side = "less than Character.MIN_RADIX" if radix < 2 else "greater than Character.MAX_RADIX"
        raise thrown("NumberFormatException", f"radix {radix} {side}")
    body = s[1:] if s[:1] in ("+", "-") else s
    value = 0
    if not body or len(body) > 80:
        raise not_a_number(s, radix)
    for c in body:
        digit = char_digit(c, radix)
        if digit < 0:
            raise not_a_number(s, radix)
        value = value * radix + digit
    if s[0] == "-":
        value = -value
    if not low <= value <= high:
        raise not_a_number(s, radix)
    return value


def char_digit(c: str, radix: int) -> int:
    """`Character.digit`: -1 for what is no digit."""
    found = unicodedata.digit(c, -1) if unicodedata.category(c) == "Nd" else -1
    if found < 0:
        lowered = chr(ord(c) - 0xFEE0).lower() if 0xFF21 <= ord(c) <= 0xFF5A else c.lower() if c.isascii() else ""
        found = DIGITS.find(lowered) if lowered and lowered.isalpha() else -1
    return found if 0 <= found < radix else -1


_REAL = re.compile(
    r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?"
    r"|0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+[fFdD]?)\Z"
)
_BLANKS = "".join(map(chr, range(33)))


def parse_real(s: Any) -> float:
    """`Double.parseDouble`."""
    if s is None:
        raise null_pointer(None)
    body = s.strip(_BLANKS)
    if not body:
        raise thrown("NumberFormatException", "empty String")
    if _REAL.match(body) is None:
        raise thrown("NumberFormatException", f'For input string: "{body}"')
    if "N" in body or "I" in body:
        return float(body)
    if "x" in body or "X" in body:
        try:
            return float.fromhex(body.rstrip("fFdD"))
        except OverflowError:
            return -math.inf if body[0] == "-" else math.inf
    return float(body.rstrip("fFdD"))


def in_radix(value: int, radix: int) -> str:
    """`Integer.toString(value, radix)`."""
    if not 2 <= radix <= 36:
        radix = 10
    if value == 0:
        return "0"
    size = abs(value)
    digits = []
    while size:
        size, digit = divmod(size, radix)
        digits.append(DIGITS[digit])
    return ("-" if value < 0 else "") + "".join(reversed(digits))
