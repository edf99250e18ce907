"""The body of a model update, and the members it shares with a registration (spec/02 1.3, 1.6, 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.api.decode.model import model_register, model_update
from fairlead.errors import FairleadError
from fairlead.service.models.update import ModelChanges


def update(**members: Any) -> ModelChanges:
    return model_update(json.dumps(members).encode())


def test_nothing_is_required_and_what_an_update_does_not_take_is_ignored() -> None:
    assert update() == ModelChanges()
    assert update(model_id="x", version="9", model_state="DEPLOYED", foo={"a": [1]}) == ModelChanges()


def test_the_members_are_read() -> None:
    found = update(
        name="n",
        description="d",
        model_group_id="g",
        connector_id="c",
        is_enabled="false",
        rate_limiter={"limit": 4},
        deploy_setting={"is_auto_deploy_enabled": True},
        interface={"input": {"a": 1}},
        guardrails={"output_guardrail": {"regex": ["x"]}},
        model_config={"model_type": "text_embedding", "normalize_result": False},
    )
    assert (found.name, found.description, found.model_group_id, found.connector_id) == ("n", "d", "g", "c")
    assert (found.is_enabled, found.rate_limiter) == (False, {"limit": "4"})
    assert found.deploy_setting == {"is_auto_deploy_enabled": True}  # no time to live is made up
    assert found.interface == {"input": '{"a":1}'}
    assert found.guardrails == {"output_guardrail": {"regex": ["x"]}}  # no type is made up: the stored one stays
    assert found.model_config == {"model_type": "text_embedding", "normalize_result": False}


def test_a_connector_is_read_in_its_update_form() -> None:
    found = update(connector={"description": "x", "credential": {"k": "v"}, "dry_run": True, "url": "u"}).connector
    assert found is not None
    assert found.credential is not None
    assert (found.description, found.dry_run, found.url) == ("x", False, None)
    assert found.credential["k"].reveal() == "v"
    assert "'v'" not in repr(found)


BOTH: list[tuple[dict[str, Any], str]] = [
    ({"interface": {"input": "no json"}}, "The schema of [input] in the interface is not valid JSON"),
    ({"interface": {"output": "{"}}, "The schema of [output] in the interface is not valid JSON"),
    ({"interface": {"input": None}}, "The schema of [input] in the interface must be a JSON object or a boolean"),
    ({"interface": {"input": [1]}}, "The schema of [input] in the interface must be a JSON object or a boolean"),
    ({"interface": {"input": {"type": "text"}}}, "The schema of [input] in the interface is not a JSON schema"),
    (
        {"interface": {"input": {"$ref": "http://127.0.0.1:1/x"}}},
        "The schema of [input] in the interface is not a JSON",
    ),
    ({"interface": {"input": {"pattern": "(?=a)a"}}}, "The schema of [input] in the interface is not a JSON schema"),
    ({"guardrails": {"type": None}}, "Can't get text on a VALUE_NULL"),
    ({"guardrails": {"type": "LOCAL_REGEX"}}, "The type of guardrails is required, can not be null."),
    ({"guardrails": {"input_guardrail": []}}, "Failed to parse object: expecting token of type [START_OBJECT]"),
    ({"guardrails": {"input_guardrail": {"regex": [None]}}}, "Can't get text on a VALUE_NULL"),
    ({"guardrails": {"input_guardrail": {"stop_words": ["x"]}}}, "Failed to parse object: expecting token"),
    ({"connector": 5}, ""),
    ({"rate_limiter": {"limit": 0}}, "Limit field must be a positive number."),
]


@pytest.mark.parametrize(("members", "reason"), BOTH, ids=lambda value: json.dumps(value))
def test_a_member_is_refused_at_registration_and_update(members: dict[str, Any], reason: str) -> None:
    for read, rest in ((model_update, {}), (model_register, {"name": "n", "function_name": "remote"})):
        with pytest.raises(FairleadError) as caught:
            read(json.dumps({**rest, **members}).encode())
        assert caught.value.status == 400
        assert (caught.value.reason or "").startswith(reason)


@pytest.mark.parametrize(
    "member",
    [
        '"interface":{"input":{"a":1e999}}',
        '"interface":{"output":-1e999}',
        '"model_config":{"additional_config":{"a":[{"b":1e999}]}}',
        '"connector":{"protocol":"http","owner":{"x":1e999}}',
    ],
)
def test_a_number_beyond_a_double_is_a_400(member: str) -> None:
    with pytest.raises(FairleadError) as caught:
        model_register(f'{{"name":"n","function_name":"remote",{member}}}'.encode())
    assert caught.value.status == 400


def test_stop_words_keep_what_is_set() -> None:
    words = [{"index_name": "w", "source_fields": ["title"], "x": 1}, {"index_name": "v"}]
    found = update(guardrails={"input_guardrail": {"stop_words": words}}).guardrails
    assert found == {
        "input_guardrail": {"stop_words": [{"index_name": "w", "source_fields": ["title"]}, {"index_name": "v"}]},
    }
