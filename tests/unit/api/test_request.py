"""Path, query and headers of a request: the checks every route shares (spec/01 5.5, 5.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.request import (
    Request,
    boolean,
    content_type_fault,
    decode_segment,
    parse_query,
    refuse_unknown,
)
from fairlead.errors import BadParameter, BodyParse, ContentTypeHeader, FairleadError, IllegalArgument, PlainFault

TABLE = json.loads((Path(__file__).parent / "cases" / "request.json").read_text("utf-8"))


def request(query: dict[str, str] | None = None, body: bytes = b"") -> Request:
    return Request("GET", "/p", "", {}, query or {}, {}, body)


@pytest.mark.parametrize(("text", "parameters"), TABLE["queries"])
def test_a_query_holds(text: str, parameters: dict[str, str]) -> None:
    assert parse_query(text) == parameters


@pytest.mark.parametrize(("text", "problem"), TABLE["bad_queries"])
def test_a_bad_escape_in_a_query_is_refused(text: str, problem: str) -> None:
    with pytest.raises(BadParameter) as caught:
        parse_query(text)
    assert (caught.value.status, caught.value.type) == (400, "bad_parameter_exception")
    assert caught.value.reason == f"java.lang.IllegalArgumentException: {problem}"
    assert isinstance(caught.value.cause, IllegalArgument)
    assert caught.value.cause.reason == problem


@pytest.mark.parametrize(("segment", "id"), TABLE["segments"])
def test_a_path_segment_is_decoded_once_and_a_plus_stays(segment: str, id: str) -> None:
    assert decode_segment(segment) == id


@pytest.mark.parametrize(("given_names", "known", "reason"), TABLE["unknown"])
def test_unknown_query_parameters_are_refused_with_the_nearest_name(
    given_names: list[str], known: list[str], reason: str | None
) -> None:
    query = dict.fromkeys(given_names, "")
    if reason is None:
        refuse_unknown("/p", query, frozenset(known))
        return
    with pytest.raises(IllegalArgument) as caught:
        refuse_unknown("/p", query, frozenset(known))
    assert caught.value.reason == reason


@pytest.mark.parametrize(("text", "value"), TABLE["booleans"])
def test_a_boolean_query_parameter_is_true_false_or_empty(text: str, value: bool) -> None:
    assert boolean(text) is value
    assert request({"x": text}).flag("x") is value


def test_an_absent_flag_takes_its_default() -> None:
    assert [request().flag("x"), request().flag("x", True), request({"x": "false"}).flag("x", True)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("text", TABLE["not_booleans"])
def test_any_other_text_is_no_boolean(text: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        boolean(text)
    assert caught.value.reason == f"Failed to parse value [{text}] as only [true] or [false] are allowed."


def test_a_body_can_be_required_and_blanks_count_as_one() -> None:
    assert request(body=b" ").require_body("request body is required") == b" "
    with pytest.raises(BodyParse) as caught:
        request().require_body("request body is required")
    assert (caught.value.reason, caught.value.status) == ("request body is required", 400)


@pytest.mark.parametrize(("header", "text"), TABLE["content_types"])
def test_a_content_type_is_taken_or_answered_with_a_text(header: str | None, text: str | None) -> None:
    fault = content_type_fault(header)
    assert (fault and fault.reason) == text
    assert fault is None or (type(fault), fault.status) == (PlainFault, 406)


@pytest.mark.parametrize("header", TABLE["bad_content_types"])
def test_a_content_type_without_form_is_a_fault(header: str) -> None:
    fault = content_type_fault(header)
    assert isinstance(fault, ContentTypeHeader)
    assert fault.status == 400
    assert fault.reason == f"java.lang.IllegalArgumentException: invalid Content-Type header [{header}]"
    assert fault.cause is not None
    assert fault.cause.reason == f"invalid Content-Type header [{header}]"


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXT.filter(bool), TEXT, max_size=4))
def test_any_encoded_query_is_read_back(parameters: dict[str, str]) -> None:
    for encode in (quote_plus, lambda text: quote(text, safe="")):
        assert (
            parse_query("&".join(f"{encode(name)}={encode(value)}" for name, value in parameters.items())) == parameters
        )


@settings(max_examples=150, deadline=None)
@given(query=st.text(st.characters(), max_size=20), header=st.text(st.characters(), max_size=12))
def test_any_query_and_header_is_read_or_refused(query: str, header: str) -> None:
    refused = tried(lambda: refuse_unknown("/p", parse_query(query), frozenset({"return_content"})))
    assert refused is None or refused.status == 400
    fault: Any = content_type_fault(header)
    assert fault is None or isinstance(fault, (PlainFault, ContentTypeHeader))
