"""Object, CharSequence, String, StringBuilder and their kin. Indexes count UTF-16 units (spec 04 section 8.3)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from fairlead.painless.api.formatter import format_text
from fairlead.painless.errors import Thrown, illegal_argument, null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.collections import items_of
from fairlead.painless.runtime.equality import compare_strings, equals, hash_of, jvm_cast_text
from fairlead.painless.runtime.patterns import Matcher, matches, subject
from fairlead.painless.runtime.text import class_name, name_class, print_class, text
from fairlead.painless.runtime.values import Array, Buffer, Builder, Function, Plain, Stream
from fairlead.painless.types import ClassRows, Row, needed


class Locale(Plain):
    """State: the language tag. Only locales whose case rules are the root's exist."""

    __slots__ = ()


_BLANKS = "".join(map(chr, range(33)))


def seq(value: Any, name: str = "s") -> str:
    """The text of a CharSequence argument."""
    if value is None:
        raise null_pointer(f'Cannot invoke "java.lang.CharSequence.toString()" because "{name}" is null')
    if isinstance(value, Builder):
        return value.text()
    if type(value) is str:
        return value
    raise thrown("ClassCastException", jvm_cast_text(class_name(value), "java.lang.CharSequence"))


def string_of(value: Any, name: str) -> str:
    """A String argument that must not be null."""
    if value is None:
        raise null_pointer(f'Cannot invoke "String.length()" because "{name}" is null')
    return str(value)


def is_wide(s: str) -> bool:
    """Whether Python's and Java's indexes differ."""
    return not s.isascii() and max(s) > "\uffff"


def units(meter: Meter, s: str) -> str:
    """One character per UTF-16 unit."""
    meter.spend(len(s) >> 9)
    if s.isascii():
        return s
    return meter.units(s) if max(s) > "\uffff" else s


def rejoin(meter: Meter, original: str, part: str) -> str:
    """A part of `units(original)` as a string; halves of pairs may stay alone."""
    if part.isascii() or not is_wide(original):
        return meter.made(part)
    meter.split_pairs()
    return meter.made(part)


def out_of_range(begin: int, end: int, size: int) -> Thrown:
    return thrown("StringIndexOutOfBoundsException", f"Range [{begin}, {end}) out of bounds for length {size}")


def bad_index(index: int, size: int) -> Thrown:
    return thrown("StringIndexOutOfBoundsException", f"Index {index} out of bounds for length {size}")


def length(meter: Meter, value: Any) -> int:
    return len(units(meter, seq(value)))


def char_at(meter: Meter, value: Any, index: int) -> int:
    s = units(meter, seq(value))
    if not 0 <= index < len(s):
        raise bad_index(index, len(s))
    code = ord(s[index])
    if 0xD800 <= code <= 0xDFFF:
        meter.split_pairs()
    return code


def substring(meter: Meter, value: Any, begin: int, end: int | None = None) -> str:
    original = seq(value)
    s = units(meter, original)
    stop = len(s) if end is None else end
    if not 0 <= begin <= stop <= len(s):
        raise out_of_range(begin, stop, len(s))
    return rejoin(meter, original, s[begin:stop])


def index_of(meter: Meter, value: Any, sought: Any, start: int = 0) -> int:
    s, part = units(meter, seq(value)), units(meter, string_of(sought, "str"))
    return s.find(part, min(max(start, 0), len(s)))


def last_index_of(meter: Meter, value: Any, sought: Any, start: int | None = None) -> int:
    s, part = units(meter, seq(value)), units(meter, string_of(sought, "str"))
    if start is None:
        return s.rfind(part)
    return s.rfind(part, 0, start + len(part)) if start >= 0 else -1


def replace(meter: Meter, s: str, old: Any, new: Any) -> str:
    """Literal replacement; its size is known before it is made."""
    sought, given = seq(old, "target"), seq(new, "replacement")
    if not s.isascii() and meter.half:
        sought = meter.made(sought)
    count = s.count(sought)
    if not count:
        return s
    growth = len(given) - len(sought)
    size = len(s) + count * growth
    meter.take_chars(size)
    return s.replace(sought, given)


def starts_with(meter: Meter, s: str, prefix: Any, offset: int = 0) -> bool:
    whole, part = units(meter, s), units(meter, string_of(prefix, "prefix"))
    return 0 <= offset <= len(whole) and whole.startswith(part, offset)


def concat(meter: Meter, s: str, other: Any) -> str:
    if other is None:
        raise null_pointer('Cannot invoke "String.isEmpty()" because "str" is null')
    return meter.made(s + other)


def fold(s: str) -> str:
    """For equalsIgnoreCase: character by character, upper case then lower."""
    folded = []
    for c in s:
        upper = c.upper()
        up = upper if len(upper) == 1 else c
        lower = up.lower()
        folded.append(lower if len(lower) == 1 else up)
    return "".join(folded)


