"""Batch jobs in the services: what a task learns from a provider, whose it is, and what happens when things fail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fairlead.domain.connector import Action, ActionType
from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.ports import Put, StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.domain.secret import Secret
from fairlead.domain.task import KIND, Task, TaskState, TaskType
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.service.batches.batches import Started
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.groups import GroupFields
from fairlead.service.house import House
from fairlead.service.models.registration import ModelFields
from fairlead.service.tasks import fail_orphans
from fairlead.transport.port import Reply
from unit.service.world import World, registered

pytestmark = pytest.mark.on_both_databases

JOB = PredictInput(Remote({}), ActionType.BATCH_PREDICT)
OWNER, STRANGER = (Principal(name, (), ("ml_full_access",)) for name in ("ann", "cay"))
VECTORS = "connector.post_process.default.embedding"
REGEX = "plugins.ml_commons.remote_job.status_regex."
FIELDS = "plugins.ml_commons.remote_job.status_field"


def action(type: ActionType, url: str, method: str = "POST", post: str | None = None) -> Action:
    body = "{}" if method == "POST" else None
    return Action(type, method, url, request_body=body, post_process_function=post)


async def batch_model(
    house: House,
    caller: Principal | None = None,
    post: str | None = None,
    status_post: str | None = None,
    **members: Any,
) -> str:
    fields = ConnectorFields(
        name="c", version="1", protocol="http", credential={"key": Secret("k-canary-0123456789")},
        actions=(
            action(ActionType.BATCH_PREDICT, "https://api.example.com/jobs", post=post),
            action(ActionType.BATCH_PREDICT_STATUS, "https://api.example.com/jobs/${parameters.id}", "GET", status_post),
            action(ActionType.CANCEL_BATCH_PREDICT, "https://api.example.com/jobs/${parameters.id}/cancel"),
        ),
    )  # fmt: skip
    connector = (await house.connectors.create(fields, caller)).id
    made = await house.registrations.register(ModelFields(name="m", connector_id=connector, **members), caller)
    return made.model_id


def says(world: World, code: int = 200, /, **members: Any) -> None:
    world.provider.reply = Reply(code, [], json.dumps(members).encode())


async def started(world: World, house: House, **members: Any) -> Started:
    says(world, id="j-1", **members)
    return await house.batches.start(await batch_model(house), JOB)


async def refusal(awaitable: Any) -> tuple[int, str | None]:
    with pytest.raises(FairleadError) as caught:
        await awaitable
    return caught.value.status, caught.value.reason


async def test_news_are_merged_into_what_is_known_of_a_job(world: World, house: House) -> None:
    made = await started(world, house, a=1, b={"c": 2})
    assert made.shown() == {
        "task_id": made.task_id,
        "status": "CREATED",
        "remote_job": {"id": "j-1", "a": 1, "b": {"c": 2}, "dlq": None},
    }
    says(world, a=3, status="complete")
    task = await house.batches.task(made.task_id)
    assert (task.state, dict(task.remote_job or {})) == (
        TaskState.COMPLETED,
        {"id": "j-1", "a": 3, "b": {"c": 2}, "dlq": None, "status": "complete"},
    )


async def test_a_provider_cannot_set_what_is_ours(world: World, house: House) -> None:
    made = await started(world, house, num_of_retries=7, dlq={"bucket": "theirs", "region": "us-east-1"})
    says(world, num_of_retries=7, dlq="x")
    task = await house.batches.task(made.task_id)
    assert dict(task.remote_job or {}) == {"id": "j-1", "dlq": None}


async def test_a_quoted_credential_is_not_stored(world: World, house: House) -> None:
    made = await started(world, house, echo={"sent": ["Bearer k-canary-0123456789"]}, big=10**30)
    says(world, again="k-canary-0123456789")
    await house.batches.task(made.task_id)
    document = await house.ports.store.get(KIND, made.task_id)
    assert document is not None
    assert "k-canary" not in json.dumps(document.body)
    assert document.body["remote_job"]["big"] == 10**30


async def test_fields_and_patterns_of_states_are_settings_and_act_at_once(world: World, house: House) -> None:
    made = await started(world, house)
    await house.settings.update({FIELDS: ("phase",), REGEX + "failed": "^kaputt$"}, {})
    await house.refresh()
    says(world, status="complete", phase="kaputte")
    assert (await house.batches.task(made.task_id)).state == TaskState.RUNNING
    says(world, phase="KAPUTT")
    assert (await house.batches.task(made.task_id)).state == TaskState.FAILED


async def test_a_pattern_that_does_not_compile_is_refused_when_it_is_set(house: House) -> None:
    with pytest.raises(IllegalArgument, match="Invalid regex pattern"):
        await house.settings.update({REGEX + "failed": "(failed"}, {})


async def test_an_answer_without_a_job_leaves_task_and_state_alone(world: World, house: House) -> None:
    says(world, id="j-1")
    made = await house.batches.start(await batch_model(house, status_post=VECTORS), JOB)
    world.provider.reply = Reply(200, [], b"[[0.5]]")
    assert await refusal(house.batches.task(made.task_id)) == (404, "Couldn't fetch status of the transform job")
    assert (await house.tasks.get(made.task_id)).state == TaskState.RUNNING


async def test_a_start_without_a_job_in_the_answer_leaves_no_task(world: World, house: House) -> None:
    model = await batch_model(house, post=VECTORS)
    world.provider.reply = Reply(200, [], b"[[0.5]]")
    assert await refusal(house.batches.start(model, JOB)) == (404, "Unable to create batch transform job")
    assert "BATCH_PREDICTION" not in {task.body["task_type"] for task in await house.ports.store.all(KIND)}


async def test_cancelling_changes_no_state_and_only_200_is_a_yes(world: World, house: House) -> None:
    made = await started(world, house)
    world.provider.reply = Reply(200, [], b"")
    await house.batches.cancel(made.task_id)
    says(world, 202)
    assert await refusal(house.batches.cancel(made.task_id)) == (
        500,
        "Couldn't cancel the transform job. Please try again",
    )
    assert (await house.tasks.get(made.task_id)).state == TaskState.RUNNING


async def test_the_task_of_another_kind_has_no_job_to_cancel(world: World, house: House) -> None:
    await batch_model(house)
    [registration] = await house.ports.store.all(KIND)
    assert (await refusal(house.batches.cancel(registration.id)))[0] == 400


async def test_a_job_whose_model_is_gone_says_so(world: World, house: House) -> None:
    made = await started(world, house)
    [model] = house.snapshot.ready
    await house.deployments.undeploy([model])
    await house.models.delete(model)
    said = (404, "Failed to retrieve the ML model for the given task ID")
    assert await refusal(house.batches.task(made.task_id)) == said
    assert await refusal(house.batches.cancel(made.task_id)) == said


async def test_a_job_is_its_models(world: World, house: House) -> None:
    await house.settings.update({"plugins.ml_commons.model_access_control_enabled": "true"}, {})
    await house.refresh()
    home = await house.groups.register(GroupFields("g", None, "private", None), OWNER)
    model = await batch_model(house, OWNER, model_group_id=home)
    says(world, id="j-1")
    assert (await refusal(house.batches.start(model, JOB, STRANGER)))[0] == 403
    made = await house.batches.start(model, JOB, OWNER)
    assert await refusal(house.batches.task(made.task_id, STRANGER)) == (
        403,
        "You don't have permission to access this batch job",
    )
    assert await refusal(house.batches.cancel(made.task_id, STRANGER)) == (
        403,
        "You don't have permission to cancel this batch job",
    )
    says(world, status="complete")
    assert (await house.batches.task(made.task_id, OWNER)).state == TaskState.COMPLETED
    assert (await refusal(house.batches.task(made.task_id, STRANGER)))[0] == 403
    await house.settings.update({"fairlead.access.refused_is_not_found": "true"}, {})
    await house.refresh()
    assert await refusal(house.batches.task(made.task_id, STRANGER)) == (404, "Failed to find task")


async def test_two_workers_do_not_pass_the_limit_together(world: World) -> None:
    one, two = await world.worker(), await world.worker()
    await one.settings.update({"plugins.ml_commons.max_batch_inference_tasks": "1"}, {})
    model = await batch_model(one)
    await two.refresh()
    says(world, id="j-1")
    inner: list[tuple[int, str | None]] = []

    async def meanwhile() -> None:
        world.provider.before = None
        inner.append(await refusal(two.batches.start(model, JOB)))

    world.provider.before = meanwhile
    await one.batches.start(model, JOB)
    assert [status for status, _ in inner] == [429]


async def test_a_crash_while_a_job_is_started_leaves_no_open_task(world: World, house: House) -> None:
    model = await batch_model(house)
    says(world, id="j-1")

    async def restarted() -> None:
        world.provider.before = None
        await fail_orphans(house.ports.store, "node-1", world.clock())

    world.provider.before = restarted
    made = await house.batches.start(model, JOB)
    # The other server was wrong: this one lived on, and the job is there.
    assert (await house.tasks.get(made.task_id)).state == TaskState.RUNNING
    await fail_orphans(house.ports.store, "node-1", world.clock())
    assert (await house.tasks.get(made.task_id)).state == TaskState.RUNNING
    waiting = Task(
        TaskType.BATCH_PREDICTION, TaskState.CREATED, model, worker_node=("node-1",), create_time=1, last_update_time=1
    )
    await house.ports.store.write([Put(KIND, "waiting", waiting.document())])
    await fail_orphans(house.ports.store, "node-1", world.clock())
    assert (await house.tasks.get("waiting")).state == TaskState.FAILED


async def test_a_start_whose_caller_left_is_carried_through_before_the_worker_ends(world: World, house: House) -> None:
    model = await batch_model(house)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await go_on.wait()

    world.provider.before = slowly
    says(world, id="j-1")
    caller = asyncio.create_task(house.batches.start(model, JOB))
    await asked.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    stopping = asyncio.create_task(house.stop_jobs())
    go_on.set()
    await stopping
    states = [task.body["state"] for task in await house.ports.store.all(KIND) if task.body.get("remote_job")]
    assert states == ["RUNNING"]


async def test_a_job_is_counted_as_what_it_is(world: World, house: House) -> None:
    await started(world, house)
    assert house.recorder.actions["batch_predict"] == [1, 0]
    assert house.recorder.predicts == 0
    model = await registered(house)
    assert (await refusal(house.batches.start(model, JOB)))[0] == 400
    assert house.recorder.actions["batch_predict"][0] == 2


async def test_reading_asks_again_for_a_job_that_was_out_of_reach(world: World, house: House) -> None:
    made = await started(world, house)
    document = await house.ports.store.get(KIND, made.task_id)
    assert document is not None
    away = {**document.body, "state": "UNREACHABLE", "error": "Unable to reach the Job"}
    await house.ports.store.write([Put(KIND, made.task_id, away)])
    says(world, status="working")
    task = await house.batches.task(made.task_id)
    assert (task.state, task.error) == (TaskState.RUNNING, None)


async def test_a_started_job_is_stored_though_the_store_was_away_a_moment(
    world: World, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = await batch_model(house)
    await house.deployments.deploy(model)
    says(world, id="j-1")
    write, failures = house.ports.store.write, [StoreUnavailable("away")]

    async def sometimes(steps: Any) -> Any:
        if failures and any(getattr(step, "kind", "") == KIND and step.body.get("remote_job") for step in steps):
            raise failures.pop()
        return await write(steps)

    monkeypatch.setattr(house.ports.store, "write", sometimes)
    made = await house.batches.start(model, JOB)
    assert failures == []
    assert (await house.tasks.get(made.task_id)).remote_job is not None
