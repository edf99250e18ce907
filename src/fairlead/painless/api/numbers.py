"""Number classes, Boolean, Character and Math: parsing, printing in a radix, comparing. Spec 04 sections 13.2 and 15."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
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
from fairlead.painless.api.characters import CHARACTER
from fairlead.painless.api.maths import MATH, real_max
from fairlead.painless.api.parsing import in_radix, needs_number, parse_real, parse_whole
from fairlead.painless.errors import thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import arithmetic as a
from fairlead.painless.runtime.convert import narrowing
from fairlead.painless.runtime.equality import compare_doubles
from fairlead.painless.runtime.values import Byte, Char, Float, Long, Short
from fairlead.painless.types import BYTE, DOUBLE, FLOAT, INT, LONG, SHORT, ClassRows, Row, Type

_NUMBER = "java.lang.Number"
_COMPARABLE = "java.lang.Comparable"


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
        CHARACTER,
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
    ClassRows("java.lang.Math", (), MATH, (), (("double", "E", math.e), ("double", "PI", math.pi)), tier=2),
)