def equals_ignore_case(meter: Meter, s: str, other: Any) -> bool:
    meter.spend(len(s) >> 4)
    return other is not None and len(s) == len(other) and (s == other or fold(s) == fold(other))


def compare_ignore_case(meter: Meter, s: str, other: Any) -> int:
    meter.spend(len(s) >> 4)
    return compare_strings(fold(s), fold(string_of(other, "s2")))


def code_point_at(meter: Meter, value: Any, index: int) -> int:
    original = seq(value)
    s = units(meter, original)
    if not 0 <= index < len(s):
        raise bad_index(index, len(s))
    high = ord(s[index])
    if 0xD800 <= high < 0xDC00 and index + 1 < len(s) and 0xDC00 <= ord(s[index + 1]) < 0xE000:
        return 0x10000 + ((high - 0xD800) << 10) + ord(s[index + 1]) - 0xDC00
    return high


def to_chars(meter: Meter, s: str) -> Array:
    codes = [ord(c) for c in units(meter, s)]
    meter.take_elements(len(codes))
    if is_wide(s):
        meter.split_pairs()
    return Array(needed("char[]"), codes)


def from_chars(meter: Meter, array: Any) -> str:
    """Java's `new String(char[])`."""
    codes = array.items
    meter.take_chars(len(codes))
    made = "".join(map(chr, codes))
    return made.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def stream_of_chars(meter: Meter, value: Any) -> Stream:
    s = units(meter, seq(value))
    meter.take_elements(len(s))
    return Stream("IntStream", map(ord, s))


def stream_of_points(meter: Meter, value: Any) -> Stream:
    s = seq(value)
    meter.take_elements(len(s))
    return Stream("IntStream", map(ord, s))


def join(meter: Meter, separator: Any, parts: Any) -> str:
    glue = seq(separator, "delimiter")
    texts = []
    for part in items_of(meter, parts):
        if part is None:
            texts.append("null")
        elif type(part) is str or isinstance(part, Builder):
            texts.append(seq(part))
        else:
            raise thrown("ClassCastException", jvm_cast_text(class_name(part), "java.lang.CharSequence"))
    meter.take_chars(len(glue) * len(texts))
    return meter.made(glue.join(texts))


def split_on_token(meter: Meter, s: str, token: Any, limit: int = -1) -> Array:
    """Literal split that keeps trailing empty strings; a limit below 1 is none."""
    if token is None or token == "":
        raise illegal_argument("Token cannot be null or empty")
    parts = s.split(token, limit - 1) if limit > 0 else s.split(token)
    meter.take_elements(len(parts))
    meter.take_chars(len(s))
    return Array(needed("String[]"), parts)


def encode_base64(meter: Meter, s: str) -> str:
    return meter.made(base64.b64encode(s.encode("utf-8", "replace")).decode("ascii"))


def decode_base64(meter: Meter, s: str) -> str:
    return meter.made(decode_bytes(s).decode("utf-8", "replace"))


def decode_bytes(s: str, alternate: bytes | None = None) -> bytes:
    """Base64 to bytes as Java's decoder takes it: padding may be left out, nothing else may be in it."""
    table = "A-Za-z0-9" + (r"\-_" if alternate else "+/")
    found = re.search(f"[^{table}]", s.rstrip("="))
    if found is not None:
        raise illegal_argument(f"Illegal base64 character {ord(found.group()):x}")
    body = s.rstrip("=")
    if len(body) % 4 == 1:
        raise illegal_argument("Last unit does not have enough valid bits")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), altchars=alternate)
    except (binascii.Error, ValueError) as error:
        raise illegal_argument("Input byte array has incorrect ending byte") from error


def _replace_matches(meter: Meter, value: Any, pattern: Any, function: Function, count: int) -> str:
    s = subject(meter, value)
    parts = []
    place = 0
    found = matches(meter, Matcher(pattern, s))
    for match in found[:count] if count else found:
        parts.append(s[place : match.found.start()])
        parts.append(text(meter, function.call(match)))
        place = match.found.end()
    parts.append(s[place:])
    meter.take_chars(sum(map(len, parts)))
    return "".join(parts)


def _region(meter: Meter, s: str, offset: int, other: Any, start: int, size: int, ignore: bool) -> bool:
    left, right = units(meter, s), units(meter, string_of(other, "other"))
    if min(offset, start) < 0 or offset + size > len(left) or start + size > len(right):
        return False
    a, b = left[offset : offset + size], right[start : start + size]
    return fold(a) == fold(b) if ignore else a == b


# StringBuilder ----------------------------------------------------------------------------------------------------------


