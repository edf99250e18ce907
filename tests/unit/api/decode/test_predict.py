"""Predict bodies: the path's algorithm decides their shape (spec/03 1.2, spec/02 3.2-3.4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.predict import predict_body
from fairlead.domain.dataset import (
    LOCAL_ALGORITHMS,
    Algorithm,
    Dataset,
    JsonText,
    QuestionAnswering,
    Remote,
    TextDocs,
    TextSimilarity,
)
from fairlead.errors import FairleadError

TABLE = json.loads((Path(__file__).parents[1] / "cases" / "predict.json").read_text("utf-8"))
KINDS = {"remote": Remote, "docs": TextDocs, "similarity": TextSimilarity, "question": QuestionAnswering}


def wanted(case: dict[str, Any]) -> Dataset:
    kind, fields = case["dataset"]
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return KINDS[kind](**values)  # type: ignore[no-any-return]


@pytest.mark.parametrize("case", TABLE["accepted"], ids=lambda case: f"{case['algorithm']} {case['body']}")
def test_a_body_is_read_as(case: dict[str, Any]) -> None:
    found = predict_body(case["algorithm"], case["body"].encode())
    assert found.dataset == wanted(case)
    assert found.action == case.get("action", "PREDICT")


@pytest.mark.parametrize("case", TABLE["refused"], ids=lambda case: f"{case['algorithm']} {case['body']}")
def test_a_body_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(FairleadError) as caught:
        predict_body(case["algorithm"], case["body"].encode())
    fault = caught.value
    assert (fault.status, fault.type) == (400, case.get("type", "illegal_argument_exception"))
    assert fault.reason is not None
    assert fault.reason.split("\n")[0] == case["reason"]


def test_texts_stay_texts_and_other_values_know_that_they_are_json() -> None:
    body = b'{"parameters":{"t":"5","n":5,"l":["a"],"z":null,"e":"","k k":"${parameters.t}"}}'
    dataset = predict_body("remote", body).dataset
    assert isinstance(dataset, Remote)
    assert dataset.parameters is not None
    kinds = {name: type(value) for name, value in dataset.parameters.items()}
    assert kinds == {"t": str, "n": JsonText, "l": JsonText, "z": type(None), "e": str, "k k": str}


@pytest.mark.parametrize("algorithm", sorted(LOCAL_ALGORITHMS))
def test_algorithms_of_local_models_have_no_input_here(algorithm: str) -> None:
    with pytest.raises(FairleadError) as caught:
        predict_body(algorithm.upper(), b"{}")
    assert (caught.value.type, caught.value.reason) == (
        "action_request_validation_exception",
        "Validation Failed: 1: input data can't be null;",
    )


def test_the_fast_and_the_exact_parser_read_the_same() -> None:
    body = b'{"parameters":{"n":12345678901234567890,"f":1e3,"s":"\\u00e9"},"action_type":"execute"}'
    assert predict_body("remote", body) == predict_body("remote", body + b" trailing text")


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["query", "predict", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["content_type", "sparse_embedding_format", "input_docs_processed_step_size", "bucket", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "parameters",
        "action_type",
        "dlq",
        "text_docs",
        "query_text",
        "question",
        "context",
        "return_bytes",
        "return_number",
        "x",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    algorithm=st.sampled_from([*Algorithm, "Remote", "nonsense"]),
    body=st.dictionaries(NAMES, JSON, max_size=6).map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=10),
    tail=st.sampled_from([b"", b" x"]),
)
def test_every_body_is_a_dataset_or_a_400(algorithm: str, body: bytes, tail: bytes) -> None:
    found = tried(lambda: predict_body(algorithm, body + tail))
    if isinstance(found, FairleadError):
        assert found.status == 400
    else:
        assert isinstance(found.dataset, (Remote, TextDocs, TextSimilarity, QuestionAnswering))
