"""The sync-up job: one round at a moment that the test chooses."""

from __future__ import annotations

import asyncio

from fairlead.domain import task as tasks
from fairlead.domain.ports import Put
from fairlead.domain.task import Task, TaskState, TaskType
from fairlead.service.house import House
from fairlead.service.models.deployment import settle_deployed
from fairlead.service.settings import stored_settings
from fairlead.service.tasks import PRUNED, fail_orphans
from unit.service.world import World, connected, registered

REDEPLOY = "plugins.ml_commons.model_auto_redeploy.enable"


async def state(house: House, model: str) -> str:
    return str((await house.models.get(model)).model_state)


async def deployed(house: House, **members: object) -> str:
    model = await registered(house, **members)
    await house.deployments.deploy(model)
    assert await state(house, model) == "DEPLOYED"
    return model


async def test_a_model_is_undeployed_when_nobody_used_it_for_its_time_to_live(world: World, house: House) -> None:
    model = await deployed(house, deploy_setting={"model_ttl_minutes": 10})
    eternal = await deployed(house, name="eternal", deploy_setting={"model_ttl_minutes": -1})
    plain = await deployed(house, name="plain")
    world.clock.minutes(9)
    house.recorder.succeeded(house.recorder.begin(model, "REMOTE"), house.recorder.now())
    world.clock.minutes(9)
    await house.sync_up.round()
    assert await state(house, model) == "DEPLOYED"
    world.clock.minutes(2)
    await house.sync_up.round()
    found = await house.models.get(model)
    assert (found.model_state, found.planning_worker_nodes, found.current_worker_node_count) == ("UNDEPLOYED", None, 0)
    assert model not in house.snapshot.ready
    assert [await state(house, id) for id in (eternal, plain)] == ["DEPLOYED"] * 2


async def test_another_workers_predict_keeps_a_model_alive(world: World) -> None:
    one, two = await world.worker(), await world.worker()
    model = await deployed(one, deploy_setting={"model_ttl_minutes": 10})
    await two.snapshot.catch_up()
    world.clock.minutes(9)
    two.recorder.succeeded(two.recorder.begin(model, "REMOTE"), two.recorder.now())
    await two.reports.stop()
    world.clock.minutes(9)
    await one.sync_up.round()
    assert await state(one, model) == "DEPLOYED"


async def test_a_model_that_cannot_be_loaded_is_marked_and_counts_a_try(world: World, house: House) -> None:
    connector = await connected(house)
    model = await registered(house, connector)
    await house.deployments.deploy(model)
    stored = await house.ports.store.get("connector", connector)
    assert stored is not None
    broken = {**stored.body, "protocol": "aws_sigv4", "credential": {}}
    await house.ports.store.write([Put("connector", connector, broken)])
    other = await world.worker()
    assert list(other.snapshot.lost) == [model]
    await other.sync_up.round()
    found = await other.models.get(model)
    assert (found.model_state, found.current_worker_node_count, found.auto_redeploy_retry_times) == (
        "DEPLOY_FAILED",
        0,
        1,
    )
    assert other.snapshot.lost == {}


async def test_a_model_is_not_marked_because_the_keys_are_away_and_loads_when_they_are_back(
    world: World, house: House
) -> None:
    model = await deployed(house)
    world.vault.locked = True
    other = await world.worker()
    assert list(other.snapshot.lost) == [model]
    await other.sync_up.round()
    assert await state(other, model) == "DEPLOYED"
    world.vault.locked = False
    await other.sync_up.round()
    assert (list(other.snapshot.ready), other.snapshot.lost) == ([model], {})


async def test_at_start_models_of_this_node_stay_deployed_only_while_they_may_be_loaded_again(house: House) -> None:
    store, clock = house.ports.store, house.ports.clock
    model = await deployed(house)
    await settle_deployed(store, "node-2", await stored_settings(store), clock())
    await settle_deployed(store, "node-1", await stored_settings(store), clock())
    assert await state(house, model) == "DEPLOYED"
    await house.settings.update({REDEPLOY: "false"}, {})
    await settle_deployed(store, "node-2", await stored_settings(store), clock())
    assert await state(house, model) == "DEPLOYED"
    await settle_deployed(store, "node-1", await stored_settings(store), clock())
    assert await state(house, model) == "DEPLOY_FAILED"


