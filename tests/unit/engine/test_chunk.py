"""Splitting documents into calls: the table of spec/03 section 3, and that nothing is lost or moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.dataset import Dataset, QuestionAnswering, Remote, TextDocs, TextSimilarity
from fairlead.engine.chunk import split
from fairlead.errors import IllegalArgument

CASES = json.loads((Path(__file__).parent / "cases" / "chunk.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_documents_are_split_by(case: dict[str, Any]) -> None:
    docs = TextDocs(tuple(f"d{n}" for n in range(case["docs"])), step=case.get("request"))
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            split(docs, case.get("owned"), case["natural"])
        assert (caught.value.type, caught.value.reason, caught.value.status) == (case["type"], case["error"], 400)
    else:
        calls = split(docs, case.get("owned"), case["natural"])
        assert [len(call.docs) for call in calls if isinstance(call, TextDocs)] == case["calls"]


@pytest.mark.parametrize("other", [Remote({"a": "b"}), TextSimilarity("q", ("a", "b")), QuestionAnswering("q", "c")])
def test_other_input_is_one_call_whatever_the_step(other: Dataset) -> None:
    assert split(other, "1", 1) == [other]


@settings(max_examples=100, deadline=None)
@given(docs=st.lists(st.none() | st.text(max_size=3), max_size=12), step=st.integers(1, 14), natural=st.integers(0, 3))
def test_no_document_is_lost_or_moved_and_each_call_keeps_the_parameters(
    docs: list[str | None], step: int, natural: int
) -> None:
    whole = TextDocs(tuple(docs), {"content_type": "QUERY"}, None)
    for calls in (split(whole, str(step), natural), split(whole, None, natural)):
        assert [doc for call in calls if isinstance(call, TextDocs) for doc in call.docs] == docs
        assert all(
            isinstance(call, TextDocs) and call.algorithm_parameters == {"content_type": "QUERY"} for call in calls
        )
        assert len(calls) >= 1
