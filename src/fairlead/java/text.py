"""Java's texts of numbers, its string hash and the order of its HashMap; it prints no JSON and knows no script values.

The number texts are those of Java 19 and newer (shortest digits that read back), spec 04 section 8.1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Hashable, Iterable
from operator import mul
from typing import Any, TypeVar

import orjson

K = TypeVar("K", bound=Hashable | None)

_MASK = 0xFFFFFFFF
_CHUNK = 1024
_SMALLEST_NORMAL_DOUBLE = 2.2250738585072014e-308
_SMALLEST_NORMAL_FLOAT = 1.1754943508222875e-38
_FLOAT = struct.Struct("<f")


def _powers() -> list[int]:
    powers = [1]
    for _ in range(_CHUNK):
        powers.append(powers[-1] * 31 & _MASK)
    return powers


_POWERS = _powers()
_DESCENDING = _POWERS[_CHUNK - 1 :: -1]


def _scientific(digits: str, exponent: int) -> str:
    return f"{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _plain(digits: str, exponent: int) -> str:
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    return f"{whole}.{digits[exponent + 1 :] or '0'}"


def _decimal(shown: str) -> tuple[str, int]:
    """Digits without trailing zeros and the decimal exponent of the first one, from any text Python gives a float."""
    mantissa, _, power = shown.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    exponent = len(whole) - 1 + int(power or 0)
    significant = digits.lstrip("0")
    exponent -= len(digits) - len(significant)
    return significant.rstrip("0") or "0", exponent


def double_text(x: float) -> str:
    """`Double.toString(x)`: plain between 10^-3 and 10^7, else scientific with a capital E."""
    size = -x if x < 0 else x
    if 1e-3 <= size < 1e7:
        return repr(x)
    if size == 0:
        return repr(x)
    if x != x:
        return "NaN"
    sign = "-" if x < 0 else ""
    if size == math.inf:
        return sign + "Infinity"
    shown = repr(size)
    if size < _SMALLEST_NORMAL_DOUBLE:
        # Java wants the best of the two-digit decimals where one digit would do (4.9E-324, not 5e-324).
        two = f"{size:.1e}"
        if float(two) == size:
            shown = two
    return sign + _scientific(*_decimal(shown))


def join_doubles(items: list[float], separator: str) -> str:
    """The texts of many doubles, joined; `items` holds floats only. A vector of 1536 numbers takes some 0.2 ms.

    orjson prints the same shortest digits as Java; where Java writes them differently, `double_text` does.
    """
    odd = [i for i, x in enumerate(items) if not (1e-3 <= x < 1e7 or -1e7 < x <= -1e-3)]
    if len(odd) == len(items):
        return separator.join(map(double_text, items))
    texts = orjson.dumps(items)[1:-1].decode("ascii").split(",")
    for i in odd:
        texts[i] = double_text(items[i])
    return separator.join(texts)


def to_float32(x: float) -> float:
    """The nearest single-precision value, infinities included (Java's narrowing `(float) x`)."""
    try:
        return float(_FLOAT.unpack(_FLOAT.pack(x))[0])
    except OverflowError:
        return math.copysign(math.inf, x)


def _reads_back(shown: str, size: float) -> bool:
    return to_float32(float(shown)) == size


def _next_decimal(shown: str) -> str:
    """The next decimal of the same length away from zero, in the form of `%e`."""
    mantissa, _, power = shown.partition("e")
    digits = str(int(mantissa.replace(".", "")) + 1)
    return f"{digits[0]}.{digits[1:]}e{int(power) + len(digits) - len(mantissa.replace('.', ''))}"


def float_text(x: float) -> str:
    """`Float.toString(x)` for an `x` that single precision holds exactly."""
    size = -x if x < 0 else x
    if size == 0:
        return repr(x)
    if x != x:
        return "NaN"
    sign = "-" if x < 0 else ""
    if size == math.inf:
        return sign + "Infinity"
    power_of_two = math.frexp(size)[0] == 0.5
    shown = ""
    for places in range(1 if size < _SMALLEST_NORMAL_FLOAT else 5, 9):
        shown = f"{size:.{places}e}"
        if _reads_back(shown, size):
            break
        # Below a power of two the gap is half as wide, so the decimal on the other side can be the one that reads back.
        if power_of_two and _reads_back(_next_decimal(shown), size):
            shown = _next_decimal(shown)
            break
    digits, exponent = _decimal(shown)
    return sign + (_plain(digits, exponent) if 1e-3 <= size < 1e7 else _scientific(digits, exponent))


def utf16_units(s: str) -> memoryview | bytes:
    """The UTF-16 code units of a string as integers, lone surrogates included."""
    if s.isascii():
        return s.encode("ascii")
    return memoryview(s.encode("utf-16-le", "surrogatepass")).cast("H")


def signed32(n: int) -> int:
    """The low 32 bits as Java's int."""
    return ((n + 0x80000000) & _MASK) - 0x80000000


def signed64(n: int) -> int:
    """The low 64 bits as Java's long."""
    return ((n + 0x8000000000000000) & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


def string_hash(s: str) -> int:
    """`String.hashCode()`, a signed 32-bit number over UTF-16 units."""
    units = utf16_units(s)
    length = len(units)
    h = 0
    start = 0
    if length > 64:
        whole = length - length % _CHUNK
        for start in range(0, whole, _CHUNK):
            part = units[start : start + _CHUNK]
            h = (h * _POWERS[_CHUNK] + sum(map(mul, part, _DESCENDING))) & _MASK
        start = whole
    for unit in units[start:]:
        h = (31 * h + unit) & _MASK
    return signed32(h)


def double_hash(x: float) -> int:
    """`Double.hashCode()`; every NaN is the one that Java makes canonical."""
    bits = 0x7FF8000000000000 if x != x else int.from_bytes(struct.pack("<d", x), "little")
    return signed32(bits ^ (bits >> 32))


def float_hash(x: float) -> int:
    """`Float.hashCode()` of a value that single precision holds exactly."""
    return signed32(0x7FC00000 if x != x else int.from_bytes(_FLOAT.pack(x), "little"))


def long_hash(n: int) -> int:
    """`Long.hashCode()`."""
    bits = n & 0xFFFFFFFFFFFFFFFF
    return signed32(bits ^ (bits >> 32))


def java_hash(key: Any) -> int:
    """The Java hash of a JSON-like key: null, Boolean, Integer (Long beyond 32 bits), Double or String."""
    if key is None:
        return 0
    if isinstance(key, bool):
        return 1231 if key else 1237
    if isinstance(key, str):
        return string_hash(key)
    if isinstance(key, float):
        return double_hash(key)
    if isinstance(key, int):
        return key if -0x80000000 <= key <= 0x7FFFFFFF else long_hash(key)
    raise TypeError(f"no Java hash for a key of type {type(key).__name__}")


def table_size(entries: int, start: int = 16) -> int:
    """How many buckets a HashMap has that grew to `entries` by single puts from `start` buckets."""
    size = start
    while entries > 0.75 * size:
        size *= 2
    return size


def hash_map_order(
    keys: Iterable[K], *, table: int | None = None, hash_of: Callable[[Any], int] = java_hash
) -> list[K]:
    """Keys in the order in which a Java HashMap iterates over them: by bucket, inside a bucket as they were put in.

    `keys` in order of insertion, without doubles; `table` is the number of buckets when it is known to be another
    than that of a map filled one by one.
    """
    listed = list(keys)
    mask = (table or table_size(len(listed))) - 1

    def bucket(key: K) -> int:
        h = hash_of(key) & _MASK
        return (h ^ (h >> 16)) & mask

    return sorted(listed, key=bucket)
