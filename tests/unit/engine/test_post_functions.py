"""The built-in post-process functions, row by row of spec/03 section 5, through `interpret` as a predict runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.encode import encode
from fairlead.domain.tensor import DataType, InferenceResult
from fairlead.engine.functions.post import POST_FUNCTIONS, PREFIX, data_type_of
from fairlead.engine.interpret import interpret
from fairlead.engine.parameters import Parameters
from fairlead.errors import FairleadError, IllegalArgument, MLFault

TABLE = json.loads((Path(__file__).parent / "cases" / "post_functions.json").read_text("utf-8"))


def named(case: dict[str, Any]) -> str:
    return f"{case['function']} {json.dumps(case['reply'])[:60]}"


def tensors(function: str, reply: bytes, filter: str | None = None) -> list[Any]:
    parameters = Parameters({} if filter is None else {"response_filter": filter}, {})
    output = tuple(interpret(reply, POST_FUNCTIONS[PREFIX + function], parameters, "PREDICT", -1))
    shown = json.loads(encode([InferenceResult(output, 200)]))["inference_results"][0]
    return list(shown.get("output", ()))


@pytest.mark.parametrize("case", TABLE["cases"], ids=named)
def test_a_function_makes_of_a_reply(case: dict[str, Any]) -> None:
    call = case["function"], json.dumps(case["reply"]).encode(), case.get("filter")
    if "tensors" in case:
        shown = tensors(*call)
        assert shown == case["tensors"]
        assert [list(tensor) for tensor in shown] == [list(tensor) for tensor in case["tensors"]]
        return
    with pytest.raises(FairleadError) as caught:
        tensors(*call)
    fault = caught.value
    if "cause" in case:
        assert (type(fault), fault.status, fault.reason) == (MLFault, 500, "Fail to execute PREDICT in aws connector")
        assert fault.cause is not None
        assert fault.cause.type == case["cause"]
        assert case.get("reason", fault.cause.reason) == fault.cause.reason
    else:
        assert isinstance(fault, IllegalArgument)
        assert fault.status == 400
        assert str(fault) == case["error"] if "error" in case else str(fault).startswith(case["error_start"])


def test_the_table_has_the_functions_of_the_spec_with_their_filters_and_no_other() -> None:
    assert {PREFIX + name: filter for name, filter in TABLE["functions"].items()} == {
        name: row.filter for name, row in POST_FUNCTIONS.items()
    }
    assert {case["function"] for case in TABLE["cases"]} == set(TABLE["functions"])
    assert all(name == row.name and row.gives for name, row in POST_FUNCTIONS.items())


@pytest.mark.parametrize(("filter", "kind"), TABLE["data_types"])
def test_the_filters_text_names_the_data_type(filter: str, kind: str) -> None:
    assert data_type_of(filter) is DataType(kind)


def test_the_request_may_name_another_filter_and_a_null_is_none() -> None:
    row = POST_FUNCTIONS[PREFIX + "cohere.embedding"]
    body = b'{"embeddings":[[1]],"other":[[2]]}'
    data = [
        interpret(body, row, Parameters({"response_filter": "$.none"}, request), "PREDICT", -1)[0].data
        for request in ({"response_filter": "$.other"}, {"response_filter": None})
    ]
    assert data == [[2], [1]]


@pytest.mark.parametrize(
    "reply",
    [
        b'{"embeddings":[[9]],"embeddings":[[1]]}',
        b'{"embeddings":[[1]]} and more',
        b"{embeddings:[[1]]}",
        b"{'embeddings':[[1]]}",
    ],
)
def test_a_path_reads_lenient_json_as_the_original_does(reply: bytes) -> None:
    assert tensors("cohere.embedding", reply) == [
        {"name": "sentence_embedding", "data_type": "FLOAT32", "shape": [1], "data": [1]}
    ]


@pytest.mark.parametrize("reply", [b"plain text", b"{broken", b"5", b"\xff\xfe"])
def test_a_reply_without_the_path_is_a_fault_that_says_so(reply: bytes) -> None:
    with pytest.raises(MLFault) as caught:
        tensors("cohere.embedding", reply)
    assert caught.value.cause is not None
    assert caught.value.cause.type == "path_not_found_exception"


def test_only_functions_with_one_embedding_per_document_must_answer_as_many() -> None:
    many = {name.removeprefix(PREFIX) for name, row in POST_FUNCTIONS.items() if row.per_document}
    assert many == {name for name in TABLE["functions"] if "embedding" in name and not name.startswith("bedrock")} | {
        "bedrock.nova.embedding"
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.just(0.5) | st.sampled_from(["", "a", "INT8", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "index",
                    "relevance_score",
                    "relevanceScore",
                    "jobArn",
                    "inference_results",
                    "output",
                    "data",
                    "shape",
                    "data_type",
                    "name",
                    "result",
                    "dataAsMap",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_every_function_works_or_raises_a_fault_of_ours_whatever_a_provider_answers(value: Any) -> None:
    for row in POST_FUNCTIONS.values():
        for kind in (DataType.FLOAT32, DataType.UNKNOWN):
            try:
                output = row.run(value, kind)
            except FairleadError:
                continue
            encode([InferenceResult(tuple(output), 200)])
