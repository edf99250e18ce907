"""The built-in pre-process functions, row by row of spec/03 section 4."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.dataset import Dataset, JsonText, QuestionAnswering, Remote, TextDocs, TextSimilarity
from fairlead.engine.functions.pre import PRE_FUNCTIONS, PREFIX, without_function
from fairlead.errors import FairleadError, IllegalArgument

TABLE = json.loads((Path(__file__).parent / "cases" / "pre_functions.json").read_text("utf-8"))
WRONG: dict[str, list[Dataset]] = {
    "docs": [TextSimilarity("q", ("d",)), QuestionAnswering("q", "c")],
    "similarity": [TextDocs(("d",)), QuestionAnswering("q", "c")],
}


def named(case: dict[str, Any]) -> str:
    return f"{case['function']} {case['docs']}"


def dataset(case: dict[str, Any]) -> Dataset:
    docs = tuple(case["docs"])
    return TextSimilarity(case["query"], docs) if "query" in case else TextDocs(docs)


@pytest.mark.parametrize("case", TABLE["cases"], ids=named)
def test_a_function_produces(case: dict[str, Any]) -> None:
    run = PRE_FUNCTIONS[PREFIX + case["function"]].run
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            run(dataset(case))
        assert (caught.value.reason, caught.value.status) == (case["error"], 400)
        return
    produced = run(dataset(case))
    assert list(produced) == list(case["produces"])
    for name, wanted in case["produces"].items():
        value = produced[name]
        if isinstance(wanted, dict):
            assert type(value) is JsonText
            assert json.loads(value) == wanted["json"]
        else:
            assert type(value) is type(wanted)
            assert value == wanted


def test_the_table_has_the_functions_of_the_spec_and_no_other() -> None:
    assert {PREFIX + name for name in TABLE["functions"]} == set(PRE_FUNCTIONS)
    assert {case["function"] for case in TABLE["cases"]} == set(TABLE["functions"])
    assert all(name == row.name and row.takes and row.produces for name, row in PRE_FUNCTIONS.items())


@pytest.mark.parametrize("name", TABLE["functions"])
def test_a_function_refuses_another_kind_of_input(name: str) -> None:
    takes = TABLE["functions"][name]["takes"]
    for wrong in WRONG[takes]:
        with pytest.raises(IllegalArgument) as caught:
            PRE_FUNCTIONS[PREFIX + name].run(wrong)
        assert caught.value.reason == TABLE[f"{takes}_only"]


@pytest.mark.parametrize("name", TABLE["functions"])
def test_a_function_takes_so_many_documents_at_once(name: str) -> None:
    assert PRE_FUNCTIONS[PREFIX + name].step == TABLE["functions"][name]["step"]


def test_without_a_function_documents_go_the_default_way_and_parameters_stay() -> None:
    assert without_function(TextDocs(("a", None))) == {"input": '["a",null]'}
    assert without_function(Remote({"a": "b"})) == {}
    for dataset_without in (TextSimilarity("q", ("d",)), QuestionAnswering("q", "c")):
        with pytest.raises(IllegalArgument) as caught:
            without_function(dataset_without)
        assert caught.value.reason == "pre_process_function not defined in connector"


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


@settings(max_examples=60, deadline=None)
@given(
    docs=st.lists(st.none() | st.text(st.characters(), max_size=8), max_size=3),
    query=st.text(st.characters(), max_size=8),
)
def test_every_function_works_or_refuses_whatever_documents_come(docs: list[str | None], query: str) -> None:
    inputs: list[Dataset] = [TextDocs(tuple(docs)), TextSimilarity(query, tuple(doc or "" for doc in docs))]
    for row in PRE_FUNCTIONS.values():
        for one in inputs:
            found = tried(lambda row=row, one=one: row.run(one))  # type: ignore[misc]
            values = () if isinstance(found, IllegalArgument) else found.values()
            assert all(value is None or isinstance(value, str) for value in values)
