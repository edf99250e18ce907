"""BigDecimal, BigInteger, MathContext and RoundingMode. Sizes are bounded before anything is computed. Spec 04 section 15."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fairlead.java.text import double_text
from fairlead.painless.api.parsing import in_radix, parse_whole
from fairlead.painless.errors import null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import bignum as b
from fairlead.painless.runtime.bignum import BigDecimal, MathContext
from fairlead.painless.runtime.equality import equal_by_state, make_comparable
from fairlead.painless.runtime.text import name_class, print_class
from fairlead.painless.runtime.values import BigInteger, Plain
from fairlead.painless.types import ClassRows, Row


class Enum(Plain):
    """A constant of an enum: class, name, ordinal."""

    __slots__ = ()


class RoundingMode(Enum):
    __slots__ = ()


def needed_value(value: Any) -> Any:
    if value is None:
        raise null_pointer(None)
    return value


def _two(run: Callable[[Meter, BigDecimal, BigDecimal], BigDecimal]) -> Callable[..., BigDecimal]:
    """An operation on two decimals, with or without a context to round to."""

    def apply(m: Meter, x: BigDecimal, y: Any, context: MathContext | None = None) -> BigDecimal:
        found = run(m, x, needed_value(y))
        return found if context is None else b.rounded(m, found, context)

    return apply


def _one(run: Callable[[Meter, BigDecimal], BigDecimal]) -> Callable[..., BigDecimal]:
    def apply(m: Meter, x: BigDecimal, context: MathContext | None = None) -> BigDecimal:
        found = run(m, x)
        return found if context is None else b.rounded(m, found, context)

    return apply


def _new_decimal(m: Meter, text: Any, context: MathContext | None = None) -> BigDecimal:
    found = b.parse_decimal(m, needed_value(text))
    return found if context is None else b.rounded(m, found, context)


def _of_double(m: Meter, x: float) -> BigDecimal:
    if not math.isfinite(x):
        raise thrown(
            "NumberFormatException",
            'Character I is neither a decimal digit number, decimal point, nor "e" notation exponential mark.',
        )
    return b.parse_decimal(m, double_text(x))


def _divide_in(m: Meter, x: BigDecimal, y: Any, context: Any) -> BigDecimal:
    return b.divide_rounded(m, x, needed_value(y), needed_value(context))


def _exact(bits: int) -> Callable[[Meter, BigDecimal], int]:
    def run(m: Meter, x: BigDecimal) -> int:
        whole = x.to_integer()
        if BigDecimal(whole, 0).compare(x) != 0:
            raise thrown("ArithmeticException", "Rounding necessary")
        if not -(1 << (bits - 1)) <= whole < 1 << (bits - 1):
            raise thrown("ArithmeticException", "Overflow")
        return whole

    return run


def _to_integer(m: Meter, x: BigDecimal) -> BigInteger:
    if x.scale < 0:
        b.bounded(m, x.unscaled.bit_length() - 4 * x.scale)
    return BigInteger(x.to_integer())


def _to_integer_exact(m: Meter, x: BigDecimal) -> BigInteger:
    whole = _to_integer(m, x)
    if BigDecimal(whole, 0).compare(x) != 0:
        raise thrown("ArithmeticException", "Rounding necessary")
    return whole


def _scaled(m: Meter, x: BigDecimal, scale: int, mode: Any = None) -> BigDecimal:
    return b.set_scale(m, x, scale, b.UNNECESSARY if mode is None else _mode(mode))


def _mode(mode: Any) -> int:
    if type(mode) is RoundingMode:
        return int(mode.state[1])
    raise null_pointer(None)


_D = "BigDecimal"

_DECIMAL = (
    Row(f"{_D} abs()", _one(lambda m, x: BigDecimal(abs(x.unscaled), x.scale))),
    Row(f"{_D} abs(MathContext)", _one(lambda m, x: BigDecimal(abs(x.unscaled), x.scale))),
    Row(f"{_D} add({_D})", _two(b.add)),
    Row(f"{_D} add({_D},MathContext)", _two(b.add)),
    Row("byte byteValueExact()", _exact(8)),
    Row(f"int compareTo({_D})", lambda m, x, y: x.compare(needed_value(y))),
    Row(f"{_D} divide({_D})", _two(b.divide)),
    Row(f"{_D} divide({_D},MathContext)", _divide_in),
    Row(f"{_D} divideToIntegralValue({_D})", _two(b.divide_whole)),
    Row(f"{_D} divideToIntegralValue({_D},MathContext)", _two(b.divide_whole)),
    Row("int intValueExact()", _exact(32)),
    Row("long longValueExact()", _exact(64)),
    Row(f"{_D} max({_D})", lambda m, x, y: x if x.compare(needed_value(y)) >= 0 else y),
    Row(f"{_D} min({_D})", lambda m, x, y: x if x.compare(needed_value(y)) <= 0 else y),
    Row(f"{_D} movePointLeft(int)", lambda m, x, n: _moved(m, x, n)),
    Row(f"{_D} movePointRight(int)", lambda m, x, n: _moved(m, x, -n)),
    Row(f"{_D} multiply({_D})", _two(b.multiply)),
    Row(f"{_D} multiply({_D},MathContext)", _two(b.multiply)),
    Row(f"{_D} negate()", _one(lambda m, x: BigDecimal(-x.unscaled, x.scale))),
    Row(f"{_D} negate(MathContext)", _one(lambda m, x: BigDecimal(-x.unscaled, x.scale))),
    Row(f"{_D} plus()", _one(lambda m, x: x)),
    Row(f"{_D} plus(MathContext)", _one(lambda m, x: x)),
    Row(f"{_D} pow(int)", b.power),
    Row(f"{_D} pow(int,MathContext)", lambda m, x, n, c: b.rounded(m, b.power(m, x, n), needed_value(c))),
    Row("int precision()", lambda m, x: x.precision),
    Row(f"{_D} remainder({_D})", _two(b.remainder)),
    Row(f"{_D} remainder({_D},MathContext)", _two(b.remainder)),
    Row(f"{_D} round(MathContext)", lambda m, x, c: b.rounded(m, x, needed_value(c))),
    Row("int scale()", lambda m, x: x.scale),
    Row(f"{_D} scaleByPowerOfTen(int)", lambda m, x, n: BigDecimal(x.unscaled, x.scale - n)),
    Row(f"{_D} setScale(int)", _scaled),
    Row(f"{_D} setScale(int,RoundingMode)", _scaled),
    Row("short shortValueExact()", _exact(16)),
    Row("int signum()", lambda m, x: (x.unscaled > 0) - (x.unscaled < 0)),
    Row(f"{_D} stripTrailingZeros()", lambda m, x: x.stripped()),
    Row(f"{_D} subtract({_D})", _two(b.subtract)),
    Row(f"{_D} subtract({_D},MathContext)", _two(b.subtract)),
    Row("BigInteger toBigInteger()", _to_integer),
    Row("BigInteger toBigIntegerExact()", _to_integer_exact),
    Row("String toEngineeringString()", lambda m, x: m.made(x.engineering())),
    Row("String toPlainString()", lambda m, x: x.plain(m)),
    Row(f"{_D} ulp()", lambda m, x: BigDecimal(1, x.scale)),
    Row(f"{_D} valueOf(double)", _of_double, static=True),
)


def _moved(m: Meter, x: BigDecimal, n: int) -> BigDecimal:
    moved = BigDecimal(x.unscaled, x.scale + n)
    return b.set_scale(m, moved, 0, b.UNNECESSARY) if moved.scale < 0 else moved


# BigInteger -------------------------------------------------------------------------------------------------------------


def _checked(run: Callable[..., int], cost: Callable[..., int]) -> Callable[..., BigInteger]:
    """An operation whose result may be large; `cost` gives its bits before it is computed."""

    def apply(m: Meter, *values: Any) -> BigInteger:
        for value in values:
            needed_value(value)
        b.bounded(m, cost(*values))
        return BigInteger(run(*values))

    return apply


def _longest(*values: int) -> int:
    return max(value.bit_length() for value in values) + 1


def _quotient(x: int, y: int) -> int:
    if y == 0:
        raise thrown("ArithmeticException", "BigInteger divide by zero")
    q = abs(x) // abs(y)
    return q if (x < 0) == (y < 0) else -q


def _rest(x: int, y: int) -> int:
    return int(x) - int(y) * _quotient(x, y)


def _modulo(x: int, y: int) -> int:
    if y <= 0:
        raise thrown("ArithmeticException", "BigInteger: modulus not positive")
    return int(x) % int(y)


def _power(x: int, n: int) -> int:
    if n < 0:
        raise thrown("ArithmeticException", "Negative exponent")
    result: int = int(x) ** n
    return result


def _power_bits(x: int, n: int) -> int:
    return x.bit_length() * n if n > 0 else 1


def _mod_power(m: Meter, x: Any, e: Any, n: Any) -> BigInteger:
    if n <= 0:
        raise thrown("ArithmeticException", "BigInteger: modulus not positive")
    b.bounded(m, _longest(x, e, n))
    m.spend(e.bit_length())
    try:
        return BigInteger(pow(int(x), int(e), int(n)))
    except ValueError:
        raise thrown("ArithmeticException", "BigInteger not invertible.") from None


def _with_bit(x: int, n: int) -> int:
    return int(x) | 1 << n if n >= 0 else _negative_bit()


def _shift_bits(x: int, n: int) -> int:
    return x.bit_length() + max(0, n)


def _shifted(x: int, n: int) -> int:
    return int(x) << n if n >= 0 else int(x) >> -n


def _new_integer(m: Meter, text: Any, radix: int = 10) -> BigInteger:
    s = needed_value(text)
    if not s:
        raise thrown("NumberFormatException", "Zero length BigInteger")
    b.bounded(m, len(s) * max(4, radix.bit_length()))
    if radix == 10 and s.lstrip("+-").isascii() and s.lstrip("+-").isdigit() and s[1:].isdigit() | (len(s) == 1):
        return BigInteger(int(s))
    if len(s) > 60:
        raise thrown("NumberFormatException", f'For input string: "{s}"')
    return BigInteger(parse_whole(s, radix, -(1 << 400), 1 << 400))


def _exact_int(bits: int) -> Callable[[Meter, int], int]:
    name = {8: "byte", 16: "short", 32: "int", 64: "long"}[bits]

    def run(m: Meter, x: int) -> int:
        if not -(1 << (bits - 1)) <= x < 1 << (bits - 1):
            raise thrown("ArithmeticException", f"BigInteger out of {name} range")
        return int(x)

    return run


_I = "BigInteger"
_PAIRS: dict[str, tuple[Callable[[int, int], int], Callable[..., int]]] = {
    "add": (lambda x, y: int(x) + int(y), _longest),
    "and": (lambda x, y: int(x) & int(y), _longest),
    "andNot": (lambda x, y: int(x) & ~int(y), _longest),
    "divide": (_quotient, _longest),
    "gcd": (math.gcd, _longest),
    "max": (max, _longest),
    "min": (min, _longest),
    "mod": (_modulo, _longest),
    "multiply": (lambda x, y: int(x) * int(y), lambda x, y: x.bit_length() + y.bit_length()),
    "or": (lambda x, y: int(x) | int(y), _longest),
    "remainder": (_rest, _longest),
    "subtract": (lambda x, y: int(x) - int(y), _longest),
    "xor": (lambda x, y: int(x) ^ int(y), _longest),
}

_INTEGER = (
    *(Row(f"{_I} {name}({_I})", _checked(run, cost)) for name, (run, cost) in _PAIRS.items()),
    Row(f"{_I} abs()", lambda m, x: BigInteger(abs(int(x)))),
    Row("int bitCount()", lambda m, x: int(x if x >= 0 else ~x).bit_count()),
    Row("int bitLength()", lambda m, x: int(x if x >= 0 else ~x).bit_length()),
    Row("byte byteValueExact()", _exact_int(8)),
    Row(f"int compareTo({_I})", lambda m, x, y: (x > needed_value(y)) - (x < y)),
    Row("int getLowestSetBit()", lambda m, x: (x & -x).bit_length() - 1),
    Row("int intValueExact()", _exact_int(32)),
    Row("long longValueExact()", _exact_int(64)),
    Row(f"{_I} modPow({_I},{_I})", _mod_power),
    Row(f"{_I} modInverse({_I})", lambda m, x, n: _mod_power(m, x, -1, n)),
    Row(f"{_I} negate()", lambda m, x: BigInteger(-int(x))),
    Row(f"{_I} not()", lambda m, x: BigInteger(~int(x))),
    Row(f"{_I} pow(int)", _checked(_power, _power_bits)),
    Row(f"{_I} setBit(int)", _checked(_with_bit, lambda x, n: max(x.bit_length(), n + 1))),
    Row(f"{_I} shiftLeft(int)", _checked(_shifted, _shift_bits)),
    Row(f"{_I} shiftRight(int)", _checked(lambda x, n: _shifted(x, -n), lambda x, n: _shift_bits(x, -n))),
    Row("short shortValueExact()", _exact_int(16)),
    Row("int signum()", lambda m, x: (x > 0) - (x < 0)),
    Row("boolean testBit(int)", lambda m, x, n: bool(x >> min(n, 1 << 20) & 1) if n >= 0 else _negative_bit()),
    Row("String toString(int)", lambda m, x, r: m.made(in_radix(int(x), r))),
    Row(f"{_I} valueOf(long)", lambda m, x: BigInteger(x), static=True),
)


def _negative_bit() -> Any:
    raise thrown("ArithmeticException", "Negative bit address")


# MathContext and RoundingMode -------------------------------------------------------------------------------------------

MODES = tuple(RoundingMode(name, number) for number, name in enumerate(b.ROUNDING_NAMES))
_CONTEXTS = (
    ("DECIMAL32", 7, b.HALF_EVEN),
    ("DECIMAL64", 16, b.HALF_EVEN),
    ("DECIMAL128", 34, b.HALF_EVEN),
    ("UNLIMITED", 0, b.HALF_UP),
)


def _context(m: Meter, precision: int, mode: Any = None) -> MathContext:
    if precision < 0:
        raise thrown("IllegalArgumentException", "Digits < 0")
    return MathContext(precision, b.HALF_UP if mode is None else _mode(mode))


def _named_mode(m: Meter, name: Any) -> RoundingMode:
    if name in b.ROUNDING_NAMES:
        return MODES[b.ROUNDING_NAMES.index(name)]
    raise thrown("IllegalArgumentException", f"No enum constant java.math.RoundingMode.{name}")


_M = "java.math."

TABLES = (
    ClassRows(
        _M + "BigDecimal",
        ("java.lang.Number", "java.lang.Comparable"),
        _DECIMAL,
        (Row("BigDecimal new(String)", _new_decimal), Row("BigDecimal new(String,MathContext)", _new_decimal)),
        (
            ("BigDecimal", "ONE", BigDecimal(1, 0)),
            ("BigDecimal", "TEN", BigDecimal(10, 0)),
            ("BigDecimal", "ZERO", BigDecimal(0, 0)),
        ),
        python=(BigDecimal,),
    ),
    ClassRows(
        _M + "BigInteger",
        ("java.lang.Number", "java.lang.Comparable"),
        _INTEGER,
        (Row("BigInteger new(String)", _new_integer), Row("BigInteger new(String,int)", _new_integer)),
        (
            ("BigInteger", "ONE", BigInteger(1)),
            ("BigInteger", "TEN", BigInteger(10)),
            ("BigInteger", "ZERO", BigInteger(0)),
        ),
        tier=2,
        python=(BigInteger,),
    ),
    ClassRows(
        _M + "MathContext",
        (),
        (
            Row("int getPrecision()", lambda m, c: c.precision),
            Row("RoundingMode getRoundingMode()", lambda m, c: MODES[c.rounding]),
        ),
        (Row("MathContext new(int)", _context), Row("MathContext new(int,RoundingMode)", _context)),
        tuple(("MathContext", name, MathContext(precision, mode)) for name, precision, mode in _CONTEXTS),
        tier=2,
        python=(MathContext,),
    ),
    ClassRows(
        _M + "RoundingMode",
        ("java.lang.Comparable",),
        (
            Row("int ordinal()", lambda m, r: r.state[1]),
            Row("String name()", lambda m, r: r.state[0]),
            Row("RoundingMode valueOf(String)", _named_mode, static=True),
        ),
        (),
        tuple(("RoundingMode", mode.state[0], mode) for mode in MODES),
        tier=2,
        python=(RoundingMode,),
    ),
)

name_class(RoundingMode, "java.math.RoundingMode")
print_class(RoundingMode, lambda m, r: str(r.state[0]))
equal_by_state(RoundingMode)
make_comparable(RoundingMode, lambda x, y: x.state[1] - y.state[1])