async def test_at_start_a_model_whose_tries_are_used_up_is_left_alone(house: House) -> None:
    store = house.ports.store
    model = await deployed(house)
    document = await store.get("model", model)
    assert document is not None
    await store.write([Put("model", model, {**document.body, "auto_redeploy_retry_times": 3})])
    await settle_deployed(store, "node-1", await stored_settings(store), house.ports.clock())
    assert await state(house, model) == "DEPLOY_FAILED"
    await house.deployments.deploy(model)
    assert (await house.models.get(model)).auto_redeploy_retry_times == 0


async def write_tasks(house: House, *given: Task) -> None:
    await house.ports.store.write([Put(tasks.KIND, f"t{n}", task.document()) for n, task in enumerate(given)])


def task(state: TaskState, time: int, type: TaskType = TaskType.DEPLOY_MODEL, node: str = "node-1") -> Task:
    return Task(type, state, "m", worker_node=(node,), create_time=time, last_update_time=time)


async def test_a_task_that_does_not_end_in_time_fails_but_a_batch_job_may_take_longer(
    world: World, house: House
) -> None:
    now = world.clock()
    await write_tasks(
        house,
        task(TaskState.RUNNING, now - 600_000),
        task(TaskState.RUNNING, now - 599_000),
        task(TaskState.RUNNING, now - 900_000, TaskType.BATCH_PREDICTION),
        task(TaskState.COMPLETED, now - 900_000),
    )
    await house.sync_up.round()
    found = [await house.tasks.get(f"t{n}") for n in range(4)]
    assert [item.state for item in found] == ["FAILED", "RUNNING", "RUNNING", "COMPLETED"]
    assert (found[0].error, found[0].last_update_time) == ("timeout after 600 seconds", now)


async def test_ended_tasks_are_removed_after_their_days_a_bounded_number_a_round(world: World, house: House) -> None:
    old = world.clock() - 31 * 86_400_000
    await write_tasks(
        house,
        task(TaskState.RUNNING, old, TaskType.BATCH_PREDICTION),
        task(TaskState.COMPLETED, world.clock() - 29 * 86_400_000),
        *(task(TaskState.COMPLETED, old) for _ in range(PRUNED + 1)),
    )
    await house.settings.update({"fairlead.tasks.retention_days": "0"}, {})
    await house.sync_up.round()
    assert await house.ports.store.count(tasks.KIND) == PRUNED + 3
    await house.settings.update({"fairlead.tasks.retention_days": None}, {})
    await house.sync_up.round()
    assert await house.ports.store.count(tasks.KIND) == 3
    await house.sync_up.round()
    assert {document.id for document in await house.ports.store.all(tasks.KIND)} == {"t0", "t1"}


async def test_at_start_open_tasks_of_this_node_fail(world: World, house: House) -> None:
    now = world.clock()
    await write_tasks(
        house,
        task(TaskState.RUNNING, now),
        task(TaskState.CREATED, now),
        task(TaskState.RUNNING, now, node="node-2"),
        task(TaskState.RUNNING, now, TaskType.BATCH_PREDICTION),
        task(TaskState.COMPLETED, now),
    )
    assert await fail_orphans(house.ports.store, "node-1", now + 5) == 2
    states = [(await house.tasks.get(f"t{n}")).state for n in range(5)]
    assert states == ["FAILED", "FAILED", "RUNNING", "RUNNING", "COMPLETED"]


async def test_the_job_runs_as_often_as_the_setting_says_from_the_moment_it_is_set(house: House) -> None:
    key = "plugins.ml_commons.sync_up_job_interval_in_seconds"
    await house.settings.update({key: "0"}, {})
    rounds = asyncio.Event()
    job = asyncio.create_task(house.sync_up.run())

    async def one_round() -> None:
        rounds.set()

    house.sync_up.round = one_round  # type: ignore[method-assign]
    try:
        await asyncio.sleep(0)
        assert not rounds.is_set()
        await house.settings.update({key: "1"}, {})
        async with asyncio.timeout(10):
            await rounds.wait()
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
