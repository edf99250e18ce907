"""Deploying with and without node ids, undeploying in all forms."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead.domain import connector as connectors
from fairlead.domain import task as tasks
from fairlead.domain.ports import Remove
from fairlead.errors import FairleadError, IllegalArgument, StatusFault
from fairlead.service.house import House
from fairlead.service.snapshot import ReadyModel
from unit.service.world import World, registered

CUSTOM = "plugins.ml_commons.allow_custom_deployment_plan"


@pytest.fixture
async def planned(house: House) -> House:
    await house.settings.update({CUSTOM: "true"}, {})
    return house


async def test_node_ids_need_the_setting(house: House) -> None:
    model = await registered(house)
    for call in (house.deployments.deploy(model, ["node-1"]), house.deployments.undeploy([model], ["node-1"])):
        with pytest.raises(IllegalArgument, match="Don't allow custom deployment plan"):
            await call


async def test_deploying_to_named_nodes_is_remembered(planned: House) -> None:
    model = await registered(planned)
    await planned.deployments.deploy(model, ["node-1", "other"])
    found = await planned.models.get(model)
    assert (found.planning_worker_nodes, found.deploy_to_all_nodes) == (("node-1",), None)
    with pytest.raises(IllegalArgument, match=r"already deployed to these nodes: \[node-1\]"):
        await planned.deployments.deploy(model, ["other"])
    assert await planned.deployments.undeploy([model], ["other"]) == {}
    assert await planned.deployments.undeploy([model], ["node-1"]) == {"node-1": {"stats": {model: "undeployed"}}}
    with pytest.raises(IllegalArgument, match="no eligible node found"):
        await planned.deployments.deploy(model, ["other"])


async def test_deploying_at_registration_fails_in_silence(house: House) -> None:
    model = await registered(house)
    await house.deployments.deploy_at_once(model, ["node-1"])
    assert (await house.models.get(model)).model_state == "REGISTERED"
    await house.deployments.deploy_at_once(model, [])
    assert (await house.models.get(model)).model_state == "DEPLOYED"


async def test_undeploying_several_does_not_ask_whether_they_exist(house: House) -> None:
    model = await registered(house)
    await house.deployments.deploy(model)
    answer = await house.deployments.undeploy([model, "none"])
    assert answer == {"node-1": {"stats": {model: "undeployed", "none": "not_found"}}}
    with pytest.raises(StatusFault, match="Failed to find model"):
        await house.deployments.undeploy(["none"])
    with pytest.raises(IllegalArgument, match="Must set specific model ids to undeploy"):
        await house.deployments.undeploy([])


async def test_undeploying_what_no_node_holds_forces_the_state(house: House) -> None:
    model = await registered(house)
    assert await house.deployments.undeploy([model]) == {"node-1": {"stats": {model: "not_found"}}}
    assert (await house.models.get(model)).model_state == "UNDEPLOYED"


@pytest.mark.parametrize(
    ("members", "settings", "kind"),
    [
        ({"is_enabled": False}, {}, StatusFault),
        ({"deploy_setting": {"is_auto_deploy_enabled": False}}, {}, IllegalArgument),
        ({}, {"plugins.ml_commons.model_auto_deploy.enable": "false"}, IllegalArgument),
    ],
)
async def test_a_predict_deploys_only_what_may_be_deployed(
    house: House, members: Any, settings: Any, kind: type[Exception]
) -> None:
    model = await registered(house, **members)
    if settings:
        await house.settings.update(settings, {})
    with pytest.raises(kind):
        await house.deployments.ready(model)
    assert (await house.models.get(model)).model_state == "REGISTERED"


async def written(house: House) -> int:
    """How many deployments and registrations were written."""
    return await house.ports.store.count(tasks.KIND)


async def test_all_who_want_a_model_at_once_share_one_deployment_whoever_leaves(house: House) -> None:
    model = await registered(house)
    before = await written(house)
    callers = [asyncio.create_task(house.deployments.ready(model)) for _ in range(300)]
    for _ in range(3):  # each has begun, and the store has not answered
        await asyncio.sleep(0)
    callers[0].cancel()
    first, *others = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert [ready.id for ready in others if isinstance(ready, ReadyModel)] == [model] * 299
    assert await written(house) == before + 1


async def test_an_unexpected_fault_of_a_deployment_is_told_also_when_everybody_left(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = await registered(house)

    def broken(ready: ReadyModel) -> ReadyModel:
        caller.cancel()
        raise ZeroDivisionError

    monkeypatch.setattr(house.snapshot, "fitted", broken)
    caller = asyncio.create_task(house.deployments.ready(model))
    await asyncio.wait({caller})
    assert caller.cancelled()
    await asyncio.sleep(0)
    [record] = caplog.records
    assert model in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_a_worker_that_finds_a_model_deployed_by_another_writes_nothing(world: World) -> None:
    houses = [await world.worker() for _ in range(3)]
    model = await registered(houses[0])
    before = await written(houses[0])
    found = await asyncio.gather(*(house.deployments.ready(model) for house in houses * 20))
    assert [ready.id for ready in found] == [model] * 60
    assert await written(houses[0]) == before + 1


async def test_a_deployment_that_fails_is_one_for_all_and_tried_anew_by_the_next(house: House) -> None:
    model = await registered(house)
    connector = (await house.models.get(model)).connector_id
    assert connector is not None
    await house.ports.store.write([Remove(connectors.KIND, connector)])
    before = await written(house)
    found = await asyncio.gather(*(house.deployments.ready(model) for _ in range(50)), return_exceptions=True)
    assert len({id(fault) for fault in found if isinstance(fault, FairleadError)}) == 1
    assert await written(house) == before + 1
    with pytest.raises(FairleadError):
        await house.deployments.ready(model)
    assert await written(house) == before + 2


async def test_safe_delete_looks_at_guardrails(house: House) -> None:
    judge = await registered(house, name="judge")
    rules = {"type": "model", "input_guardrail": {"model_id": judge, "response_validation_regex": "x"}}
    user = await registered(house, name="user", guardrails=rules)
    await house.settings.update({"plugins.ml_commons.safe_delete_model": "true"}, {})
    with pytest.raises(StatusFault, match=rf"still using this model in their guardrails.*\[{user}\]") as caught:
        await house.models.delete(judge)
    assert caught.value.status == 409
    await house.models.delete(user)
    assert (await house.models.delete(judge))["result"] == "deleted"
