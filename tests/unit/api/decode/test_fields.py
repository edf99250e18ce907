"""Single fields of a body: the coercions of spec/01 1.2, 1.3 and 1.7 with their error texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode import fields as read
from fairlead.domain.dataset import JsonText
from fairlead.errors import FairleadError, IllegalArgument, TokenMismatch
from fairlead.java.jackson import Node, parse
from fairlead.java.json import strict_loads

TABLE = json.loads((Path(__file__).parents[1] / "cases" / "coercion.json").read_text("utf-8"))
LOCATION = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: {}]"


def node(text: str) -> Node:
    found = parse(f'{{"v":{text}}}'.encode()).get("v")
    assert found is not None
    return found


@pytest.mark.parametrize("case", TABLE["parameters"], ids=lambda case: case["json"])
def test_a_parameter_becomes_the_text(case: dict[str, Any]) -> None:
    assert read.parameter_texts(parse(f'{{"odd ${{key}}":{case["json"]}}}'.encode())) == {"odd ${key}": case["text"]}
    value = read.flatten(strict_loads(case["json"]))
    assert value == case["text"]
    assert isinstance(value, JsonText) is not case["json"].startswith('"')
    assert type(value) in (str, JsonText)


def test_null_is_the_word_in_a_connector_and_stays_null_in_a_request() -> None:
    assert read.parameter_texts(parse(b'{"n":null}')) == {"n": "null"}
    assert read.flatten(None) is None


@pytest.mark.parametrize("case", TABLE["refused"], ids=lambda case: case["json"])
def test_a_number_beyond_a_double_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(IllegalArgument) as caught:
        read.parameter_texts(parse(f'{{"v":{case["json"]}}}'.encode()))
    assert (caught.value.reason, caught.value.status) == (case["reason"], 400)


READERS: list[tuple[str, Callable[[Node], Any]]] = [
    ("texts", read.text), ("booleans", read.boolean), ("integers", read.integer), ("longs", read.long),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "case"),
    [(reader, case) for table, reader in READERS for case in TABLE[table]],
    ids=lambda value: value["json"] if isinstance(value, dict) else value.__name__,
)
def test_a_field_is_read_as(reader: Callable[[Node], Any], case: dict[str, Any]) -> None:
    if "value" in case:
        value = reader(node(case["json"]))
        assert value == case["value"]
        assert type(value) is type(case["value"])
        return
    with pytest.raises(FairleadError) as caught:
        reader(node(case["json"]))
    reason = case["reason"] + (LOCATION.format(case["at"]) if "at" in case else "")
    assert (caught.value.type, caught.value.reason, caught.value.status) == (case["type"], reason, 400)


def test_a_list_of_texts_takes_scalars_and_no_other_kind() -> None:
    assert read.texts(node('["a",1,true]')) == ("a", "1", "true")
    with pytest.raises(FairleadError) as caught:
        read.texts(node("[null]"))
    assert caught.value.reason == "Can't get text on a VALUE_NULL at 1:7"
    for other in ('"a"', "null", "{}"):
        with pytest.raises(TokenMismatch):
            read.texts(node(other))


@pytest.mark.parametrize("reader", [read.flat_texts, read.parameter_texts])
def test_a_map_reads_texts_and_null_as_empty_and_refuses_arrays(reader: Callable[[Node], dict[str, str]]) -> None:
    assert [reader(node(text)) for text in ('"text"', "null", "5", "{}")] == [{}] * 4
    with pytest.raises(TokenMismatch) as caught:
        reader(node("[1]"))
    wanted = "Failed to parse object: expecting token of type [START_OBJECT] but found [START_ARRAY]"
    assert (caught.value.reason, caught.value.fields) == (wanted, {"line": 1, "col": 6})


def test_a_flat_map_takes_scalars_only() -> None:
    assert read.flat_texts(node('{"a":1.10,"b":true,"c":""}')) == {"a": "1.10", "b": "true", "c": ""}
    for inner in ("null", "{}", "[]"):
        with pytest.raises(FairleadError) as caught:
            read.flat_texts(node(f'{{"a":{inner}}}'))
        assert caught.value.type == "parse_exception"


def test_members_without_a_reader_are_skipped_with_their_subtree() -> None:
    found = read.each(node('{"a":"1","x":{"a":"2"},"b":"3"}'), {"a": read.text, "b": read.text, "c": read.text})
    assert list(found.items()) == [("a", "1"), ("b", "3")]


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(value=JSON)
def test_any_value_flattens_to_json_that_means_it_or_is_refused(value: Any) -> None:
    flat = tried(lambda: read.flatten(value))
    if isinstance(flat, FairleadError):
        assert isinstance(flat, IllegalArgument)
    elif isinstance(value, str) or value is None:
        assert flat is value
    elif "\\ud" not in str(flat).lower():
        assert flat is not None
        assert strict_loads(flat) == value


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(), max_size=8) | st.from_regex(r"\A[-+]?[0-9._eE]{1,6}\Z"))
def test_a_text_is_a_decimal_number_or_none(text: str) -> None:
    number = read.decimal(text)
    shown = text.strip("".join(map(chr, range(0x21))))
    assert number is None or (number == float(shown) and "_" not in shown and shown.isascii())
