"""JSON as gson writes it and as RFC 8259 reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.java.json import JsonFault, compact, first_value, is_json, strict_loads
from fairlead.java.text import double_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, True, False, {}], "b": []}, '{"a":[1,null,true,false,{}],"b":[]}'),
        ("<>&'=/é😀\x7f", '"<>&\'=/é😀\x7f"'),
        ('"\\\b\f\n\r\t\x00\x1f', '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f"'),
        ("\u2028\u2029", '"\\u2028\\u2029"'),
        ({"\u2028": 1e7}, '{"\\u2028":1.0E7}'),
        (2.0, "2.0"),
        (0.0001, "1.0E-4"),
        ([10000000.0, 0.1], "[1.0E7,0.1]"),
        (-0.0, "-0.0"),
        (2**63 - 1, "9223372036854775807"),
        (2**64, "18446744073709551616"),
        ([-(2**63) - 1], "[-9223372036854775809]"),
        ("\ud800", '"\\ud800"'),
        ({"k": "\ud800x", "f": 1e300}, '{"k":"\\ud800x","f":1.0E300}'),
        ([[], [[]], {"a": {"b": [1e9]}}], '[[],[[]],{"a":{"b":[1.0E9]}}]'),
    ],
)
def test_a_value_is_written_as_gson_writes_it(value: object, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {1: 2}, {"a": {2: 1e9}}, object(), b"x"])
def test_what_json_has_no_form_for_is_a_fault(value: object) -> None:
    with pytest.raises(JsonFault):
        compact(value)


def test_a_number_too_long_to_print_is_a_fault() -> None:
    with pytest.raises(JsonFault, match="too long"):
        compact([10**5000])


def nested(depth: int) -> Any:
    value: Any = 1e9
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


def test_depth_is_bounded_when_writing() -> None:
    assert json.loads(compact(nested(300))) == nested(300)
    assert compact(nested(1000)).count("[") == 500
    with pytest.raises(JsonFault, match="deeper than 1000"):
        compact(nested(1001))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4), max_leaves=12
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_what_is_written_reads_back_exactly(value: object) -> None:
    text = compact(value)
    assert repr(json.loads(text)) == repr(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    if "\\ud" not in text:
        assert repr(strict_loads(text)) == repr(value)


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_javas_text_on_both_ways(number: float) -> None:
    assert compact(number) == double_text(number)
    assert compact([number, 2**70]) == f"[{double_text(number)},{2**70}]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a" : [1, 2.5, -0, "x\\u0041\\ud83d\\ude00"] }\n', {"a": [1, 2.5, 0, "xA😀"]}),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ('{"a":":","b":"x:y"}', {"a": ":", "b": "x:y"}),
        ('{"\\u003a":1,"\\u003A ":2}', {":": 1, ": ": 2}),
        (b'"\xc3\xa9"', "é"),
        ("1e-400", 0.0),
    ],
)
def test_strict_json_is_read(text: str | bytes, value: object) -> None:
    assert repr(strict_loads(text)) == repr(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":1,"a":1}', "repeated key 'a'"),
        ('{"x":{"a":{},"b":2,"a":[]}}', "repeated key 'a'"),
        ('[{"a":":","a":1}]', "repeated key 'a'"),
        ('{"\\u003a":1,"\\u003a":2}', "repeated key ':'"),
        ('{"a":"\\u003a","b":1,"b":2}', "repeated key 'b'"),
        ("[NaN]", "invalid character"),
        ("Infinity", "invalid character"),
        ("1e999", "out of range"),
        ("9" * 4301, "out of range"),
        ("[1,]", "trailing comma"),
        ("{'a':1}", ""),
        ("01", "invalid number"),
        ("[1] x", "trailing characters"),
        ("", ""),
        ('"\x01"', "invalid character"),
        ('"\\ud800"', ""),
        ('"\ud800"', "surrogate"),
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b"\xef\xbb\xbf1", ""),
        ("[" * 1001 + "]" * 1001, "deeper than 1000"),
        ("[" * 100_000, "deeper than 1000"),
        ('{"a":' * 1001 + "1" + "}" * 1001, "deeper than 1000"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str | bytes, reason: str) -> None:
    with pytest.raises(JsonFault) as raised:
        strict_loads(text)
    assert reason in raised.value.reason
    assert raised.value.reason
    assert not is_json(text)


def test_depth_is_counted_without_what_stands_in_strings() -> None:
    assert strict_loads('["' + "[" * 2000 + '"]') == ["[" * 2000]
    assert strict_loads('["\\"' + "{[" * 2000 + '"]') == ['"' + "{[" * 2000]
    assert len(strict_loads("[" + ",".join(["[]"] * 3000) + "]")) == 3000
    assert strict_loads("[" * 900 + "]" * 900)


def has_repeats(text: str) -> bool:
    def pairs(members: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(members)) != len(members):
            raise KeyError
        return dict(members)

    try:
        json.loads(text, object_pairs_hook=pairs)
    except KeyError:
        return True
    return False


def written(value: Any) -> str:
    """JSON text of a value in which objects are lists of pairs, so that keys may repeat."""
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(k).replace(':', chr(92) + 'u003a')}:{written(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


KEYS = st.sampled_from(["a", "b", ":", "a:", '"'])
PAIRS = st.recursive(
    st.sampled_from(["", ":", "::", '"', 1, None]),
    lambda v: st.lists(v, max_size=3) | st.lists(st.tuples(KEYS, v), max_size=4).map(tuple),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(PAIRS)
def test_a_repeated_key_is_found_wherever_it_hides(value: object) -> None:
    text = written(value)
    if has_repeats(text):
        with pytest.raises(JsonFault, match="repeated key"):
            strict_loads(text)
    else:
        assert strict_loads(text) == json.loads(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:0123.eE-+ \\untrfalse\n', max_size=16) | st.binary(max_size=8))
def test_any_text_is_read_or_a_fault(text: str | bytes) -> None:
    try:
        value = strict_loads(text)
    except JsonFault:
        assert not is_json(text)
    else:
        assert is_json(text) is isinstance(value, (dict, list))
    if isinstance(text, str):
        try:
            _, end = first_value(text)
        except JsonFault:
            return
        assert 0 < end <= len(text)


@pytest.mark.parametrize(
    ("text", "value", "end"),
    [
        (' {"a":1,"a":2} rest', {"a": 2}, 14),
        ("[1]]", [1], 3),
        ("5 x", 5, 1),
        ('"a"b', "a", 3),
        ("-1.5e2,", -150.0, 6),
    ],
)
def test_the_first_value_is_read_and_the_rest_left(text: str, value: object, end: int) -> None:
    assert first_value(text) == (value, end)
    assert first_value("###" + text, 3) == (value, end + 3)


@pytest.mark.parametrize("levels", [1001, 5_000, 200_000])
def test_a_first_value_is_no_deeper_than_a_whole_text_may_be(levels: int) -> None:
    with pytest.raises(JsonFault, match="nested deeper than 1000 levels"):
        first_value("[" * levels + "]" * levels + " and more")


@pytest.mark.parametrize("text", ["", " ", "x", "[1", "NaN", "[-Infinity]", "1e999", "[" * 100_000, "{'a':1}"])
def test_a_first_value_that_is_none_is_a_fault(text: str) -> None:
    with pytest.raises(JsonFault):
        first_value(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("{}", True),
        (" \n[1]", True),
        (b"[]", True),
        ("5", False),
        ('"a"', False),
        ("", False),
        ("[abc]", False),
        ("{a:1}", False),
        ('{"a":1,"a":1}', False),
        ("[] x", False),
        ("\x0c[]", False),
    ],
)
def test_is_json_means_a_strict_object_or_array(text: str | bytes, answer: bool) -> None:
    assert is_json(text) is answer
