"""Java's arithmetic: wrapping integers, IEEE floats, and operators whose operand types are known only at run time.

Spec 04 sections 7.1 to 7.6. Functions named `def_*` take Java values (boxes); the others take unboxed primitives.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from fairlead.java.text import signed32, signed64, to_float32
from fairlead.painless.errors import Thrown, class_cast, null_pointer, thrown
from fairlead.painless.runtime.bignum import BigDecimal
from fairlead.painless.runtime.equality import equals
from fairlead.painless.runtime.text import class_name
from fairlead.painless.runtime.values import BigInteger, Byte, Char, Float, Long, Short

INT_MIN, INT_MAX = -0x80000000, 0x7FFFFFFF
LONG_MIN, LONG_MAX = -0x8000000000000000, 0x7FFFFFFFFFFFFFFF

# Ranks of Java values for promotion (spec 7.1): big numbers count as the other side's type, at least int.
_INT, _LONG, _FLOAT, _DOUBLE = 0, 1, 2, 3
_RANK: dict[type, int] = {
    int: _INT,
    Byte: _INT,
    Short: _INT,
    Char: _INT,
    BigInteger: _INT,
    BigDecimal: _INT,
    Long: _LONG,
    Float: _FLOAT,
    float: _DOUBLE,
}


def div_zero() -> Thrown:
    return thrown("ArithmeticException", "/ by zero")


def to_long(x: float) -> int:
    """Double to long: toward zero, saturating, NaN is 0."""
    if x != x:
        return 0
    if x >= 9.223372036854775807e18:
        return LONG_MAX
    if x <= -9.223372036854775808e18:
        return LONG_MIN
    return int(x)


def to_int(x: float) -> int:
    """Double to int: toward zero, saturating, NaN is 0."""
    if -2147483648 <= x <= 2147483647:
        return int(x)
    if x != x:
        return 0
    return INT_MAX if x > 0 else INT_MIN


def int_div(a: int, b: int) -> int:
    if b == 0:
        raise div_zero()
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def int_rem(a: int, b: int) -> int:
    if b == 0:
        raise div_zero()
    r = abs(a) % abs(b)
    return -r if a < 0 else r


def float_div(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or a != a or b != b:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def float_rem(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return math.nan


_OPERATION: dict[str, tuple[Callable[[int, int], int], Callable[[float, float], float]]] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
    "/": (int_div, float_div),
    "%": (int_rem, float_rem),
}
_BITS: dict[str, Callable[[int, int], int]] = {"&": operator.and_, "^": operator.xor, "|": operator.or_}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WRAP: tuple[Callable[[Any], Any], ...] = (signed32, signed64, to_float32, float)
_BOX: tuple[Callable[[Any], Any], ...] = (int, Long, Float, float)


def shift(op: str, a: int, count: int, long: bool) -> int:
    """`<<`, `>>`, `>>>` on an int or a long."""
    bits = 64 if long else 32
    count &= bits - 1
    wrap = signed64 if long else signed32
    if op == "<<":
        return wrap(a << count)
    if op == ">>":
        return a >> count
    return wrap((a & ((1 << bits) - 1)) >> count)


def static_operation(op: str, rank: int) -> Callable[[Any, Any], Any]:
    """An arithmetic operator on two unboxed operands of one promoted type; `rank` 0 int, 1 long, 2 float, 3 double."""
    whole, real = _OPERATION[op]
    if rank >= _FLOAT:
        if rank == _DOUBLE:
            return real
        return lambda a, b: to_float32(real(a, b))
    wrap = _WRAP[rank]
    return lambda a, b: wrap(whole(a, b))


def static_bits(op: str) -> Callable[[Any, Any], Any]:
    return _BITS[op]


def static_compare(op: str) -> Callable[[Any, Any], bool]:
    return _COMPARE[op]


def number_as(value: Any, rank: int) -> Any:
    """A numeric Java value as the unboxed type of a rank."""
    if type(value) is BigDecimal:
        if rank >= _FLOAT:
            return value.to_double() if rank == _DOUBLE else to_float32(value.to_double())
        return signed64(value.to_integer()) if rank == _LONG else signed32(value.to_integer())
    if rank >= _FLOAT:
        try:
            return float(value) if rank == _DOUBLE else to_float32(float(value))
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if type(value) is BigInteger:
        return signed64(value) if rank == _LONG else signed32(value)
    return int(value)


def _ranks(op: str, a: Any, b: Any) -> int:
    """The promoted rank of two values, or the failure of a def operator."""
    if a is None:
        raise null_pointer('Cannot invoke "Object.getClass()" because "left" is null')
    if b is None:
        raise null_pointer('Cannot invoke "Object.getClass()" because "right" is null')
    left, right = _RANK.get(type(a)), _RANK.get(type(b))
    if left is None or right is None:
        raise class_cast(f"Cannot apply [{op}] operation to types [{class_name(a)}] and [{class_name(b)}].")
    return max(right, left)


def def_arithmetic(op: str) -> Callable[[Any, Any], Any]:
    """`- * / %` on two Java values; `+` has `def_add`."""
    whole, real = _OPERATION[op]

    def run(a: Any, b: Any) -> Any:
        if type(a) is float and type(b) is float:
            return real(a, b)
        rank = _ranks(op, a, b)
        a, b = number_as(a, rank), number_as(b, rank)
        return _BOX[rank](_WRAP[rank](whole(a, b) if rank < _FLOAT else real(a, b)))

    return run


def def_add(a: Any, b: Any) -> Any:
    """`+` on two Java values none of which is a string."""
    if type(a) is int and type(b) is int:
        r = a + b
        return r if INT_MIN <= r <= INT_MAX else signed32(r)
    if type(a) is float and type(b) is float:
        return a + b
    rank = _ranks("+", a, b)
    return _BOX[rank](_WRAP[rank](number_as(a, rank) + number_as(b, rank)))


def def_bits(op: str) -> Callable[[Any, Any], Any]:
    """`& ^ |` on two Java values: integers, or two Booleans."""
    apply = _BITS[op]

    def run(a: Any, b: Any) -> Any:
        if type(a) is bool and type(b) is bool:
            return bool(apply(a, b))
        rank = _ranks(op, a, b)
        if rank >= _FLOAT:
            # The original's text for & names float also where the operand is a double [V].
            shown = "float" if rank == _FLOAT or op == "&" else "double"
            raise class_cast(f"Cannot apply [{op}] operation to type [{shown}]")
        return _BOX[rank](apply(number_as(a, rank), number_as(b, rank)))

    return run


def def_shift(op: str) -> Callable[[Any, Any], Any]:
    """`<< >> >>>` on two Java values: the left side is promoted alone."""

    def run(a: Any, b: Any) -> Any:
        if a is None or b is None:
            _ranks(op, a, b)
        left, right = _RANK.get(type(a)), _RANK.get(type(b))
        if left is None or right is None:
            raise class_cast(f"Cannot apply [{op}] operation to types [{class_name(a)}] and [{class_name(b)}].")
        for rank in (left, right):
            if rank >= _FLOAT:
                raise class_cast(f"Cannot apply [{op}] operation to type [{'float' if rank == _FLOAT else 'double'}]")
        return _BOX[left](shift(op, number_as(a, left), number_as(b, right), left == _LONG))

    return run


def def_compare(op: str) -> Callable[[Any, Any], bool]:
    """`< <= > >=` on two Java values."""
    apply = _COMPARE[op]

    def run(a: Any, b: Any) -> bool:
        if type(a) is type(b) and (type(a) is int or type(a) is float):
            return apply(a, b)
        rank = _ranks(op, a, b)
        return apply(number_as(a, rank), number_as(b, rank))

    return run


def def_equal(meter: Any, a: Any, b: Any) -> bool:
    """`==` with a def operand: numbers across types, everything else by equals."""
    kind, other = type(a), type(b)
    if kind is str and other is str:
        return bool(a == b)
    if a is None or b is None:
        return a is b
    left, right = _RANK.get(kind), _RANK.get(other)
    if left is not None and right is not None:
        big = kind in _BIG or other in _BIG
        if big and kind is other:
            return equals(meter, a, b)
        rank = max(right, left)
        return bool(number_as(a, rank) == number_as(b, rank))
    return equals(meter, a, b)


_BIG = (BigInteger, BigDecimal)


def def_negate(a: Any) -> Any:
    rank = _unary("-", a)
    return _BOX[rank](_WRAP[rank](-number_as(a, rank)))


def def_plus(a: Any) -> Any:
    rank = _unary("+", a)
    return _BOX[rank](number_as(a, rank))


def def_not(a: Any) -> Any:
    rank = _unary("~", a)
    if rank >= _FLOAT:
        raise class_cast(f"Cannot apply not [~] to type [{'float' if rank == _FLOAT else 'double'}]")
    return _BOX[rank](~number_as(a, rank))


_UNARY_TEXT = {
    "-": "Cannot apply [-] operation to type [{}].",
    "+": "Cannot apply [+] operation to type [{}].",
    "~": "Cannot apply not [~] to type [{}]",
}


def _unary(op: str, a: Any) -> int:
    if a is None:
        raise null_pointer('Cannot invoke "Object.getClass()" because "args[0]" is null')
    rank = _RANK.get(type(a))
    if rank is None or type(a) in _BIG:
        raise class_cast(_UNARY_TEXT[op].format(class_name(a)))
    return rank


def step_like(value: Any, result: Any) -> Any:
    """The result of a compound assignment as the type of the left value (spec 7.6)."""
    kind = type(value)
    if kind is type(result) or kind not in _RANK or type(result) not in _RANK:
        return result
    if kind in _BIG:
        raise class_cast(f"Cannot cast {class_name(result)} to {class_name(value)}")
    return narrow_box(result, kind)


def narrow_box(value: Any, kind: type) -> Any:
    """A numeric Java value as the box class `kind`, by Java's narrowing."""
    if kind is float:
        return number_as(value, _DOUBLE)
    if kind is Float:
        return Float(number_as(value, _FLOAT))
    if kind is Long:
        return Long(to_long(value) if isinstance(value, float) else number_as(value, _LONG))
    whole = to_int(value) if isinstance(value, float) else signed32(number_as(value, _LONG))
    return _SMALL[kind](whole)


def _byte(n: int) -> Byte:
    return Byte(((n + 0x80) & 0xFF) - 0x80)


def _short(n: int) -> Short:
    return Short(((n + 0x8000) & 0xFFFF) - 0x8000)


def _char(n: int) -> Char:
    return Char(n & 0xFFFF)


_SMALL: dict[type, Callable[[int], int]] = {int: int, Byte: _byte, Short: _short, Char: _char}
