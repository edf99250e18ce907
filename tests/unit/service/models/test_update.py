"""Merging an update into a stored model, and what a loaded one makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.domain.connector import Connector
from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.model import Model, config_fault, merged
from fairlead.domain.secret import Secret
from fairlead.errors import ActionValidation, FairleadError, StatusFault
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.house import House
from fairlead.service.models.registration import InlineConnector
from fairlead.service.models.update import ModelChanges
from unit.service.world import World, action, registered


async def updated(house: House, id: str, **changes: Any) -> Model:
    reply = (await house.model_updates.update(id, ModelChanges(**changes))).reply
    assert (reply["_index"], reply["_id"], reply["result"]) == (".plugins-ml-model", id, "updated")
    return await house.models.get(id)


def inner(**changes: Any) -> InlineConnector:
    return InlineConnector(Connector("http", actions=(action(**changes),)), {"key": Secret("k")})


def test_objects_merge_at_every_depth_and_everything_else_is_replaced() -> None:
    stored = {"a": {"b": {"c": 1, "d": [1, 2]}}, "e": 1}
    assert merged(stored, {"a": {"b": {"d": [3]}}, "e": {"f": 1}}) == {"a": {"b": {"c": 1, "d": [3]}}, "e": {"f": 1}}
    assert merged(None, {"a": 1}) == {"a": 1}
    assert stored == {"a": {"b": {"c": 1, "d": [1, 2]}}, "e": 1}


async def test_an_empty_update_only_sets_the_time_and_the_id(world: World, house: House) -> None:
    id = await registered(house, description="d")
    before = await house.models.get(id)
    world.clock.minutes(1)
    after = await updated(house, id)
    assert (after.last_updated_time, after.model_id) == (world.clock(), id)
    assert after.created_time == before.created_time
    assert {**after.document(), "last_updated_time": 0, "model_id": 0} == {
        **before.document(), "last_updated_time": 0, "model_id": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "given", "wanted"),
    [
        ({"model_ttl_minutes": 5}, {"is_auto_deploy_enabled": True}, {"model_ttl_minutes": 5, "is_auto_deploy_enabled": True}),
        (None, {"is_auto_deploy_enabled": True}, {"model_ttl_minutes": -1, "is_auto_deploy_enabled": True}),
        ({"model_ttl_minutes": 5}, {"model_ttl_minutes": 0}, {"model_ttl_minutes": 0}),
    ],
)  # fmt: skip
async def test_a_time_to_live_that_is_not_named_stays(house: House, stored: Any, given: Any, wanted: Any) -> None:
    id = await registered(house, deploy_setting=stored)
    assert (await updated(house, id, deploy_setting=given)).deploy_setting == wanted


async def test_another_type_of_guardrails_drops_the_keys_of_the_old_one(house: House) -> None:
    id = await registered(house, guardrails={"type": "local_regex", "input_guardrail": {"regex": ["a"]}})
    side = {"model_id": "judge", "response_validation_regex": "ok"}
    found = await updated(house, id, guardrails={"type": "model", "input_guardrail": side})
    assert found.guardrails == {"type": "model", "input_guardrail": side}


async def test_normalize_result_false_takes_it_away(house: House) -> None:
    id = await registered(house, model_config={"normalize_result": True, "model_type": "x"})
    assert (await updated(house, id, model_config={"normalize_result": False})).model_config == {"model_type": "x"}


async def test_another_group_counts_up_and_the_same_one_does_not(house: House) -> None:
    id = await registered(house, name="one")
    await registered(house, name="two")
    group = await house.groups.by_name("two")
    assert group is not None
    moved = await updated(house, id, model_group_id=group)
    assert (moved.model_group_id, moved.model_version) == (group, "2")
    again = await updated(house, id, model_group_id=group)
    assert (again.model_version, (await house.groups.get(group)).latest_version) == ("2", 2)


async def test_the_inner_connector_keeps_its_credential_and_gets_no_time(house: House) -> None:
    id = await registered(house, connector=inner())
    stored = (await house.models.get(id)).connector
    after = (await updated(house, id, connector=ConnectorFields(description="new"))).connector
    assert stored is not None
    assert after is not None
    assert (after.credential, after.description, after.last_updated_time) == (stored.credential, "new", None)
    changed = (await updated(house, id, connector=ConnectorFields(credential={"b": Secret("2")}))).connector
    assert changed is not None
    assert changed.credential == {"key": "sealed:k", "b": "sealed:2"}


async def test_a_loaded_model_is_replaced_whole_and_a_call_that_runs_ends_with_the_old_one(
    world: World, house: House
) -> None:
    id = await registered(house, connector=inner())
    await house.deployments.deploy(id)
    before = house.snapshot.ready[id]

    async def update() -> None:
        world.provider.before = None
        await updated(house, id, connector=ConnectorFields(actions=(action(method="GET"),)))

    world.provider.before = update
    [result] = await house.predict.predict(id, PredictInput(Remote({}), "PREDICT"))
    assert result.status_code == 200
    after = house.snapshot.ready[id]
    assert after.connector is not before.connector
    assert after.connector.action("PREDICT").method == "GET"
    renamed = await updated(house, id, name="renamed")
    assert house.snapshot.ready[id].connector is after.connector  # nothing to compile
    assert house.snapshot.ready[id].model.name == renamed.name


@pytest.mark.parametrize(
    ("changes", "kind", "status"),
    [
        ({"name": "a & b"}, ActionValidation, 400),
        ({"connector": ConnectorFields(), "connector_id": "c"}, StatusFault, 400),
        ({"connector": ConnectorFields(description="x")}, StatusFault, 400),
        ({"connector_id": "none"}, StatusFault, 404),
        ({"model_group_id": "none"}, StatusFault, 404),
        ({"model_config": {"model_type": "text_embedding"}}, StatusFault, 400),
        ({"guardrails": {"type": "local_regex", "input_guardrail": {"regex": ["["]}}}, FairleadError, 400),
    ],
)
async def test_a_refused_update_writes_nothing(
    house: House, changes: dict[str, Any], kind: type[FairleadError], status: int
) -> None:
    id = await registered(house)
    before = await house.ports.store.revision()
    with pytest.raises(kind) as caught:
        await house.model_updates.update(id, ModelChanges(**changes))
    assert caught.value.status == status
    assert await house.ports.store.revision() == before


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"all_config": '{"a":1,"b":2}', "additional_config": {"b": 1, "c": 2}}, "Duplicate keys found in both all_config and additional_config: b"),
        ({"all_config": "not json", "additional_config": {"b": 1}}, None),
        ({"all_config": "[1]", "additional_config": {"b": 1}}, None),
        ({"model_type": "Text_Embedding"}, "Embedding dimension must be provided for remote text embedding model"),
        ({"model_type": "other"}, None),
    ],
)  # fmt: skip
def test_a_model_config_must_be_whole_and_say_nothing_twice(config: dict[str, Any], fault: str | None) -> None:
    assert config_fault(config) == fault
