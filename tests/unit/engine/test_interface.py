"""Interfaces: what a request and a reply are checked against, and what a violation is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.api.decode.predict import predict_body
from fairlead.domain.dataset import PredictInput, QuestionAnswering, TextSimilarity
from fairlead.domain.tensor import InferenceResult, RawJson, Tensor
from fairlead.engine.interface import MAX_ERRORS, MAX_SHOWN, Interface, compile_interface
from fairlead.errors import IllegalArgument, StatusFault

TABLE = json.loads((Path(__file__).parent / "cases" / "interface.json").read_text("utf-8"))
PREFIX = (
    "Error validating input schema, if you think this is expected, please update your 'input' field in the 'interface' "
    "field for this model: Validation failed: ["
)


def fault(interface: Interface, asked: PredictInput) -> str | None:
    try:
        interface.check_input(asked)
    except StatusFault as refused:
        return str(refused.reason) if refused.status == 400 else str(refused)
    return None


@pytest.mark.parametrize("case", TABLE["input"], ids=lambda case: case["rule"])
def test_a_request_is_checked_as(case: dict[str, Any]) -> None:
    text = json.dumps(case["schema"])
    body = {} if case["parameters"] is None else {"parameters": case["parameters"]}
    told = fault(Interface({"input": text}), predict_body("remote", json.dumps(body).encode()))
    if "errors" not in case:
        assert told is None
        return
    assert told is not None
    assert told.startswith(f"{PREFIX}{case['errors']}] for instance: {case.get('instance', '')}")
    assert told.endswith(f" with schema: {text}")


@pytest.mark.parametrize("case", TABLE["refused"], ids=lambda case: case["text"])
def test_a_schema_that_cannot_be_used_is_refused_and_nothing_is_fetched(case: dict[str, str]) -> None:
    with pytest.raises(IllegalArgument) as caught:
        Interface({"input": case["text"]})
    assert case["reason"] in str(caught.value.reason)


@pytest.mark.parametrize(
    ("algorithm", "body", "wanted"),
    [
        (
            "text_embedding",
            {"text_docs": ["a", None]},
            '{"algorithm":"REMOTE","text_docs":["a",null],"result_filter":{"return_bytes":false,"return_number":true}}',
        ),
        (
            "text_embedding",
            {"text_docs": ["a"], "return_bytes": True, "parameters": {"content_type": "query"}},
            '{"algorithm":"REMOTE","parameters":{"content_type":"QUERY","sparse_embedding_format":"WORD"},'
            '"text_docs":["a"],"result_filter":{"return_bytes":true,"return_number":true}}',
        ),
        ("remote", {"action_type": "execute"}, '{"algorithm":"REMOTE","parameters":null,"action_type":"EXECUTE"}'),
    ],
)
def test_the_instance_is_the_request_as_the_original_writes_it(algorithm: str, body: Any, wanted: str) -> None:
    told = fault(Interface({"input": "false"}), predict_body(algorithm, json.dumps(body).encode()))
    assert f" for instance: {wanted} with schema: false" in str(told)


def test_queries_and_questions_have_their_members() -> None:
    interface = Interface({"input": "false"})
    similar = fault(interface, PredictInput(TextSimilarity("q", ("d",))))
    assert '{"algorithm":"REMOTE","query_text":"q","text_docs":["d"]}' in str(similar)
    question = fault(interface, PredictInput(QuestionAnswering("q", "c")))
    assert '{"algorithm":"REMOTE","question":"q","context":"c"}' in str(question)


@pytest.mark.parametrize("data", [{"a": 1}, RawJson(b'{"a":1}')])
def test_a_reply_is_checked_as_the_whole_body_that_is_answered(data: Any) -> None:
    results = [InferenceResult((Tensor("response", data_as_map=data),), 200)]
    wants = {
        "properties": {"inference_results": {"items": {"properties": {"output": {"items": {"required": ["shape"]}}}}}}
    }
    Interface({"output": "{}"}).check_output(results)
    with pytest.raises(StatusFault) as caught:
        Interface({"output": json.dumps(wants)}).check_output(results)
    assert caught.value.status == 400
    assert "[$.inference_results[0].output[0]: required property 'shape' not found] for instance: " in str(
        caught.value.reason
    )
    assert '{"inference_results":[{"output":[{"name":"response","dataAsMap":{"a":1}}],"status_code":200}]}' in str(
        caught.value.reason
    )


def test_a_side_that_is_missing_checks_nothing_and_none_costs_nothing() -> None:
    Interface({"output": "false"}).check_input(predict_body("remote", b"{}"))
    Interface({"input": "false"}).check_output([])
    assert compile_interface({}) is compile_interface(None) is None


def test_what_is_told_is_bounded() -> None:
    schema = json.dumps({"properties": {"parameters": {"additionalProperties": {"type": "integer"}}}})
    body = json.dumps({"parameters": {f"p{n}": "x" * 1000 for n in range(100)}}).encode()
    told = str(fault(Interface({"input": schema}), predict_body("remote", body)))
    assert told.count("string found, integer expected") == MAX_ERRORS
    assert len(told) < MAX_SHOWN + 2_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), JSON)
def test_any_schema_and_request_pass_or_are_refused_with_our_faults(parameters: dict[str, Any], schema: Any) -> None:
    try:
        asked = predict_body("remote", json.dumps({"parameters": parameters}).encode())
        interface = Interface({"input": json.dumps(schema)})
    except (IllegalArgument, StatusFault):
        return
    fault(interface, asked)