def append(meter: Meter, builder: Builder, value: Any) -> Builder:
    shown = value if type(value) is str else text(meter, value)
    builder.parts.append(shown)
    meter.chars -= len(shown)
    if meter.chars < 0:
        builder.parts[-1] = meter.settle(shown)
        builder.parts = [joined_pairs(builder.text())]
    return builder


def joined_pairs(s: str) -> str:
    if s.isascii():
        return s
    return s.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _edit(change: Callable[..., str]) -> Callable[..., Builder]:
    """A change of a builder's units, given its units."""

    def run(meter: Meter, builder: Builder, *values: Any) -> Builder:
        before = units(meter, builder.text())
        after = change(meter, before, *values)
        meter.take_chars(len(after) - min(len(before), len(after)) + (len(after) >> 6))
        builder.parts = [joined_pairs(after)]
        return builder

    return run


def _insert(meter: Meter, s: str, index: int, value: Any) -> str:
    if not 0 <= index <= len(s):
        raise thrown("StringIndexOutOfBoundsException", f"offset {index}, length {len(s)}")
    return s[:index] + units(meter, text(meter, value)) + s[index:]


def _delete(meter: Meter, s: str, start: int, end: int) -> str:
    end = min(end, len(s))
    if not 0 <= start <= end:
        raise out_of_range(start, end, len(s))
    return s[:start] + s[end:]


def _delete_char(meter: Meter, s: str, index: int) -> str:
    if not 0 <= index < len(s):
        raise bad_index(index, len(s))
    return s[:index] + s[index + 1 :]


def _replace_range(meter: Meter, s: str, start: int, end: int, value: Any) -> str:
    end = min(end, len(s))
    if not 0 <= start <= end:
        raise out_of_range(start, end, len(s))
    return s[:start] + units(meter, string_of(value, "str")) + s[end:]


def _set_char(meter: Meter, s: str, index: int, code: int) -> str:
    if not 0 <= index < len(s):
        raise bad_index(index, len(s))
    return s[:index] + chr(code) + s[index + 1 :]


def _set_length(meter: Meter, s: str, size: int) -> str:
    if size < 0:
        raise bad_index(size, len(s))
    meter.take_chars(max(0, size - len(s)))
    return s[:size].ljust(size, "\0")


def _reverse(meter: Meter, s: str) -> str:
    # Pairs keep their order, which reversing whole characters gives.
    return units(meter, joined_pairs(s)[::-1])


def _append_range(meter: Meter, builder: Builder, value: Any, start: int, end: int) -> Builder:
    s = units(meter, seq(value))
    if not 0 <= start <= end <= len(s):
        raise thrown("IndexOutOfBoundsException", f"Range [{start}, {end}) out of bounds for length {len(s)}")
    return append(meter, builder, s[start:end])


def _append_point(meter: Meter, builder: Builder, point: int) -> Builder:
    if not 0 <= point <= 0x10FFFF:
        raise illegal_argument(f"Not a valid Unicode code point: 0x{point & 0xFFFFFFFF:X}")
    return append(meter, builder, chr(point))


def _void(change: Callable[..., Any]) -> Callable[..., None]:
    def run(*values: Any) -> None:
        change(*values)

    return run


def _builder(kind: type[Builder], name: str) -> tuple[Row, ...]:
    return (
        Row(f"{name} new()", lambda m: kind()),
        Row(f"{name} new(CharSequence)", lambda m, s: kind(m.made(seq(s, "seq")))),
    )


def _builder_rows(name: str) -> tuple[Row, ...]:
    return (
        Row(f"{name} append(def)", append),
        Row(f"{name} append(CharSequence,int,int)", _append_range),
        Row(f"{name} appendCodePoint(int)", _append_point),
        Row("int capacity()", lambda m, b: max(16, len(b.text()))),
        Row("int codePointAt(int)", code_point_at),
        Row("int codePointCount(int,int)", lambda m, b, i, j: len(substring(m, b, i, j))),
        Row(f"{name} delete(int,int)", _edit(_delete)),
        Row(f"{name} deleteCharAt(int)", _edit(_delete_char)),
        Row("int indexOf(String)", index_of),
        Row("int indexOf(String,int)", index_of),
        Row(f"{name} insert(int,def)", _edit(_insert)),
        Row("int lastIndexOf(String)", last_index_of),
        Row("int lastIndexOf(String,int)", last_index_of),
        Row(f"{name} replace(int,int,String)", _edit(_replace_range)),
        Row(f"{name} reverse()", _edit(_reverse)),
        Row("void setCharAt(int,char)", _void(_edit(_set_char))),
        Row("void setLength(int)", _void(_edit(_set_length))),
        Row("String substring(int)", substring),
        Row("String substring(int,int)", substring),
    )


