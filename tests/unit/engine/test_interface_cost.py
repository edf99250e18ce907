"""What a schema may cost: bounded when it is stored, held at each instance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.decode.predict import predict_body
from fairlead.engine.interface import Interface
from fairlead.engine.interface_cost import MAX_LOOKS, Size, cost_of, states
from fairlead.errors import IllegalArgument, StatusFault

TABLE = json.loads((Path(__file__).parent / "cases" / "interface_cost.json").read_text("utf-8"))


def refusal(schema: Any, parameters: Any) -> str:
    interface = Interface({"input": json.dumps(schema)})
    with pytest.raises(StatusFault) as caught:
        interface.check_input(predict_body("remote", json.dumps({"parameters": parameters}).encode()))
    assert caught.value.status == 400
    return str(caught.value.reason)


@pytest.mark.parametrize("case", TABLE["refused"], ids=lambda case: case["rule"])
def test_a_schema_whose_cost_has_no_bound_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(IllegalArgument) as caught:
        Interface({"output": json.dumps(case["schema"])})
    assert case["why"] in str(caught.value.reason)
    assert "[output]" in str(caught.value.reason)


@pytest.mark.parametrize("case", TABLE["bounded"], ids=lambda case: case["rule"])
def test_an_ordinary_schema_is_taken(case: dict[str, Any]) -> None:
    Interface({"input": json.dumps(case["schema"])})
    cost = cost_of(case["schema"])
    assert cost.levels == case["levels"]
    assert cost.plain is case["plain"]
    assert 0 < cost.looks <= MAX_LOOKS


@pytest.mark.parametrize(("pattern", "wanted"), TABLE["states"])
def test_a_pattern_is_as_large_as_its_repetitions_make_it(pattern: str, wanted: int) -> None:
    assert states(pattern) == wanted


def test_an_instance_has_values_levels_and_characters() -> None:
    assert Size.of("abc") == Size(1, 0, 3)
    assert Size.of({"a": [1, "xy"], "bc": {}}) == Size(5, 2, 5)


def test_an_instance_deeper_than_the_schema_can_bear_is_refused() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    schema: dict[str, Any] = {"properties": {"parameters": {"additionalProperties": {"$ref": "#/$defs/any"}}}}
    schema["$defs"] = {"any": {"items": {"$ref": "#/$defs/any"}}}
    assert "nested deeper than" in refusal(schema, {"a": deep})


def test_an_instance_with_more_values_than_a_dear_schema_can_bear_is_refused() -> None:
    doubling = TABLE["refused"][1]["schema"]["$defs"]
    schema: dict[str, Any] = {
        "properties": {"parameters": {"additionalProperties": {"items": {"$ref": "#/$defs/a12"}}}}
    }
    schema["$defs"] = {name: doubling[name] for name in (f"a{n}" for n in range(13))}
    assert "values are too many" in refusal(schema, {"a": [1] * 10_000})


def test_a_text_longer_than_a_large_pattern_can_bear_is_refused() -> None:
    schema = {"properties": {"parameters": {"additionalProperties": {"pattern": "[ab]*a[ab]{900}[cd]"}}}}
    assert "characters are too many" in refusal(schema, {"a": "ab" * 200_000})


def test_of_an_instance_with_very_many_violations_one_is_told() -> None:
    schema = {"properties": {"parameters": {"additionalProperties": {"items": {"type": "string"}}}}}
    told = refusal(schema, {"a": [1] * 200_000})
    assert told.count("integer found, string expected") == 1
