"""What a provider says of a job, and what a task makes of it: the states, the parameters, the name."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.cluster_settings import SETTINGS
from fairlead.domain.task import TaskState
from fairlead.domain.tensor import InferenceResult, RawJson, Tensor
from fairlead.engine import remote_job
from fairlead.engine.remote_job import ORDER, StateRules
from fairlead.java.regex import PatternFault

P = "plugins.ml_commons.remote_job."
FIELDS = ("status", "Status", "TransformJobStatus")
PATTERNS = {name: str(SETTINGS[f"{P}status_regex.{name}"].default) for name, _ in ORDER}
RULES = StateRules.of(FIELDS, PATTERNS)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("validating", None), ("in_progress", None), ("finalizing", None), ("Submitted", None), ("", None),
        ("completed", TaskState.COMPLETED), ("COMPLETE", TaskState.COMPLETED), ("PartiallyCompleted", TaskState.COMPLETED),
        ("incomplete", TaskState.COMPLETED),  # a pattern is found anywhere: kept, and a setting
        ("Stopping", TaskState.CANCELLING), ("cancelling", TaskState.CANCELLING),
        ("Stopped", TaskState.CANCELLED), ("cancelled", TaskState.CANCELLED),
        ("expired", TaskState.EXPIRED), ("TimeOut", TaskState.EXPIRED), ("Failed", TaskState.FAILED),
        ("failed: completed", TaskState.COMPLETED), ("stopped by cancelling", TaskState.CANCELLING),
    ],
)  # fmt: skip
def test_a_text_means_a_state(said: str, state: TaskState | None) -> None:
    for field in FIELDS:
        assert RULES.state({field: said}) == state


WORDS = st.sampled_from(
    ["stopping", "cancelling", "stopped", "cancelled", "complete", "partiallyCompleted", "expired", "timeout", "failed"]
)
PIECES = st.sampled_from(["", "a", " ", "_", "-", "Ş"])
TEXTS = st.lists(WORDS | PIECES, max_size=4).map("".join)
VALUES = TEXTS | st.none() | st.integers() | st.lists(PIECES, max_size=1)


@given(st.dictionaries(st.sampled_from([*FIELDS, "state"]), VALUES), st.randoms(use_true_random=False))
def test_the_first_field_with_a_hit_and_the_first_pattern_in_it_decide(job: dict[str, Any], random: Any) -> None:
    """Against a second reading of spec/02 7.3, whatever the case and the order of the members."""
    job = {key: "".join(map(random.choice, zip(value.upper(), value.lower(), strict=True)))
           if isinstance(value, str) and value.isascii() else value
           for key, value in sorted(job.items(), key=lambda _: random.random())}  # fmt: skip
    wanted = None
    for field in FIELDS:
        text = job.get(field)
        hits = [
            state
            for name, state in ORDER
            if isinstance(text, str) and re.search(PATTERNS[name], text, re.IGNORECASE | re.ASCII)
        ]
        if hits:
            wanted = hits[0]
            break
    assert RULES.state(job) == wanted


def test_a_pattern_that_does_not_compile_is_refused() -> None:
    with pytest.raises(PatternFault):
        StateRules.of(FIELDS, {**PATTERNS, "failed": "("})


@pytest.mark.parametrize(
    ("job", "parameters"),
    [
        ({"id": "b", "n": 1, "x": None, "deep": {"a": "b"}}, {"id": "b"}),
        (
            {"TransformJobArn": "arn:aws:sagemaker:us-east-1:1:transform-job/one"},
            {"TransformJobArn": "arn:aws:sagemaker:us-east-1:1:transform-job/one", "TransformJobName": "one"},
        ),
        ({"TransformJobArn": "a/b", "TransformJobName": "c"}, {"TransformJobArn": "a/b", "TransformJobName": "c"}),
        ({"jobArn": "arn:x/y"}, {"jobArn": "arn:x/y", "processedJobArn": "arn:x/y"}),
        ({"processedJobArn": "arn:x%2Fy"}, {"processedJobArn": "arn:x/y"}),
        ({"job_id": "j"}, {"job_id": "j", "id": "j"}),
        ({"job_id": "j", "id": "i"}, {"job_id": "j", "id": "i"}),
    ],
)
def test_what_status_and_cancel_may_use(job: dict[str, Any], parameters: dict[str, str]) -> None:
    assert remote_job.parameters(job) == parameters


@pytest.mark.parametrize(
    ("job", "name"),
    [
        ({"TransformJobArn": "a/one", "id": "b"}, "one"),
        ({"jobName": "n", "id": "b"}, "n"),
        ({"job_name": "o", "jobName": "n"}, "o"),
        ({"job_id": "j"}, "j"),
        ({"id": "../../x?y#z ü"}, ".._.._x_y_z__"),
        ({"id": "x" * 300}, "x" * 200),
        ({"id": ""}, "task"),
        ({}, "task"),
    ],
)
def test_what_a_job_is_called(job: dict[str, Any], name: str) -> None:
    assert remote_job.name(job, "task") == name


@pytest.mark.parametrize(
    ("tensors", "status", "said"),
    [
        ([Tensor("r", data_as_map={"a": 1})], 200, {"a": 1}),
        ([Tensor("r", data_as_map=RawJson(b'{"a": 100000000000000000000}'))], 201, {"a": 10**20}),
        ([Tensor("r", data_as_map={"a": 1}), Tensor("s", data_as_map={"b": 1})], 200, {"a": 1}),
        ([Tensor("r", data_as_map={"a": 1})], 300, None),
        ([Tensor("r", data=[1.0])], 200, None),
        ([], 200, None),
    ],
)
def test_the_first_output_of_a_success_is_the_job(tensors: list[Tensor], status: int, said: object) -> None:
    assert remote_job.described([InferenceResult(tuple(tensors), status)]) == said
    assert remote_job.described([]) is None