_CHAR_SEQUENCE = (
    Row("char charAt(int)", char_at),
    Row("IntStream chars()", stream_of_chars),
    Row("IntStream codePoints()", stream_of_points),
    Row("int length()", length),
    Row("CharSequence subSequence(int,int)", substring),
    Row("String toString()", lambda m, s: seq(s)),
    Row("String replaceAll(Pattern,Function)", lambda m, s, p, f: _replace_matches(m, s, p, f, 0)),
    Row("String replaceFirst(Pattern,Function)", lambda m, s, p, f: _replace_matches(m, s, p, f, 1)),
)

_STRING = (
    Row("int codePointAt(int)", code_point_at),
    Row("int codePointBefore(int)", lambda m, s, i: code_point_at(m, s, i - 1)),
    Row("int codePointCount(int,int)", lambda m, s, i, j: len(substring(m, s, i, j))),
    Row("int compareTo(String)", lambda m, s, o: compare_strings(s, string_of(o, "anotherString"))),
    Row("int compareToIgnoreCase(String)", compare_ignore_case),
    Row("String concat(String)", concat),
    Row("boolean contains(CharSequence)", lambda m, s, o: seq(o) in s),
    Row("boolean contentEquals(CharSequence)", lambda m, s, o: s == seq(o, "cs")),
    Row("String copyValueOf(char[])", from_chars, static=True),
    Row("boolean endsWith(String)", lambda m, s, o: s.endswith(string_of(o, "suffix"))),
    Row("boolean equalsIgnoreCase(String)", equals_ignore_case),
    Row("String format(String,def[])", lambda m, f, a: format_text(m, f, a.items), static=True),
    Row("String format(Locale,String,def[])", lambda m, _, f, a: format_text(m, f, a.items), static=True),
    Row("int indexOf(String)", index_of),
    Row("int indexOf(String,int)", index_of),
    Row("boolean isEmpty()", lambda m, s: not s),
    Row("String join(CharSequence,Iterable)", join, static=True),
    Row("int lastIndexOf(String)", last_index_of),
    Row("int lastIndexOf(String,int)", last_index_of),
    Row("boolean regionMatches(int,String,int,int)", lambda m, s, i, o, j, n: _region(m, s, i, o, j, n, False)),
    Row("boolean regionMatches(boolean,int,String,int,int)", lambda m, s, c, i, o, j, n: _region(m, s, i, o, j, n, c)),
    Row("String replace(CharSequence,CharSequence)", replace),
    Row("boolean startsWith(String)", starts_with),
    Row("boolean startsWith(String,int)", starts_with),
    Row("String substring(int)", substring),
    Row("String substring(int,int)", substring),
    Row("char[] toCharArray()", to_chars),
    Row("String toLowerCase()", lambda m, s: m.made(s.lower())),
    Row("String toLowerCase(Locale)", lambda m, s, _: m.made(s.lower())),
    Row("String toUpperCase()", lambda m, s: m.made(s.upper())),
    Row("String toUpperCase(Locale)", lambda m, s, _: m.made(s.upper())),
    Row("String trim()", lambda m, s: m.made(s.strip(_BLANKS))),
    Row("String valueOf(def)", text, static=True),
    Row("String[] splitOnToken(String)", split_on_token),
    Row("String[] splitOnToken(String,int)", split_on_token),
    Row("String encodeBase64()", encode_base64),
    Row("String decodeBase64()", decode_base64),
)

TABLES = (
    ClassRows(
        "java.lang.Object",
        (),
        (
            Row("boolean equals(def)", equals),
            Row("int hashCode()", hash_of),
            Row("String toString()", text),
        ),
    ),
    ClassRows("java.lang.Comparable", (), (), python=()),
    ClassRows("java.lang.CharSequence", (), _CHAR_SEQUENCE),
    ClassRows(
        "java.lang.String",
        ("java.lang.CharSequence", "java.lang.Comparable"),
        _STRING,
        (Row("String new()", lambda m: ""),),
        (
            (
                "Comparator",
                "CASE_INSENSITIVE_ORDER",
                Function("Comparator", lambda a, b: compare_strings(fold(a), fold(b))),
            ),
        ),
        python=(str,),
    ),
    ClassRows(
        "java.lang.StringBuilder",
        ("java.lang.CharSequence", "java.lang.Comparable"),
        _builder_rows("StringBuilder"),
        _builder(Builder, "StringBuilder"),
        python=(Builder,),
    ),
    ClassRows(
        "java.lang.StringBuffer",
        ("java.lang.CharSequence", "java.lang.Comparable"),
        _builder_rows("StringBuffer"),
        _builder(Buffer, "StringBuffer"),
        python=(Buffer,),
    ),
    ClassRows(
        "java.util.Locale",
        (),
        (),
        (),
        (("Locale", "ROOT", Locale("")), ("Locale", "ENGLISH", Locale("en"))),
        tier=2,
        python=(Locale,),
    ),
)

name_class(Locale, "java.util.Locale")
print_class(Locale, lambda m, locale: str(locale.state[0]))
