"""Chains that make a value grow without end are stopped, in bounded time and memory."""

from __future__ import annotations

import json

import pytest

from fairlead.engine.processors import compile_chain
from fairlead.errors import IllegalArgument


@pytest.mark.parametrize(
    "step",
    [
        {"type": "regex_replace", "pattern": "^.*$", "replacement": "$0$0"},
        {"type": "to_string", "escape_json": True},
        {"type": "process_and_set", "path": "$..b", "processors": [{"type": "jsonpath_filter", "path": "$"}]},
    ],
)
def test_a_chain_that_doubles_its_value_is_refused(step: dict[str, object]) -> None:
    chain = compile_chain(json.dumps([step] * 60))
    assert chain is not None
    value = {"a": {"b": 1}, "c": {"b": 2}, "text": '"'} if step["type"] == "process_and_set" else '"' * 10
    with pytest.raises(IllegalArgument, match="The processors made a value"):
        chain.run(value)
