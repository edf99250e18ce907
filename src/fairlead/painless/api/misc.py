"""Objects, Optional, StringJoiner, StringTokenizer, UUID, Random, Base64, System and Debug. Spec 04 section 15, tier 2."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from collections.abc import Callable
from typing import Any

from fairlead.java.text import signed32, signed64
from fairlead.painless.api.strings import decode_bytes, seq
from fairlead.painless.errors import null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.convert import boxer
from fairlead.painless.runtime.equality import equal_by_state, equals, hash_of, make_comparable
from fairlead.painless.runtime.text import class_name, name_class, print_class, text
from fairlead.painless.runtime.values import Array, Function, Optional, Plain
from fairlead.painless.types import DOUBLE, INT, LONG, ClassRows, Row, needed

_U = "java.util."


# Objects ----------------------------------------------------------------------------------------------------------------


def _required(m: Meter, value: Any, message: Any = None) -> Any:
    if value is None:
        raise null_pointer(message)
    return value


_OBJECTS = tuple(
    Row(signature, run, static=True)
    for signature, run in (
        ("int compare(def,def,Comparator)", lambda m, a, b, order: 0 if a is b else order.call(a, b)),
        ("boolean deepEquals(Object,Object)", lambda m, a, b: equals(m, a, b)),
        ("boolean equals(Object,Object)", lambda m, a, b: equals(m, a, b)),
        ("int hash(def[])", lambda m, array: hash_of(m, list(array.items))),
        ("int hashCode(Object)", hash_of),
        ("boolean isNull(Object)", lambda m, a: a is None),
        ("boolean nonNull(Object)", lambda m, a: a is not None),
        ("def requireNonNull(def)", _required),
        ("def requireNonNull(def,String)", _required),
        ("String toString(Object)", text),
        ("String toString(Object,String)", lambda m, a, default: default if a is None else text(m, a)),
    )
)


# Optional ---------------------------------------------------------------------------------------------------------------


def _value(m: Meter, o: Optional) -> Any:
    if not o.present:
        raise thrown("NoSuchElementException", "No value present")
    return o.value


def _or_throw(m: Meter, o: Optional, make: Function) -> Any:
    if not o.present:
        raise make.call()
    return o.value


def _if_present(m: Meter, o: Optional, function: Function) -> None:
    if o.present:
        function.call(o.value)


def _mapped(m: Meter, o: Optional, function: Function) -> Optional:
    found = function.call(o.value) if o.present else None
    return Optional("Optional", found is not None, found)


def _optional_of(m: Meter, value: Any) -> Optional:
    return Optional("Optional", True, _required(m, value))


_OPTIONAL = (
    Row("Optional empty()", lambda m: Optional("Optional", False), static=True),
    Row("Optional of(def)", _optional_of, static=True),
    Row("Optional ofNullable(def)", lambda m, v: Optional("Optional", v is not None, v), static=True),
    Row(
        "Optional filter(Predicate)",
        lambda m, o, t: o if not o.present or t.call(o.value) else Optional("Optional", False),
    ),
    Row("Optional flatMap(Function)", lambda m, o, f: f.call(o.value) if o.present else o),
    Row("def get()", _value),
    Row("void ifPresent(Consumer)", _if_present),
    Row("boolean isPresent()", lambda m, o: o.present),
    Row("Optional map(Function)", _mapped),
    Row("def orElse(def)", lambda m, o, v: o.value if o.present else v),
    Row("def orElseGet(Supplier)", lambda m, o, f: o.value if o.present else f.call()),
    Row("def orElseThrow(Supplier)", _or_throw),
)


def _primitive_optional(prefix: str, number: str) -> ClassRows:
    kind = f"Optional{prefix}"
    make = boxer({"Int": INT, "Long": LONG, "Double": DOUBLE}[prefix])
    return ClassRows(
        _U + kind,
        (),
        (
            Row(f"{kind} empty()", lambda m: Optional(kind, False), static=True),
            Row(f"{kind} of({number})", lambda m, v: Optional(kind, True, v if make is None else make(v)), static=True),
            Row(f"{number} getAs{prefix}()", _value),
            Row(f"void ifPresent({prefix}Consumer)", _if_present),
            Row("boolean isPresent()", lambda m, o: o.present),
            Row(f"{number} orElse({number})", lambda m, o, v: o.value if o.present else v),
            Row(f"{number} orElseGet({prefix}Supplier)", lambda m, o, f: o.value if o.present else f.call()),
            Row(f"{number} orElseThrow(Supplier)", _or_throw),
        ),
        tier=2,
    )


# StringJoiner and StringTokenizer ---------------------------------------------------------------------------------------


class StringJoiner(Plain):
    """State: separator, prefix, suffix, parts, what an empty one shows."""

    __slots__ = ()


def _joined(m: Meter, j: StringJoiner) -> str:
    separator, before, after, parts, empty = j.state
    if not parts and empty is not None:
        return str(empty)
    m.take_chars(len(separator) * len(parts))
    return m.made(before + separator.join(parts) + after)


def _join_add(m: Meter, j: StringJoiner, value: Any) -> StringJoiner:
    m.take_elements(1)
    j.state[3].append(text(m, value))
    return j


def _join_merge(m: Meter, j: StringJoiner, other: Any) -> StringJoiner:
    if other.state[3]:
        j.state[3].append(m.made(other.state[0].join(other.state[3])))
    return j


def _set_empty(m: Meter, j: StringJoiner, value: Any) -> StringJoiner:
    j.state[4] = seq(value, "emptyValue")
    return j


_JOINER = (
    Row("StringJoiner add(CharSequence)", _join_add),
    Row("int length()", lambda m, j: len(_joined(m, j))),
    Row("StringJoiner merge(StringJoiner)", _join_merge),
    Row("StringJoiner setEmptyValue(CharSequence)", _set_empty),
    Row("String toString()", _joined),
)


class StringTokenizer(Plain):
    """State: the tokens that are left."""

    __slots__ = ()


def _tokens(m: Meter, s: Any, separators: Any = " \t\n\r\f", keep: bool = False) -> StringTokenizer:
    whole = seq(s, "str")
    m.spend(len(whole) >> 4)
    found = []
    current = ""
    start = 0
    for place, char in enumerate(whole):
        if char in separators:
            if place > start:
                found.append(whole[start:place])
            if keep:
                found.append(char)
            start = place + 1
    current = whole[start:]
    if current:
        found.append(current)
    m.take_elements(len(found))
    return StringTokenizer(found)


def _next_token(m: Meter, t: StringTokenizer) -> Any:
    if not t.state[0]:
        raise thrown("NoSuchElementException", None)
    return t.state[0].pop(0)


_TOKENIZER = (
    Row("int countTokens()", lambda m, t: len(t.state[0])),
    Row("boolean hasMoreElements()", lambda m, t: bool(t.state[0])),
    Row("boolean hasMoreTokens()", lambda m, t: bool(t.state[0])),
    Row("def nextElement()", _next_token),
    Row("String nextToken()", _next_token),
)


# UUID -------------------------------------------------------------------------------------------------------------------


class JavaUUID(Plain):
    """State: the 128 bits as one number."""

    __slots__ = ()


def _from_name(m: Meter, value: Any) -> JavaUUID:
    digest = bytearray(hashlib.md5(bytes(b & 0xFF for b in value.items), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | 0x30
    digest[8] = digest[8] & 0x3F | 0x80
    return JavaUUID(int.from_bytes(digest, "big"))


def _from_text(m: Meter, value: Any) -> JavaUUID:
    parts = seq(value).split("-")
    sizes = (8, 4, 4, 4, 12)
    good = len(parts) == 5 and all(0 < len(p) <= 16 and set(p) <= set("0123456789abcdefABCDEF") for p in parts)
    if not good:
        raise thrown("IllegalArgumentException", f"Invalid UUID string: {seq(value)}")
    bits = 0
    for part, size in zip(parts, sizes, strict=True):
        bits = bits << (4 * size) | int(part, 16) & ((1 << (4 * size)) - 1)
    return JavaUUID(bits)


_UUID = (
    Row("UUID fromString(String)", _from_text, static=True),
    Row("UUID nameUUIDFromBytes(byte[])", _from_name, static=True),
    Row("int compareTo(UUID)", lambda m, u, o: _uuid_order(u, _required(m, o))),
    Row("long getLeastSignificantBits()", lambda m, u: signed64(u.state[0])),
    Row("long getMostSignificantBits()", lambda m, u: signed64(u.state[0] >> 64)),
    Row("int variant()", lambda m, u: uuid_variant(u.state[0])),
    Row("int version()", lambda m, u: u.state[0] >> 76 & 0xF),
)


def uuid_variant(bits: int) -> int:
    top = bits >> 61 & 7
    return 0 if top < 4 else 2 if top < 6 else top


def _uuid_order(a: Any, b: Any) -> int:
    x = (signed64(a.state[0] >> 64), signed64(a.state[0]))
    y = (signed64(b.state[0] >> 64), signed64(b.state[0]))
    return -1 if x < y else 1 if x > y else 0


# Random -----------------------------------------------------------------------------------------------------------------


class JavaRandom(Plain):
    """Java's generator: state is its 48-bit seed and the waiting Gaussian."""

    __slots__ = ()


