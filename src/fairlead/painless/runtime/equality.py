"""Java's equals, hashCode and compareTo over script values, and the keys of maps; nothing here orders maps or prints.

Every container visited costs steps: values can be nested so that a naive walk would never end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from fairlead.java.text import double_hash, float_hash, long_hash, signed32, string_hash
from fairlead.painless.errors import Thrown, class_cast, null_pointer
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.bignum import BigDecimal
from fairlead.painless.runtime.text import class_name, entry_value, identity_hash
from fairlead.painless.runtime.values import (
    BigInteger,
    Byte,
    Char,
    Entry,
    EntryView,
    Float,
    JavaSet,
    Key,
    Long,
    Optional,
    Plain,
    Short,
    SubList,
    bare,
)

_WHOLE = frozenset({int, Long, Short, Byte, Char, BigInteger, bool})


def is_list(value: Any) -> bool:
    return isinstance(value, list | SubList)


def list_items(value: Any) -> list[Any]:
    """The items of a List: the list itself where it is one."""
    return value.load() if type(value) is SubList else value


def set_keys(value: Any) -> Any:
    """The stored keys of a Set, or the entries of an entry set."""
    return value.map.keys()


def _same_double(a: float, b: float) -> bool:
    return struct.pack("<d", a) == struct.pack("<d", b) or (a != a and b != b)


def equals(meter: Meter, a: Any, b: Any) -> bool:
    """`a.equals(b)` for a non-null a; also true for two nulls."""
    if a is b:
        return True
    kind = type(a)
    if kind is str:
        return type(b) is str and a == b
    if kind in _WHOLE:
        return type(b) is kind and bool(a == b)
    if kind is float or kind is Float:
        return type(b) is kind and _same_double(a, b)
    if a is None or b is None:
        return False
    return _equal_objects(meter, a, b)


def _equal_objects(meter: Meter, a: Any, b: Any) -> bool:
    if is_list(a):
        if not is_list(b):
            return False
        left, right = list_items(a), list_items(b)
        meter.spend(1 + min(len(left), len(right)))
        return len(left) == len(right) and all(equals(meter, x, y) for x, y in zip(left, right, strict=True))
    if isinstance(a, dict):
        if not isinstance(b, dict) or len(a) != len(b):
            return False
        meter.spend(1 + len(a))
        return all(key in b and equals(meter, value, b[key]) for key, value in a.items())
    if isinstance(a, JavaSet):
        if not isinstance(b, JavaSet) or len(a.map) != len(b.map):
            return False
        meter.spend(1 + len(a.map))
        return all(key in b.map for key in a.map)
    if type(a) is EntryView:
        return type(b) is EntryView and equals(meter, a.map, b.map)
    if type(a) is Entry:
        return (
            type(b) is Entry
            and equals(meter, a.key, b.key)
            and equals(meter, entry_value(meter, a), entry_value(meter, b))
        )
    if type(a) is BigDecimal:
        return type(b) is BigDecimal and a.unscaled == b.unscaled and a.scale == b.scale
    if type(a) is Optional:
        return type(b) is Optional and a.kind == b.kind and a.present == b.present and equals(meter, a.value, b.value)
    if isinstance(a, Plain):
        return type(a) is type(b) and a.state == b.state and type(a) in _BY_STATE
    return False


_BY_STATE: set[type] = set()


def equal_by_state(python: type) -> None:
    """Makes objects of a library class equal when their fields are."""
    _BY_STATE.add(python)


def hash_of(meter: Meter, value: Any) -> int:
    """`value.hashCode()`; null is 0."""
    kind = type(value)
    if kind is str:
        meter.spend(len(value) >> 8)
        return string_hash(value)
    if kind is int or kind is Short or kind is Byte or kind is Char:
        return int(value)
    simple = _HASHES.get(kind)
    if simple is not None:
        return simple(value)
    if value is None:
        return 0
    if is_list(value):
        items = list_items(value)
        meter.spend(1 + len(items))
        h = 1
        for item in items:
            h = (31 * h + hash_of(meter, item)) & 0xFFFFFFFF
        return signed32(h)
    if isinstance(value, dict):
        meter.spend(1 + len(value))
        return signed32(sum(hash_of(meter, bare(k)) ^ hash_of(meter, v) for k, v in value.items()))
    if isinstance(value, JavaSet):
        meter.spend(1 + len(value.map))
        return signed32(sum(hash_of(meter, bare(k)) for k in value.map))
    if kind is EntryView:
        return hash_of(meter, value.map)
    if kind is Entry:
        return hash_of(meter, value.key) ^ hash_of(meter, entry_value(meter, value))
    if kind is Optional:
        return hash_of(meter, value.value)
    if kind in _BY_STATE:
        return signed32(hash(tuple(value.state)))
    return identity_hash(value)


def _big_hash(value: int) -> int:
    size = abs(value)
    words = []
    while size:
        words.append(size & 0xFFFFFFFF)
        size >>= 32
    h = 0
    for word in reversed(words):
        h = (31 * h + word) & 0xFFFFFFFF
    return signed32(-h if value < 0 else h)


def _decimal_hash(value: BigDecimal) -> int:
    size = abs(value.unscaled)
    if size < 1 << 63:
        h = ((size >> 32) * 31 + (size & 0xFFFFFFFF)) & 0xFFFFFFFF
        return signed32(31 * signed32(-h if value.unscaled < 0 else h) + value.scale)
    return signed32(31 * _big_hash(value.unscaled) + value.scale)


_HASHES: dict[type, Callable[[Any], int]] = {
    bool: lambda v: 1231 if v else 1237,
    float: double_hash,
    Float: float_hash,
    Long: long_hash,
    BigInteger: _big_hash,
    BigDecimal: _decimal_hash,
}


def key_of(meter: Meter, value: Any) -> Any:
    """What stands for a Java value among the keys of a dict."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    return Key(value, hash_of(meter, value), lambda a, b: equals(meter, a, b))


