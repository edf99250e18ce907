"""How many registrations and deployments run at once (spec/02 1.3.2-7, 1.8)."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.domain.task import KIND
from fairlead.errors import LimitExceeded
from fairlead.service.house import House
from unit.service.world import registered

REGISTRATIONS = "plugins.ml_commons.max_register_model_tasks_per_node"
DEPLOYMENTS = "plugins.ml_commons.max_deploy_model_tasks_per_node"


async def test_a_limit_of_none_refuses_registrations_and_keeps_nothing(house: House) -> None:
    await house.settings.update({REGISTRATIONS: "0"}, {})
    with pytest.raises(LimitExceeded, match="exceed max running task limit") as caught:
        await registered(house)
    assert caught.value.status == 429
    assert await house.ports.store.all(KIND) == []
    await house.settings.update({REGISTRATIONS: "1"}, {})
    await registered(house)


async def test_deployments_past_the_limit_are_refused_and_the_model_stays_as_it_is(house: House) -> None:
    models = [await registered(house, name=f"m{number}") for number in range(3)]
    await house.deployments.deploy(models[2])
    await house.settings.update({DEPLOYMENTS: "2"}, {})
    answers = await asyncio.gather(*(house.deployments.deploy(id) for id in models), return_exceptions=True)
    refused = [id for id, answer in zip(models, answers, strict=True) if isinstance(answer, LimitExceeded)]
    assert len(refused) == 1
    assert [isinstance(answer, str) for answer in answers].count(True) == 2
    assert (await house.models.get(models[2])).model_state == "DEPLOYED"
    await house.deployments.deploy(refused[0])


async def test_a_predict_that_deploys_by_itself_does_not_count(house: House) -> None:
    model = await registered(house)
    await house.settings.update({DEPLOYMENTS: "0"}, {})
    with pytest.raises(LimitExceeded):
        await house.deployments.deploy(model)
    assert (await house.deployments.ready(model)).id == model
