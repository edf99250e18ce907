"""Interfaces by connector, as a real node stored them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.connector import Connector
from fairlead.service.models.presets import PRESETS, preset_interface
from unit.service.world import action

TABLE = json.loads((Path(__file__).parent / "cases" / "presets.json").read_text("utf-8"))


def connector(case: dict[str, Any]) -> Connector:
    actions = tuple(action(post_process_function=text) for text in case.get("post", [None]))
    return Connector("http", parameters=case.get("parameters"), actions=actions)


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: json.dumps(case["parameters"]))
def test_a_connector_gets_the_interface_of_its_row(case: dict[str, Any]) -> None:
    found = preset_interface(connector(case))
    if case["row"] is None:
        assert found is None
    else:
        row = PRESETS[case["row"]]
        assert found == {"input": row.input, "output": row.output}


def test_every_row_is_reached_by_a_case() -> None:
    assert {case["row"] for case in TABLE["cases"]} - {None} == set(range(len(PRESETS)))


@pytest.mark.parametrize("name", ["CONV", "TITAN_RAW"])
def test_the_texts_are_indented_as_recorded(name: str) -> None:
    texts = {"CONV": PRESETS[0].input, "TITAN_RAW": PRESETS[9].output}
    assert texts[name].split("\n") == TABLE["texts"][name]


def test_every_text_is_json_with_its_keys_in_the_recorded_order() -> None:
    def keys(value: Any) -> None:
        if isinstance(value, dict):
            if "type" in value and isinstance(value["type"], str):
                assert list(value) == [key for key in ("type", "properties", "items", "required") if key in value]
            for item in value.values():
                keys(item)

    for row in PRESETS:
        for text in (row.input, row.output):
            keys(json.loads(text))
            assert not text.endswith("\n")
