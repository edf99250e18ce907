"""Java's number texts, string hash and HashMap order, against their definitions and stored answers of a JVM."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlead.java.text import (
    double_hash,
    double_text,
    float_hash,
    float_text,
    hash_map_order,
    java_hash,
    join_doubles,
    long_hash,
    string_hash,
    table_size,
    to_float32,
)

MODEST = settings(max_examples=400, deadline=None)

doubles = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 2**64 - 1).map(lambda n: struct.unpack("<d", struct.pack("<Q", n))[0]).filter(math.isfinite),
    st.floats(-1, 1),
    st.integers(-1074, 1023).map(lambda n: math.ldexp(1.0, n)),
)
floats = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda n: struct.unpack("<f", struct.pack("<I", n))[0]).filter(math.isfinite),
    st.integers(-149, 127).map(lambda n: math.ldexp(1.0, n)),
    st.floats(-1, 1).map(to_float32),
)


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (1.0e-5, "1.0E-5"),
        (9.999e-4, "9.999E-4"),
        (0.001, "0.001"),
        (100.0, "100.0"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (1e21, "1.0E21"),
        (1e23, "1.0E23"),
        (2e-323, "2.0E-323"),
        (5e-324, "4.9E-324"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (2.2250738585072014e-308, "2.2250738585072014E-308"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (-1.5, "-1.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_double_prints_as_on_the_jvm(x: float, shown: str) -> None:
    assert double_text(x) == shown


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (0.1, "0.1"),
        (0.0123456789, "0.012345679"),
        (123456789.123, "1.2345679E8"),
        (0.3333333333333333, "0.33333334"),
        (2.0**-12, "2.4414062E-4"),
        (2.0**-30, "9.313226E-10"),
        (2.0**-149, "1.4E-45"),
        (2.0**-126, "1.1754944E-38"),
        (3.4028234663852886e38, "3.4028235E38"),
        (2.0**40, "1.0995116E12"),
        (16777216.0, "1.6777216E7"),
        (1.0, "1.0"),
        (9999999.0, "9999999.0"),
        (-0.0, "-0.0"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_float_prints_as_on_the_jvm(x: float, shown: str) -> None:
    assert float_text(to_float32(x)) == shown


def parts(shown: str) -> tuple[str, int]:
    """Digits and the exponent of the first of a text in either form."""
    mantissa, _, power = shown.lstrip("-").partition("E")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    exponent = len(whole) - 1 + int(power or 0)
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    return stripped.rstrip("0") or "0", exponent


def check_form(shown: str, size: float) -> None:
    """One digit before the point in scientific form, at least one behind it in both."""
    if 1e-3 <= size < 1e7:
        assert "E" not in shown
        assert shown.count(".") == 1
        assert not shown.endswith(".")
    else:
        mantissa, _, power = shown.lstrip("-").partition("E")
        assert mantissa[1] == "."
        assert mantissa[0] != "0"
        assert len(mantissa) >= 3
        assert not power.startswith("+")
        int(power)


@MODEST
@given(doubles.filter(lambda x: x != 0))
@example(2.0**-1022)
@example(9007199254740993.0)
@example(2e-44)
def test_a_double_has_the_fewest_digits_that_read_back(x: float) -> None:
    shown = double_text(x)
    check_form(shown, abs(x))
    assert float(shown) == x
    digits, exponent = parts(shown)
    if len(digits) <= 2:
        return
    # No decimal with one digit less reads back: its two neighbours of x do not.
    for step in (0, 1):
        shorter = int(digits[:-1]) + step
        assert float(f"{shorter}e{exponent - len(digits) + 2}") != abs(x)


@MODEST
@given(floats.filter(lambda x: x != 0))
def test_a_float_has_the_fewest_digits_that_read_back_and_of_these_the_nearest(x: float) -> None:
    shown = float_text(x)
    check_form(shown, abs(x))
    size = abs(x)
    assert to_float32(float(shown)) == x
    digits, exponent = parts(shown)
    unit = exponent - len(digits) + 1
    for shorter in (int(digits[:-1] or 0), int(digits[:-1] or 0) + 1):
        if len(digits) > 2:
            assert to_float32(float(f"{shorter}e{unit + 1}")) != size
    distance = abs(Fraction(int(digits)) * Fraction(10) ** unit - Fraction(size))
    for other in (int(digits) - 1, int(digits) + 1):
        candidate = f"{other}e{unit}"
        if to_float32(float(candidate)) == size and len(digits) > 1:
            assert distance <= abs(Fraction(other) * Fraction(10) ** unit - Fraction(size))


@MODEST
@given(st.lists(doubles, min_size=1, max_size=20), st.sampled_from([",", ", "]))
def test_many_doubles_print_as_each_of_them(items: list[float], separator: str) -> None:
    assert join_doubles(items, separator) == separator.join(map(double_text, items))


def test_special_doubles_print_in_a_row_too() -> None:
    assert join_doubles([math.nan, 1.0, -math.inf, 0.0, 1e-5], ", ") == "NaN, 1.0, -Infinity, 0.0, 1.0E-5"
    assert join_doubles([], ",") == ""


# Hashes: the numbers are those that a JVM prints.
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", 0),
        ("a", 97),
        ("hello", 99162322),
        ("query_text", -168156604),
        ("polygenelubricants", -2147483648),
        ("😀", 1772899),
    ],
)
def test_a_string_hashes_as_on_the_jvm(text: str, wanted: int) -> None:
    assert string_hash(text) == wanted


@MODEST
@given(st.text(max_size=40), st.integers(1, 120))
def test_a_long_string_hashes_by_the_definition(text: str, times: int) -> None:
    whole = text * times
    h = 0
    for unit in memoryview(whole.encode("utf-16-le", "surrogatepass")).cast("H"):
        h = (31 * h + unit) % 2**32
    assert string_hash(whole) % 2**32 == h
    assert -(2**31) <= string_hash(whole) < 2**31


def test_other_keys_hash_as_on_the_jvm() -> None:
    assert (java_hash(None), java_hash(True), java_hash(False), java_hash(-7)) == (0, 1231, 1237, -7)
    assert java_hash(5_000_000_000) == long_hash(5_000_000_000) == 705032705
    assert long_hash(-1) == 0
    assert (double_hash(1.5), double_hash(-0.0), double_hash(math.nan)) == (1073217536, -2147483648, 2146959360)
    assert (float_hash(1.5), float_hash(0.0)) == (1069547520, 0)
    with pytest.raises(TypeError):
        java_hash([1])


def test_a_hash_map_iterates_by_bucket() -> None:
    keys = ["query_text", "text_docs", "name", "data_type", "shape", "data"]
    assert hash_map_order(keys) == ["shape", "data", "name", "data_type", "text_docs", "query_text"]
    assert hash_map_order([-1, 100, -100, 65536, 15, 16, 31, 2147483647]) == [
        -1, 16, 2147483647, 65536, -100, 100, 15, 31,
    ]  # fmt: skip


def test_a_table_grows_at_three_quarters() -> None:
    assert [table_size(n) for n in (0, 12, 13, 24, 25, 100)] == [16, 16, 32, 32, 64, 256]


def test_keys_of_one_bucket_keep_their_order() -> None:
    assert hash_map_order([32, 16, 0, 48], table=16) == [32, 16, 0, 48]