def _utf16_key(s: str) -> str:
    return "".join(map(chr, memoryview(s.encode("utf-16-le", "surrogatepass")).cast("H")))


def compare_strings(a: str, b: str) -> int:
    """`a.compareTo(b)`: the difference of the first units that differ, else of the lengths."""
    if not (a.isascii() and b.isascii()):
        a, b = _utf16_key(a), _utf16_key(b)
    if a == b:
        return 0
    # Strings that differ early are the rule; long common prefixes are skipped by halving.
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    if low < len(a) and low < len(b):
        return ord(a[low]) - ord(b[low])
    return len(a) - len(b)


def _sign(a: Any, b: Any) -> int:
    return -1 if a < b else 1 if a > b else 0


def compare_doubles(a: float, b: float) -> int:
    """`Double.compare`: NaN above everything, -0.0 below 0.0."""
    if a < b:
        return -1
    if a > b:
        return 1
    if a == b and a != 0:
        return 0
    return _sign((a != a, str(a) == "0.0"), (b != b, str(b) == "0.0"))


def _no_cast(value: Any, target: str) -> Thrown:
    return class_cast(jvm_cast_text(class_name(value), target))


def jvm_cast_text(source: str, target: str) -> str:
    """The JVM's words for a failed checkcast."""
    return (
        f"class {source} cannot be cast to class {target} "
        f"({source} and {target} are in module java.base of loader 'bootstrap')"
    )


_COMPARABLE: dict[type, Callable[[Any, Any], int]] = {
    str: compare_strings,
    int: _sign,
    Long: _sign,
    BigInteger: _sign,
    bool: _sign,
    Short: lambda a, b: a - b,
    Byte: lambda a, b: a - b,
    Char: lambda a, b: a - b,
    float: compare_doubles,
    Float: compare_doubles,
    BigDecimal: lambda a, b: a.compare(b),
}


def make_comparable(python: type, compare: Callable[[Any, Any], int]) -> None:
    """Gives a library class its natural order."""
    _COMPARABLE[python] = compare


def compare(a: Any, b: Any) -> int:
    """`((Comparable) a).compareTo(b)`."""
    if a is None:
        raise null_pointer('Cannot invoke "java.lang.Comparable.compareTo(Object)" because "a" is null')
    apply = _COMPARABLE.get(type(a))
    if apply is None:
        raise _no_cast(a, "java.lang.Comparable")
    if type(b) is not type(a):
        if b is None:
            raise null_pointer(None)
        raise _no_cast(b, class_name(a))
    return apply(a, b)


def sort(meter: Meter, items: list[Any], order: Callable[[Any, Any], int] | None) -> list[Any]:
    """The items in order, stable; `order` is a comparator or None for the natural order."""
    meter.spend(len(items) * max(1, len(items).bit_length()) // 8)
    if order is None:
        kinds = set(map(type, items))
        if len(kinds) == 1 and kinds <= {int, Long, BigInteger, bool}:
            return sorted(items)
        if kinds == {str} and all(map(str.isascii, items)):
            return sorted(items)
        order = compare
    return sorted(items, key=cmp_to_key(order))