_MULTIPLIER = 0x5DEECE66D
_MASK48 = (1 << 48) - 1


def _random(m: Meter, seed: int | None = None) -> JavaRandom:
    start = time.monotonic_ns() if seed is None else seed
    return JavaRandom((start ^ _MULTIPLIER) & _MASK48)


def _bits(r: JavaRandom, bits: int) -> int:
    r.state[0] = (r.state[0] * _MULTIPLIER + 0xB) & _MASK48
    return signed32(r.state[0] >> (48 - bits))


def _next_int(m: Meter, r: JavaRandom, bound: int | None = None) -> int:
    if bound is None:
        return _bits(r, 32)
    if bound <= 0:
        raise thrown("IllegalArgumentException", "bound must be positive")
    drawn = _bits(r, 31)
    if bound & (bound - 1) == 0:
        return bound * drawn >> 31
    while drawn - drawn % bound + bound - 1 > 0x7FFFFFFF:
        m.spend(1)
        drawn = _bits(r, 31)
    return drawn % bound


def _next_double(m: Meter, r: JavaRandom) -> float:
    return float(((_bits(r, 26) << 27) + _bits(r, 27)) * 2.0**-53)


_RANDOM = (
    Row("boolean nextBoolean()", lambda m, r: _bits(r, 1) != 0),
    Row("double nextDouble()", _next_double),
    Row("float nextFloat()", lambda m, r: _bits(r, 24) / float(1 << 24)),
    Row("int nextInt()", _next_int),
    Row("int nextInt(int)", _next_int),
    Row("long nextLong()", lambda m, r: signed64((_bits(r, 32) << 32) + _bits(r, 32))),
    Row("void setSeed(long)", lambda m, r, seed: r.state.__setitem__(0, (seed ^ _MULTIPLIER) & _MASK48)),
)


