"""Number classes, Boolean, Character and Math: parsing, printing in a radix, comparing. Spec 04 sections 13.2 and 15."""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from collections.abc import Callable
from random import SystemRandom
from typing import Any

from fairlead.java.text import (
    double_hash,
    double_text,
    float_hash,
    float_text,
    long_hash,
    signed32,
    signed64,
    to_float32,
)
from fairlead.painless.errors import Thrown, null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import arithmetic as a
from fairlead.painless.runtime.convert import narrowing, unbox
from fairlead.painless.runtime.equality import compare_doubles
from fairlead.painless.runtime.text import text
from fairlead.painless.runtime.values import Byte, Char, Float, Long, Short
from fairlead.painless.types import BYTE, DOUBLE, FLOAT, INT, LONG, SHORT, ClassRows, Row, Type

_random = SystemRandom()
_NUMBER = "java.lang.Number"
_COMPARABLE = "java.lang.Comparable"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _converted(target: Type) -> Callable[[Meter, Any], Any]:
    """`intValue()` and its kind."""
    rank = {LONG: 1, FLOAT: 2, DOUBLE: 3}.get(target, 0)

    def run(meter: Meter, value: Any) -> Any:
        if isinstance(value, float):
            change = narrowing(DOUBLE, target)
            return change(value) if change is not None else float(value)
        if rank >= 2:
            return a.number_as(value, rank)
        whole = a.number_as(value, 1)
        change = narrowing(LONG, target)
        return change(whole) if change is not None else whole

    return run


_VALUES = tuple(
    Row(f"{kind.name} {kind.name}Value()", _converted(kind)) for kind in (BYTE, SHORT, INT, LONG, FLOAT, DOUBLE)
)


def _sign(x: Any, y: Any) -> int:
    return -1 if x < y else 1 if x > y else 0


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
        found = _DIGITS.find(lowered) if lowered and lowered.isalpha() else -1
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
        digits.append(_DIGITS[digit])
    return ("-" if value < 0 else "") + "".join(reversed(digits))


def _reversed(value: int, bits: int) -> int:
    shown = f"{value & ((1 << bits) - 1):0{bits}b}"
    return int(shown[::-1], 2)


def _whole_rows(kind: Type, box: str, bits: int, wrap: Callable[[int], int], parse: str) -> tuple[Row, ...]:
    """What Integer and Long share."""
    p = kind.name
    mask = (1 << bits) - 1
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def leading(value: int) -> int:
        return bits - (value & mask).bit_length()

    def trailing(value: int) -> int:
        return ((value & mask) & -(value & mask)).bit_length() - 1 if value else bits

    return (
        Row(f"int bitCount({p})", lambda m, x: (x & mask).bit_count(), static=True),
        Row(f"int compare({p},{p})", lambda m, x, y: _sign(x, y), static=True),
        Row(f"int compareTo({box})", lambda m, x, y: _sign(x, needs_number(y))),
        Row(f"{box} decode(String)", lambda m, s: _decode(s, low, high, box), static=True),
        Row(f"int hashCode({p})", lambda m, x: signed32(x) if bits == 32 else long_hash(x), static=True),
        Row(f"{p} highestOneBit({p})", lambda m, x: wrap(1 << ((x & mask).bit_length() - 1)) if x else 0, static=True),
        Row(f"{p} lowestOneBit({p})", lambda m, x: wrap((x & mask) & -(x & mask)), static=True),
        Row(f"{p} max({p},{p})", lambda m, x, y: max(x, y), static=True),
        Row(f"{p} min({p},{p})", lambda m, x, y: min(x, y), static=True),
        Row(f"int numberOfLeadingZeros({p})", lambda m, x: leading(x), static=True),
        Row(f"int numberOfTrailingZeros({p})", lambda m, x: trailing(x), static=True),
        Row(f"{p} {parse}(String)", lambda m, s: parse_whole(s, 10, low, high), static=True),
        Row(f"{p} {parse}(String,int)", lambda m, s, r: parse_whole(s, r, low, high), static=True),
        Row(f"{p} reverse({p})", lambda m, x: wrap(_reversed(x, bits)), static=True),
        Row(f"{p} reverseBytes({p})", lambda m, x: wrap(_swapped(x & mask, bits)), static=True),
        Row(f"{p} rotateLeft({p},int)", lambda m, x, n: wrap(_rotated(x & mask, n, bits)), static=True),
        Row(f"{p} rotateRight({p},int)", lambda m, x, n: wrap(_rotated(x & mask, -n, bits)), static=True),
        Row(f"int signum({p})", lambda m, x: _sign(x, 0), static=True),
        Row(f"{p} sum({p},{p})", lambda m, x, y: wrap(x + y), static=True),
        Row(f"String toBinaryString({p})", lambda m, x: f"{x & mask:b}", static=True),
        Row(f"String toHexString({p})", lambda m, x: f"{x & mask:x}", static=True),
        Row(f"String toOctalString({p})", lambda m, x: f"{x & mask:o}", static=True),
        Row(f"String toString({p})", lambda m, x: str(x), static=True),
        Row(f"String toString({p},int)", lambda m, x, r: in_radix(x, r), static=True),
        Row(f"{p} divideUnsigned({p},{p})", lambda m, x, y: wrap(_unsigned(x & mask, y & mask)[0]), static=True),
        Row(f"{p} remainderUnsigned({p},{p})", lambda m, x, y: wrap(_unsigned(x & mask, y & mask)[1]), static=True),
        Row(f"int compareUnsigned({p},{p})", lambda m, x, y: _sign(x & mask, y & mask), static=True),
        Row(f"String toUnsignedString({p})", lambda m, x: str(x & mask), static=True),
        Row(f"{box} valueOf({p})", lambda m, x: Long(x) if bits == 64 else x, static=True),
    )


