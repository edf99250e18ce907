"""What is stored of guardrails, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.errors import IllegalArgument
from fairlead.service.guards.guardrails import asks, check, normalised


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, {"type": "local_regex"}),
        ({"input_guardrail": {}}, {"type": "local_regex"}),
        ({"input_guardrail": {"regex": [], "x": 1}, "y": 2}, {"type": "local_regex"}),
        ({"output_guardrail": {"regex": ["a"]}}, {"type": "local_regex", "output_guardrail": {"regex": ["a"]}}),
        (
            {"type": "model", "input_guardrail": {"model_id": "m", "regex": ["a"]}},
            {"type": "model", "input_guardrail": {"model_id": "m"}},
        ),
    ],
)
def test_only_what_the_type_has_and_what_is_set_is_stored(given: dict[str, Any], stored: dict[str, Any]) -> None:
    assert normalised(given) == stored
    assert normalised(stored) == stored


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"type": "local_regex", "input_guardrail": {"regex": ["ok", "(open"]}}, "Invalid regex in input_guardrail"),
        ({"type": "model", "output_guardrail": {"model_id": "m"}}, "response_validation_regex of output_guardrail"),
        (
            {"type": "model", "input_guardrail": {"model_id": "m", "response_validation_regex": "["}},
            "Invalid regex in input_guardrail",
        ),
    ],
)
def test_a_pattern_that_could_not_be_used_is_refused(rules: dict[str, Any], text: str) -> None:
    with pytest.raises(IllegalArgument, match=text) as caught:
        check(rules)
    assert caught.value.status == 400


def test_patterns_that_compile_are_fine() -> None:
    check({"type": "local_regex", "input_guardrail": {"regex": [".*kill.*", "a++"]}})
    check({"type": "model", "input_guardrail": {"model_id": "m", "response_validation_regex": "^ok$"}})


def test_a_judge_is_found_in_either_side() -> None:
    assert asks({"guardrails": {"type": "model", "output_guardrail": {"model_id": "j"}}}, "j")
    assert not asks({"guardrails": {"type": "model", "output_guardrail": {"model_id": "j"}}}, "k")
    assert not asks({}, "j")
