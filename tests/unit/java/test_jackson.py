"""Jackson's strict parser: values, places of tokens, and faults in its words (spec/01 5.4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import FairleadError, JsonSyntax, StreamConstraints, TokenMismatch
from fairlead.java.jackson import MAX_DEPTH, Node, expect, parse, parse_object
from fairlead.java.json import JsonFault, strict_loads

TABLE = json.loads((Path(__file__).parent / "cases" / "jackson.json").read_text("utf-8"))
LOCATION = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"


@pytest.mark.parametrize("case", TABLE["faults"], ids=lambda case: case["text"])
def test_a_broken_text_is_refused_in_jacksons_words_and_place(case: dict[str, Any]) -> None:
    with pytest.raises(JsonSyntax) as caught:
        parse(case["text"].encode())
    assert (caught.value.type, caught.value.status) == (case["type"], 400)
    assert caught.value.reason == case["reason"] + LOCATION.format(*case["at"])


@pytest.mark.parametrize(("text", "token", "line", "col"), TABLE["not_objects"])
def test_another_value_than_an_object_is_a_token_mismatch_at_its_place(
    text: str, token: str, line: int, col: int
) -> None:
    with pytest.raises(TokenMismatch) as caught:
        parse_object(text.encode())
    wanted = f"Failed to parse object: expecting token of type [START_OBJECT] but found [{token}]"
    assert (caught.value.reason, caught.value.fields) == (wanted, {"line": line, "col": col})


@pytest.mark.parametrize(("text", "value"), TABLE["accepted"])
def test_a_text_is_read_as(text: str, value: Any) -> None:
    found = parse(text.encode()).plain()
    assert found == value
    assert type(found) is type(value)


def test_nodes_know_where_they_stand_and_what_they_are() -> None:
    node = parse('{"a": "é",\n "b" :[1, 2.50, true, null, {}]}'.encode())
    assert [(key, line, col) for key, _, line, col in node.members] == [("a", 1, 2), ("b", 2, 2)]
    first, second = node.get("a"), node.get("b")
    assert first is not None
    assert second is not None
    assert (first.line, first.col, first.end_line, first.end_col) == (1, 7, 1, 10)
    assert (second.line, second.col, second.end_line, second.end_col) == (2, 7, 2, 8)
    assert [item.text for item in second.items] == ["1", "2.50", "", "", ""]
    tokens = [
        ("VALUE_NUMBER", "VALUE_NUMBER_INT"),
        ("VALUE_NUMBER", "VALUE_NUMBER_FLOAT"),
        ("VALUE_BOOLEAN", "VALUE_TRUE"),
    ]
    tokens += [("VALUE_NULL", "VALUE_NULL"), ("START_OBJECT", "START_OBJECT")]
    assert [(item.token, item.jackson_token) for item in second.items] == tokens
    assert node.get("none") is None
    assert first.location() == LOCATION.format(1, 10)


def test_expect_gives_the_node_itself_or_says_what_was_found() -> None:
    node = parse(b"[1]")
    assert expect(node, "array") is node
    with pytest.raises(TokenMismatch) as caught:
        expect(node.items[0], "array")
    assert (
        caught.value.reason == "Failed to parse object: expecting token of type [START_ARRAY] but found [VALUE_NUMBER]"
    )
    assert caught.value.fields == {"line": 1, "col": 2}


@pytest.mark.parametrize(("opening", "inside", "closing"), [("[", "", "]"), ('{"a":', "1", "}"), ('[{"a":', "1", "}]")])
def test_nesting_has_a_bound_and_costs_no_python_frames(opening: str, inside: str, closing: str) -> None:
    times = MAX_DEPTH // opening.count("[") if opening == "[" else MAX_DEPTH // sum(map(opening.count, "[{"))
    whole = (opening * times + inside + closing * times).encode()
    assert json.dumps(strict_loads(whole))[:1] == opening[:1]
    value = parse(whole).plain()
    for _ in range(MAX_DEPTH - 1):
        value = value[0] if isinstance(value, list) else value["a"]
    with pytest.raises(StreamConstraints) as caught:
        parse(b"[" + whole + b"]")
    text = f"Document nesting depth (1001) exceeds the maximum allowed ({MAX_DEPTH}, from `StreamReadConstraints.getMaxNestingDepth()`)"
    assert str(caught.value) == text


def test_a_number_of_more_than_1000_digits_is_refused() -> None:
    assert parse(b"1" * 1000).plain() == int("1" * 1000)
    with pytest.raises(StreamConstraints):
        parse(b"1" * 1001)


def test_a_body_that_is_no_utf8_is_refused_with_the_place() -> None:
    with pytest.raises(JsonSyntax) as caught:
        parse(b'{"a":"\xff"}')
    assert str(caught.value) == "Invalid UTF-8 in the body at byte 7"


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=JSON, indent=st.none() | st.integers(0, 2), ascii_only=st.booleans())
def test_every_json_value_is_read_back_and_every_node_stands_inside_the_text(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    node = parse(text.encode())
    assert node.plain() == value
    lines = text.split("\n")

    def check(one: Node) -> None:
        start = lines[one.line - 1][one.col - 1]
        wanted = {"object": "{", "array": "[", "string": '"', "true": "t", "false": "f", "null": "n"}
        assert start in wanted.get(one.kind, "-0123456789")
        for inner in [*one.items, *(member for _, member, _, _ in one.members)]:
            check(inner)

    check(node)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from('{}[]":,\\u12ab0-.e \n\ttrufalsn\x00é\u0663'), max_size=14))
def test_every_text_is_read_as_a_strict_parser_reads_it_or_refused_by_us(text: str) -> None:
    found = tried(lambda: parse(text.encode())) if text.strip(" \t\r\n") else None
    strict = strictly(text)
    if isinstance(found, FairleadError):
        assert found.status == 400
        assert isinstance(strict, JsonFault)
    elif not isinstance(strict, JsonFault):  # what follows a value is not read, so more is taken than strictly
        assert found is not None
        assert found.plain() == strict


def strictly(text: str) -> Any:
    try:
        return strict_loads(text)
    except JsonFault as fault:
        return fault