# Base64 -----------------------------------------------------------------------------------------------------------------


class Coder(Plain):
    """State: alternative characters, padding, whether lines are broken (MIME)."""

    __slots__ = ()


class Decoder(Coder):
    __slots__ = ()


def _encode(m: Meter, coder: Coder, value: Any) -> str:
    alternate, padding, mime = coder.state
    shown = base64.b64encode(bytes(b & 0xFF for b in value.items), alternate).decode("ascii")
    if not padding:
        shown = shown.rstrip("=")
    if mime:
        shown = "\r\n".join(shown[i : i + 76] for i in range(0, len(shown), 76))
    return m.made(shown)


def _bytes(m: Meter, raw: bytes) -> Array:
    m.take_elements(len(raw))
    return Array(needed("byte[]"), [b - 256 if b > 127 else b for b in raw])


def _decode(m: Meter, coder: Decoder, value: Any) -> Array:
    alternate, _, mime = coder.state
    given = seq(value, "src")
    if mime:
        given = "".join(c for c in given if c.isascii() and (c.isalnum() or c in "+/"))
    return _bytes(m, decode_bytes(given, alternate))


def _coder(kind: type[Coder], alternate: bytes | None, mime: bool) -> Callable[[Meter], Coder]:
    return lambda m: kind(alternate, True, mime)


_ENCODER, _DECODER = "Base64.Encoder", "Base64.Decoder"