def _unsigned(x: int, y: int) -> tuple[int, int]:
    if y == 0:
        raise a.div_zero()
    return divmod(x, y)


def _swapped(x: int, bits: int) -> int:
    return int.from_bytes(x.to_bytes(bits // 8, "big"), "little")


def _rotated(x: int, n: int, bits: int) -> int:
    n %= bits
    return (x << n | x >> (bits - n)) & ((1 << bits) - 1)


def _decode(s: Any, low: int, high: int, box: str) -> Any:
    found = re.match(r"([+-]?)(0[xX]|#|0(?=.))?(.*)\Z", s or "", re.DOTALL)
    if not s or found is None:
        raise thrown("NumberFormatException", "Zero length string")
    radix = {"0x": 16, "0X": 16, "#": 16, "0": 8}.get(found[2] or "", 10)
    value = parse_whole(found[1] + found[3], radix, low, high)
    return Long(value) if box == "Long" else value


def _small(kind: Type, box: str, python: type, low: int, high: int, parse: str) -> ClassRows:
    """Byte and Short."""
    p = kind.name
    return ClassRows(
        f"java.lang.{box}",
        (_NUMBER, _COMPARABLE),
        (
            Row(f"int compare({p},{p})", lambda m, x, y: x - y, static=True),
            Row(f"int compareTo({box})", lambda m, x, y: int(x) - needs_number(y)),
            Row(f"int hashCode({p})", lambda m, x: x, static=True),
            Row(f"{p} {parse}(String)", lambda m, s: _ranged(s, 10, low, high), static=True),
            Row(f"{p} {parse}(String,int)", lambda m, s, r: _ranged(s, r, low, high), static=True),
            Row(f"String toString({p})", lambda m, x: str(x), static=True),
            Row(f"int toUnsignedInt({p})", lambda m, x: x & (2 * high + 1), static=True),
            Row(f"long toUnsignedLong({p})", lambda m, x: x & (2 * high + 1), static=True),
            Row(f"{box} valueOf({p})", lambda m, x: python(x), static=True),
        ),
        (),
        ((p, "MAX_VALUE", high), (p, "MIN_VALUE", low), ("int", "SIZE", (kind is BYTE and 8) or 16)),
        python=(python,),
    )


def _ranged(s: Any, radix: int, low: int, high: int) -> int:
    value = parse_whole(s, radix, a.INT_MIN, a.INT_MAX)
    if not low <= value <= high:
        raise thrown("NumberFormatException", f'Value out of range. Value:"{s}" Radix:{radix}')
    return value


def _compare_real(m: Meter, x: float, y: Any) -> int:
    return compare_doubles(x, needs_number(y))


def _real_rows(kind: Type, box: str, show: Callable[[float], str], hashed: Callable[[float], int]) -> tuple[Row, ...]:
    p = kind.name
    single = kind is FLOAT
    parse = "parseFloat" if single else "parseDouble"

    def narrow(x: float) -> Any:
        return to_float32(x) if single else x

    return (
        Row(f"int compare({p},{p})", lambda m, x, y: compare_doubles(x, y), static=True),
        Row(f"int compareTo({box})", _compare_real),
        Row(f"int hashCode({p})", lambda m, x: hashed(x), static=True),
        Row(f"boolean isFinite({p})", lambda m, x: math.isfinite(x), static=True),
        Row(f"boolean isInfinite({p})", lambda m, x: math.isinf(x), static=True),
        Row(f"boolean isNaN({p})", lambda m, x: x != x, static=True),
        Row("boolean isInfinite()", lambda m, x: math.isinf(x)),
        Row("boolean isNaN()", lambda m, x: x != x),
        Row(f"{p} max({p},{p})", lambda m, x, y: real_max(x, y), static=True),
        Row(f"{p} min({p},{p})", lambda m, x, y: -real_max(-x, -y), static=True),
        Row(f"{p} {parse}(String)", lambda m, s: narrow(parse_real(s)), static=True),
        Row(f"{p} sum({p},{p})", lambda m, x, y: narrow(x + y), static=True),
        Row(f"String toString({p})", lambda m, x: show(x), static=True),
        Row(f"String toHexString({p})", lambda m, x: hex_real(x), static=True),
        Row(f"{box} valueOf({p})", lambda m, x: Float(x) if single else x, static=True),
    )


def hex_real(x: float) -> str:
    """`Double.toHexString`."""
    if x != x:
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    mantissa, _, power = float(x).hex().partition("p")
    whole, _, fraction = mantissa.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}p{int(power)}"


def real_max(x: float, y: float) -> float:
    """`Math.max`: NaN wins, 0.0 beats -0.0."""
    if x != x or y != y:
        return math.nan
    if x == 0 and y == 0:
        return x if math.copysign(1.0, x) > 0 else y
    return max(x, y)


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

_CHARACTER = (
    *(_test(name, test) for name, test in _TESTS.items()),
    Row("int charCount(int)", lambda m, c: 2 if c > 0xFFFF else 1, static=True),
    Row("char charValue()", lambda m, c: int(c)),
    Row("int compare(char,char)", lambda m, x, y: x - y, static=True),
    Row("int compareTo(Character)", lambda m, x, y: int(x) - needs_number(y)),
    Row("int digit(char,int)", lambda m, c, r: char_digit(chr(c), r), static=True),
    Row("char forDigit(int,int)", lambda m, d, r: ord(_DIGITS[d]) if 0 <= d < r <= 36 else 0, static=True),
    Row("int getNumericValue(char)", lambda m, c: _numeric_value(c), static=True),
    Row("int getType(char)", lambda m, c: _TYPES.get(_category(c), 0), static=True),
    Row("int hashCode(char)", lambda m, c: c, static=True),
    Row("char toLowerCase(char)", lambda m, c: _case(c, str.lower), static=True),
    Row("char toUpperCase(char)", lambda m, c: _case(c, str.upper), static=True),
    Row("char toTitleCase(char)", lambda m, c: _case(c, str.title), static=True),
    Row("String toString(char)", lambda m, c: text(m, Char(c)), static=True),
    Row("Character valueOf(char)", lambda m, c: Char(c), static=True),
)


# Math -------------------------------------------------------------------------------------------------------------------


def _guarded(function: Callable[..., float]) -> Callable[..., float]:
    """A function of the math module whose faults are IEEE values."""

    def run(m: Meter, *values: float) -> float:
        try:
            return float(function(*values))
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return run


def _log(function: Callable[[float], float]) -> Callable[[Meter, float], float]:
    def run(m: Meter, x: float) -> float:
        if x == 0:
            return -math.inf
        return function(x) if x > 0 else math.nan

    return run


def _power(m: Meter, x: float, y: float) -> float:
    if y == 0:
        return 1.0
    if abs(x) == 1 and (math.isinf(y) or y != y):
        return math.nan
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        if x == 0:
            return -math.inf if math.copysign(1.0, x) < 0 and y % 2 == 1 else math.inf
        return math.nan


def _whole_float(function: Callable[[float], int]) -> Callable[[Meter, float], float]:
    """ceil, floor, rint: the sign of zero stays."""

    def run(m: Meter, x: float) -> float:
        return math.copysign(float(function(x)), x) if math.isfinite(x) else x

    return run


def _round(m: Meter, x: float) -> int:
    return (
        a.to_long(x)
        if not math.isfinite(x) or abs(x) >= 2**52
        else math.floor(x + 0.5)
        if x != 0.49999999999999994
        else 0
    )


def _cbrt(m: Meter, x: float) -> float:
    root = math.cbrt(x)
    if not math.isfinite(root) or root == 0:
        return root
    # One Newton step: some C libraries are an ulp off where Java is exact (27 -> 3).
    return root - (root * root * root - x) / (3.0 * root * root)


def _trig(function: Callable[[float], float]) -> Callable[[Meter, float], float]:
    return lambda m, x: function(x) if math.isfinite(x) else math.nan


def _signum(m: Meter, x: float) -> float:
    return x if x == 0 or x != x else math.copysign(1.0, x)


def _hyper(function: Callable[[float], float]) -> Callable[[Meter, float], float]:
    def run(m: Meter, x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.inf if x > 0 or function is math.cosh else -math.inf

    return run


_ONE: dict[str, Callable[[Meter, float], float]] = {
    "abs": lambda m, x: abs(x),
    "acos": _guarded(math.acos),
    "asin": _guarded(math.asin),
    "atan": _guarded(math.atan),
    "cbrt": _cbrt,
    "ceil": _whole_float(math.ceil),
    "cos": _trig(math.cos),
    "cosh": _hyper(math.cosh),
    "exp": _guarded(math.exp),
    "expm1": _guarded(math.expm1),
    "floor": _whole_float(math.floor),
    "log": _log(math.log),
    "log10": _log(math.log10),
    "log1p": lambda m, x: -math.inf if x == -1 else math.log1p(x) if x > -1 else math.nan,
    "rint": _whole_float(round),
    "signum": _signum,
    "sin": _trig(math.sin),
    "sinh": _hyper(math.sinh),
    "sqrt": lambda m, x: math.sqrt(x) if x >= 0 else math.nan,
    "tan": _trig(math.tan),
    "tanh": _guarded(math.tanh),
    "toDegrees": lambda m, x: math.degrees(x),
    "toRadians": lambda m, x: math.radians(x),
    "ulp": lambda m, x: math.ulp(x) if math.isfinite(x) else abs(x),
    "nextUp": lambda m, x: math.nextafter(x, math.inf),
    "nextDown": lambda m, x: math.nextafter(x, -math.inf),
}
_TWO: dict[str, Callable[[Meter, float, float], float]] = {
    "IEEEremainder": _guarded(math.remainder),
    "atan2": _guarded(math.atan2),
    "copySign": lambda m, x, y: math.copysign(x, y),
    "hypot": _guarded(math.hypot),
    "max": lambda m, x, y: real_max(x, y),
    "min": lambda m, x, y: -real_max(-x, -y),
    "nextAfter": lambda m, x, y: math.nextafter(x, y),
    "pow": _power,
}
_MATH = (
    *(Row(f"double {name}(double)", run, static=True) for name, run in _ONE.items()),
    *(Row(f"double {name}(double,double)", run, static=True) for name, run in _TWO.items()),
    Row("double random()", lambda m: _random.random(), static=True),
    Row("long round(double)", _round, static=True),
)

_BOOLEAN = (
    Row("boolean booleanValue()", lambda m, x: x),
    Row("int compare(boolean,boolean)", lambda m, x, y: _sign(x, y), static=True),
    Row("int compareTo(Boolean)", lambda m, x, y: _sign(x, needs_number(y))),
    Row("int hashCode(boolean)", lambda m, x: 1231 if x else 1237, static=True),
    Row("boolean logicalAnd(boolean,boolean)", lambda m, x, y: x and y, static=True),
    Row("boolean logicalOr(boolean,boolean)", lambda m, x, y: x or y, static=True),
    Row("boolean logicalXor(boolean,boolean)", lambda m, x, y: x is not y, static=True),
    Row("boolean parseBoolean(String)", lambda m, s: s is not None and s.lower() == "true", static=True),
    Row("String toString(boolean)", lambda m, x: "true" if x else "false", static=True),
    Row("Boolean valueOf(boolean)", lambda m, x: x, static=True),
)


def _float_bits(x: float) -> int:
    return float_hash(x)


def _double_bits(x: float) -> int:
    return signed64(0x7FF8000000000000 if x != x else int.from_bytes(struct.pack("<d", x), "little"))


def _from_bits(bits: int, size: int) -> float:
    raw = (bits & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
    return float(struct.unpack("<f" if size == 4 else "<d", raw)[0])


TABLES = (
    ClassRows(_NUMBER, (), _VALUES),
    ClassRows(
        "java.lang.Boolean",
        (_COMPARABLE,),
        _BOOLEAN,
        (),
        (("Boolean", "TRUE", True), ("Boolean", "FALSE", False)),
        python=(bool,),
    ),
    _small(BYTE, "Byte", Byte, -128, 127, "parseByte"),
    _small(SHORT, "Short", Short, -32768, 32767, "parseShort"),
    ClassRows(
        "java.lang.Character",
        (_COMPARABLE,),
        _CHARACTER,
        (),
        (("char", "MAX_VALUE", 0xFFFF), ("char", "MIN_VALUE", 0), ("int", "MIN_RADIX", 2), ("int", "MAX_RADIX", 36)),
        python=(Char,),
    ),
    ClassRows(
        "java.lang.Integer",
        (_NUMBER, _COMPARABLE),
        (
            *_whole_rows(INT, "Integer", 32, signed32, "parseInt"),
            Row("Integer valueOf(String,int)", lambda m, s, r: parse_whole(s, r, a.INT_MIN, a.INT_MAX), static=True),
            Row("long toUnsignedLong(int)", lambda m, x: x & 0xFFFFFFFF, static=True),
        ),
        (),
        (("int", "MAX_VALUE", a.INT_MAX), ("int", "MIN_VALUE", a.INT_MIN), ("int", "SIZE", 32), ("int", "BYTES", 4)),
        python=(int,),
    ),
    ClassRows(
        "java.lang.Long",
        (_NUMBER, _COMPARABLE),
        (
            *_whole_rows(LONG, "Long", 64, signed64, "parseLong"),
            Row(
                "Long valueOf(String,int)", lambda m, s, r: Long(parse_whole(s, r, a.LONG_MIN, a.LONG_MAX)), static=True
            ),
        ),
        (),
        (
            ("long", "MAX_VALUE", a.LONG_MAX),
            ("long", "MIN_VALUE", a.LONG_MIN),
            ("int", "SIZE", 64),
            ("int", "BYTES", 8),
        ),
        python=(Long,),
    ),
    ClassRows(
        "java.lang.Float",
        (_NUMBER, _COMPARABLE),
        (
            *_real_rows(FLOAT, "Float", float_text, float_hash),
            Row("int floatToIntBits(float)", lambda m, x: _float_bits(x), static=True),
            Row("float intBitsToFloat(int)", lambda m, x: _from_bits(x, 4), static=True),
        ),
        (),
        (
            ("float", "MAX_VALUE", 3.4028234663852886e38),
            ("float", "MIN_VALUE", 1.401298464324817e-45),
            ("float", "NaN", math.nan),
            ("float", "POSITIVE_INFINITY", math.inf),
            ("float", "NEGATIVE_INFINITY", -math.inf),
        ),
        python=(Float,),
    ),
    ClassRows(
        "java.lang.Double",
        (_NUMBER, _COMPARABLE),
        (
            *_real_rows(DOUBLE, "Double", double_text, double_hash),
            Row("long doubleToLongBits(double)", lambda m, x: _double_bits(x), static=True),
            Row("double longBitsToDouble(long)", lambda m, x: _from_bits(x, 8), static=True),
        ),
        (),
        (
            ("double", "MAX_VALUE", 1.7976931348623157e308),
            ("double", "MIN_VALUE", 5e-324),
            ("double", "NaN", math.nan),
            ("double", "POSITIVE_INFINITY", math.inf),
            ("double", "NEGATIVE_INFINITY", -math.inf),
        ),
        python=(float,),
    ),
    ClassRows("java.lang.Math", (), _MATH, (), (("double", "E", math.e), ("double", "PI", math.pi)), tier=2),
)
