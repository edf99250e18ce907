"""The lenient dialect of documents, against what json-smart made of the same texts (cases/documents.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.engine.jsonpath import DocumentFault, parse_document, parse_whole

CASES = json.loads((Path(__file__).parent / "cases" / "documents.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_a_text_is_the_document_that_json_smart_makes_of_it(case: dict[str, Any]) -> None:
    if case.get("error"):
        with pytest.raises(DocumentFault):
            parse_document(case["text"])
    else:
        assert repr(parse_document(case["text"])) == repr(case["value"])


def test_integers_keep_their_digits() -> None:
    assert parse_document("[123456789012345678901234567890]") == [123456789012345678901234567890]
    assert parse_document("{a:123456789012345678901234567890}") == {"a": 123456789012345678901234567890}


def test_depth_is_bounded() -> None:
    with pytest.raises(DocumentFault, match="deeper"):
        parse_document("[a," * 1000)


@pytest.mark.parametrize("text", ["[1] x", "", "x", "5", '"a"', "[1", "{'a':1}}"])
def test_a_whole_text_is_one_object_or_array(text: str) -> None:
    with pytest.raises(DocumentFault):
        parse_whole(text)
    assert parse_whole(" [{'type':\"a\"}, {type:b}] ") == [{"type": "a"}, {"type": "b"}]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]:,'\"ab1. -\\ue\n", max_size=14) | st.text(max_size=8))
def test_any_text_is_a_document_or_a_fault(text: str) -> None:
    for read in (parse_document, parse_whole):
        try:
            json.dumps(read(text))
        except DocumentFault:
            continue