_BASE64 = tuple(
    Row(f"{result} get{prefix}{result[7:]}()", _coder(kind, alternate, mime), static=True)
    for result, kind in ((_ENCODER, Coder), (_DECODER, Decoder))
    for prefix, alternate, mime in (("", None, False), ("Url", b"-_", False), ("Mime", None, True))
)


# System -----------------------------------------------------------------------------------------------------------------


def _array_copy(m: Meter, source: Any, start: int, target: Any, place: int, count: int) -> None:
    _required(m, source)
    _required(m, target)
    for end, value in (("source", source), ("destination", target)):
        if type(value) is not Array:
            raise thrown("ArrayStoreException", f"arraycopy: {end} type {class_name(value)} is not an array")
    if source.kind is not target.kind:
        raise thrown(
            "ArrayStoreException",
            f"arraycopy: type mismatch: can not copy {class_name(source)} into {class_name(target)}",
        )
    ends = min(start, place, count) < 0 or start + count > len(source.items) or place + count > len(target.items)
    if ends:
        raise thrown("ArrayIndexOutOfBoundsException", f"arraycopy: last source index {start + count} out of bounds")
    target.items[place : place + count] = source.items[start : start + count]


def _explain(m: Meter, value: Any) -> None:
    raise thrown("PainlessExplainError", None)


TABLES = (
    ClassRows(_U + "Objects", (), _OBJECTS, tier=2),
    ClassRows(_U + "Optional", (), _OPTIONAL, tier=2),
    _primitive_optional("Int", "int"),
    _primitive_optional("Long", "long"),
    _primitive_optional("Double", "double"),
    ClassRows(
        _U + "StringJoiner",
        (),
        _JOINER,
        (
            Row("StringJoiner new(CharSequence)", lambda m, s: StringJoiner(seq(s), "", "", [], None)),
            Row(
                "StringJoiner new(CharSequence,CharSequence,CharSequence)",
                lambda m, s, a, b: StringJoiner(seq(s), seq(a), seq(b), [], None),
            ),
        ),
        tier=2,
        python=(StringJoiner,),
    ),
    ClassRows(
        _U + "StringTokenizer",
        (),
        _TOKENIZER,
        (
            Row("StringTokenizer new(String)", _tokens),
            Row("StringTokenizer new(String,String)", _tokens),
            Row("StringTokenizer new(String,String,boolean)", _tokens),
        ),
        tier=2,
        python=(StringTokenizer,),
    ),
    ClassRows(_U + "UUID", ("java.lang.Comparable",), _UUID, tier=2, python=(JavaUUID,)),
    ClassRows(
        _U + "Random",
        (),
        _RANDOM,
        (Row("Random new()", _random), Row("Random new(long)", _random)),
        tier=2,
        python=(JavaRandom,),
    ),
    ClassRows(_U + "Base64", (), _BASE64, tier=2),
    ClassRows(
        _U + "Base64.Encoder",
        (),
        (
            Row("String encodeToString(byte[])", _encode),
            Row(f"{_ENCODER} withoutPadding()", lambda m, e: Coder(e.state[0], False, e.state[2])),
        ),
        tier=2,
        python=(Coder,),
    ),
    ClassRows(_U + "Base64.Decoder", (), (Row("byte[] decode(String)", _decode),), tier=2, python=(Decoder,)),
    ClassRows(
        "java.lang.System",
        (),
        (
            Row("void arraycopy(Object,int,Object,int,int)", _array_copy, static=True),
            Row("long currentTimeMillis()", lambda m: time.time_ns() // 1_000_000, static=True),
            Row("long nanoTime()", lambda m: time.monotonic_ns(), static=True),
        ),
        tier=2,
    ),
    ClassRows("org.opensearch.painless.api.Debug", (), (Row("void explain(Object)", _explain, static=True),), tier=2),
)

for _python, _java in (
    (StringJoiner, "StringJoiner"),
    (StringTokenizer, "StringTokenizer"),
    (JavaUUID, "UUID"),
    (JavaRandom, "Random"),
    (Coder, "Base64$Encoder"),
    (Decoder, "Base64$Decoder"),
):
    name_class(_python, _U + _java)

print_class(StringJoiner, _joined)
print_class(JavaUUID, lambda m, u: str(uuid.UUID(int=u.state[0])))
equal_by_state(JavaUUID)
make_comparable(JavaUUID, _uuid_order)
