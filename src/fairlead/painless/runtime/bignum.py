"""BigDecimal and MathContext over Python integers; sizes are bounded by the meter before anything is computed.

Spec 04 sections 8 and 13.2. A BigDecimal is `unscaled * 10 ** -scale`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from fairlead.painless.errors import Thrown, exhausted, thrown
from fairlead.painless.limits import Meter

MAX_SCALE = 10_000
"""Digits that a big decimal may be written with; JVM scripts could go to 2^31, which is a memory bomb (spec 18.4)."""

_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?\Z")

UP, DOWN, CEILING, FLOOR, HALF_UP, HALF_DOWN, HALF_EVEN, UNNECESSARY = range(8)
ROUNDING_NAMES = ("UP", "DOWN", "CEILING", "FLOOR", "HALF_UP", "HALF_DOWN", "HALF_EVEN", "UNNECESSARY")


def bounded(meter: Meter, bits: int) -> None:
    """Fails when a number of so many bits is more than a script may make; costs steps by size."""
    if bits > meter.limits.bits:
        raise exhausted("bits of a big number", meter.limits.bits)
    meter.spend(bits >> 9)


def pow_ten(n: int) -> int:
    """10 to a power that is not negative."""
    result: int = 10**n
    return result


class MathContext:
    __slots__ = ("precision", "rounding")

    def __init__(self, precision: int, rounding: int) -> None:
        self.precision = precision
        self.rounding = rounding

    def __str__(self) -> str:
        return f"precision={self.precision} roundingMode={ROUNDING_NAMES[self.rounding]}"


def _rounding_necessary() -> Thrown:
    return thrown("ArithmeticException", "Rounding necessary")


def round_quotient(a: int, b: int, mode: int) -> int:
    """a / b to an integer by a RoundingMode (its ordinal)."""
    q, r = divmod(abs(a), abs(b))
    if r == 0:
        return q if (a < 0) == (b < 0) else -q
    negative = (a < 0) != (b < 0)
    if mode == UNNECESSARY:
        raise _rounding_necessary()
    twice = 2 * r - abs(b)
    away = (
        mode == UP
        or (mode == CEILING and not negative)
        or (mode == FLOOR and negative)
        or (mode in (HALF_UP, HALF_DOWN, HALF_EVEN) and twice > 0)
        or (twice == 0 and (mode == HALF_UP or (mode == HALF_EVEN and q & 1 == 1)))
    )
    q += away
    return -q if negative else q


class BigDecimal:
    __slots__ = ("scale", "unscaled")

    def __init__(self, unscaled: int, scale: int) -> None:
        self.unscaled = unscaled
        self.scale = scale

    @property
    def precision(self) -> int:
        return len(str(abs(self.unscaled)))

    def __str__(self) -> str:
        digits = str(abs(self.unscaled))
        sign = "-" if self.unscaled < 0 else ""
        if self.scale == 0:
            return sign + digits
        adjusted = len(digits) - 1 - self.scale
        if self.scale > 0 and adjusted >= -6:
            return sign + _point(digits, self.scale)
        mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
        return f"{sign}{mantissa}E{adjusted:+d}" if adjusted else sign + mantissa

    def engineering(self) -> str:
        """`toEngineeringString`: an exponent that three divides."""
        digits = str(abs(self.unscaled))
        sign = "-" if self.unscaled < 0 else ""
        adjusted = len(digits) - 1 - self.scale
        if self.scale == 0 or (self.scale > 0 and adjusted >= -6):
            return str(self)
        shift = adjusted % 3
        adjusted -= shift
        if self.unscaled == 0:
            if shift:
                adjusted += 3
            shown = {0: "0", 1: "0.00", 2: "0.0"}[shift]
        else:
            digits = digits.ljust(shift + 1, "0")
            shown = digits[: shift + 1] + ("." + digits[shift + 1 :] if len(digits) > shift + 1 else "")
        return f"{sign}{shown}E{adjusted:+d}" if adjusted else sign + shown

    def plain(self, meter: Meter) -> str:
        """`toPlainString`."""
        if abs(self.scale) > MAX_SCALE:
            raise exhausted("digits of a big number", MAX_SCALE)
        sign = "-" if self.unscaled < 0 else ""
        digits = str(abs(self.unscaled))
        if self.scale <= 0:
            return meter.made(sign + (digits + "0" * -self.scale if self.unscaled else "0"))
        return meter.made(sign + _point(digits, self.scale))

    def to_integer(self) -> int:
        """Toward zero. Huge exponents give 0: their low 64 bits are zero, and nobody needs more."""
        if self.scale <= 0:
            return 0 if -self.scale > MAX_SCALE else self.unscaled * pow_ten(-self.scale)
        if self.scale > MAX_SCALE + 20:
            return 0
        q = abs(self.unscaled) // pow_ten(self.scale)
        return -q if self.unscaled < 0 else q

    def to_double(self) -> float:
        return float(f"{self.unscaled}e{-self.scale}")

    def compare(self, other: BigDecimal) -> int:
        if self.unscaled == 0 or other.unscaled == 0 or (self.unscaled < 0) != (other.unscaled < 0):
            left, right = self.unscaled, other.unscaled
        else:
            sign = -1 if self.unscaled < 0 else 1
            mine, its = self.precision - self.scale, other.precision - other.scale
            if mine != its:
                return sign if mine > its else -sign
            left, right, _ = aligned(self, other)
        return (left > right) - (left < right)

    def stripped(self) -> BigDecimal:
        """Without trailing zeros."""
        if self.unscaled == 0:
            return BigDecimal(0, 0)
        digits = str(self.unscaled)
        zeros = len(digits) - len(digits.rstrip("0"))
        return BigDecimal(self.unscaled // 10**zeros, self.scale - zeros)


def _point(digits: str, scale: int) -> str:
    digits = digits.rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}"


def aligned(a: BigDecimal, b: BigDecimal) -> tuple[int, int, int]:
    """Both unscaled values at the larger scale. Callers bound the difference of scales first."""
    if a.scale == b.scale:
        return a.unscaled, b.unscaled, a.scale
    if a.scale > b.scale:
        return a.unscaled, b.unscaled * 10 ** (a.scale - b.scale), a.scale
    return a.unscaled * 10 ** (b.scale - a.scale), b.unscaled, b.scale


def bounded_scales(meter: Meter, *numbers: BigDecimal) -> None:
    """Fails when bringing numbers to one scale would make them too long."""
    scales = [number.scale for number in numbers]
    if max(scales) - min(scales) > MAX_SCALE:
        raise exhausted("digits of a big number", MAX_SCALE)
    bounded(meter, max(number.unscaled.bit_length() for number in numbers) + 4 * (max(scales) - min(scales)))


def bad_number(text: str) -> Thrown:
    """What `new BigDecimal(text)` says about a text that is no number."""
    if not text:
        cause = thrown("ArrayIndexOutOfBoundsException", "Index 0 out of bounds for length 0")
        return thrown("NumberFormatException", None, cause)
    body = text[1:] if text[0] in "+-" else text
    seen_point = False
    for place, char in enumerate(body):
        if char == ".":
            if seen_point:
                return thrown("NumberFormatException", "Character array contains more than one decimal point.")
            seen_point = True
        elif char in "eE":
            exponent = body[place + 1 :]
            if not exponent.lstrip("+-"):
                return thrown("NumberFormatException", "No exponent digits.")
            if place == 0 or body[:place] == ".":
                return thrown("NumberFormatException", "No digits found.")
            return thrown("NumberFormatException", "Not a digit.")
        elif not char.isdigit():
            return thrown(
                "NumberFormatException",
                f"Character {char} is neither a decimal digit number, decimal point, nor "
                '"e" notation exponential mark.',
            )
    return thrown("NumberFormatException", "No digits found.")


def parse_decimal(meter: Meter, text: str) -> BigDecimal:
    """`new BigDecimal(text)`."""
    found = _NUMBER.match(text)
    if found is None or not ((found[2] or "") + (found[3] or "")):
        raise bad_number(text)
    digits = (found[2] or "") + (found[3] or "")
    bounded(meter, len(digits) * 10 // 3)
    exponent = found[4] or "0"
    if len(exponent.lstrip("+-0")) > 10:
        raise thrown("NumberFormatException", "Too many nonzero exponent digits.")
    scale = len(found[3] or "") - int(exponent)
    if not -0x80000000 <= scale <= 0x7FFFFFFF:
        raise thrown("NumberFormatException", "Scale out of range.")
    value = _integer(digits)
    return BigDecimal(-value if found[1] == "-" else value, scale)


def _integer(digits: str) -> int:
    """Decimal digits to a number; Python refuses to read more than 4300 at once."""
    if len(digits) <= 4000:
        return int(digits)
    half = len(digits) // 2
    return _integer(digits[:half]) * pow_ten(len(digits) - half) + _integer(digits[half:])


def rounded(meter: Meter, number: BigDecimal, context: MathContext) -> BigDecimal:
    """To the precision of a context; precision 0 is unlimited."""
    drop = number.precision - context.precision
    if context.precision == 0 or drop <= 0:
        return number
    result = BigDecimal(round_quotient(number.unscaled, 10**drop, context.rounding), number.scale - drop)
    if result.precision > context.precision:
        return rounded(meter, result, context)
    return result


def set_scale(meter: Meter, number: BigDecimal, scale: int, mode: int) -> BigDecimal:
    """`setScale`."""
    if abs(scale - number.scale) > MAX_SCALE:
        raise exhausted("digits of a big number", MAX_SCALE)
    bounded(meter, number.unscaled.bit_length() + 4 * max(0, scale - number.scale))
    if scale >= number.scale:
        return BigDecimal(number.unscaled * 10 ** (scale - number.scale), scale)
    return BigDecimal(round_quotient(number.unscaled, 10 ** (number.scale - scale), mode), scale)


def _divide_by_zero(a: BigDecimal) -> Thrown:
    return thrown("ArithmeticException", "Division undefined" if a.unscaled == 0 else "Division by zero")


def divide(meter: Meter, a: BigDecimal, b: BigDecimal) -> BigDecimal:
    """`a.divide(b)`: exact, at the preferred scale or as many digits more as it takes."""
    if b.unscaled == 0:
        raise _divide_by_zero(a)
    preferred = a.scale - b.scale
    if a.unscaled == 0:
        return BigDecimal(0, preferred)
    common = math.gcd(a.unscaled, b.unscaled)
    top, bottom = a.unscaled // common, b.unscaled // common
    if bottom < 0:
        top, bottom = -top, -bottom
    twos = fives = 0
    rest = bottom
    while rest % 2 == 0:
        rest //= 2
        twos += 1
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    if rest != 1:
        raise thrown("ArithmeticException", "Non-terminating decimal expansion; no exact representable decimal result.")
    more = max(twos, fives)
    bounded(meter, top.bit_length() + 4 * more)
    result = BigDecimal(top * 10**more // bottom, preferred + more)
    while result.scale > preferred and result.unscaled % 10 == 0:
        result = BigDecimal(result.unscaled // 10, result.scale - 1)
    return result


def divide_rounded(meter: Meter, a: BigDecimal, b: BigDecimal, context: MathContext) -> BigDecimal:
    """`a.divide(b, context)`."""
    if context.precision == 0:
        return divide(meter, a, b)
    if b.unscaled == 0:
        raise _divide_by_zero(a)
    preferred = a.scale - b.scale
    if a.unscaled == 0:
        return BigDecimal(0, preferred)
    more = max(0, context.precision + 3 + b.precision - a.precision)
    bounded(meter, a.unscaled.bit_length() + 4 * more + b.unscaled.bit_length())
    scaled = a.unscaled * 10**more
    q = abs(scaled) // abs(b.unscaled)
    drop = len(str(q)) - context.precision
    result = BigDecimal(
        round_quotient(scaled if b.unscaled > 0 else -scaled, abs(b.unscaled) * 10**drop, context.rounding),
        preferred + more - drop,
    )
    if result.precision > context.precision:
        result = BigDecimal(result.unscaled // 10, result.scale - 1)
    while result.scale > preferred and result.unscaled % 10 == 0:
        result = BigDecimal(result.unscaled // 10, result.scale - 1)
    return result


def divide_whole(meter: Meter, a: BigDecimal, b: BigDecimal) -> BigDecimal:
    """`a.divideToIntegralValue(b)`."""
    if b.unscaled == 0:
        raise _divide_by_zero(a)
    preferred = a.scale - b.scale
    bounded_scales(meter, a, b)
    left, right, _ = aligned(a, b)
    q = abs(left) // abs(right)
    q = q if (left < 0) == (right < 0) else -q
    result = BigDecimal(q, 0)
    if preferred >= 0:
        return set_scale(meter, result, preferred, UNNECESSARY)
    while result.scale > preferred and result.unscaled % 10 == 0 and result.unscaled:
        result = BigDecimal(result.unscaled // 10, result.scale - 1)
    return result if result.unscaled else BigDecimal(0, preferred)


def remainder(meter: Meter, a: BigDecimal, b: BigDecimal) -> BigDecimal:
    """`a.remainder(b)`."""
    quotient = divide_whole(meter, a, b)
    return subtract(meter, a, multiply(meter, quotient, b))


def _combine(operation: Callable[[int, int], int]) -> Callable[[Meter, BigDecimal, BigDecimal], BigDecimal]:
    def run(meter: Meter, a: BigDecimal, b: BigDecimal) -> BigDecimal:
        bounded_scales(meter, a, b)
        left, right, scale = aligned(a, b)
        return BigDecimal(operation(left, right), scale)

    return run


add = _combine(int.__add__)
subtract = _combine(int.__sub__)


def multiply(meter: Meter, a: BigDecimal, b: BigDecimal) -> BigDecimal:
    bounded(meter, a.unscaled.bit_length() + b.unscaled.bit_length())
    return BigDecimal(a.unscaled * b.unscaled, a.scale + b.scale)


def power(meter: Meter, a: BigDecimal, n: int) -> BigDecimal:
    """`a.pow(n)`."""
    if not 0 <= n <= 999_999_999:
        raise thrown("ArithmeticException", "Invalid operation")
    bounded(meter, a.unscaled.bit_length() * n)
    return BigDecimal(a.unscaled**n, a.scale * n)
