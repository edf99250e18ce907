"""The poller: one round at a moment that the test chooses."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.domain.task import KIND, TaskState
from fairlead.errors import StatusFault
from fairlead.service.house import House
from fairlead.transport.port import Reply
from unit.service.batches.test_batches import JOB, batch_model, says, started
from unit.service.world import World

pytestmark = pytest.mark.on_both_databases

INTERVAL = "fairlead.batch.poll_interval_in_seconds"


class Looks:
    """Counts what the provider is asked."""

    def __init__(self, world: World) -> None:
        self.count = 0
        world.provider.before = self._look

    async def _look(self) -> None:
        self.count += 1


async def rounds(world: World, house: House, count: int, minutes: float) -> None:
    for _ in range(count):
        world.clock.minutes(minutes)
        await house.batch_poller.round()


async def state(house: House, id: str) -> TaskState:
    return (await house.tasks.get(id)).state


async def test_a_job_is_asked_for_once_an_interval_and_not_after_its_end(world: World, house: House) -> None:
    made = await started(world, house)
    looks = Looks(world)
    says(world, status="working")
    await rounds(world, house, 1, 0.5)
    assert looks.count == 0
    await rounds(world, house, 1, 0.5)
    assert looks.count == 1
    await rounds(world, house, 4, 0.2)
    assert looks.count == 1
    says(world, status="completed")
    await rounds(world, house, 1, 1)
    assert (looks.count, await state(house, made.task_id)) == (2, TaskState.COMPLETED)
    await rounds(world, house, 3, 5)
    assert looks.count == 2


async def test_a_cancelling_job_is_asked_for_until_it_is_cancelled(world: World, house: House) -> None:
    made = await started(world, house)
    for said, wanted in (("stopping", TaskState.CANCELLING), ("stopped", TaskState.CANCELLED)):
        says(world, status=said)
        await rounds(world, house, 1, 1)
        assert await state(house, made.task_id) == wanted


async def test_failures_make_the_interval_longer_and_eleven_end_the_polling(world: World, house: House) -> None:
    made = await started(world, house)
    looks = Looks(world)
    says(world, 503)
    asked = []
    for _ in range(24 * 60):
        world.clock.minutes(1)
        await house.batch_poller.round()
        asked.append(looks.count)
        if await state(house, made.task_id) == TaskState.UNREACHABLE:
            break
    assert looks.count == 11
    gaps = [asked.index(number + 1) - asked.index(number) for number in range(1, 11)]
    assert gaps == sorted(gaps)
    assert (gaps[0], max(gaps)) == (2, 15)  # 1.8 minutes, then up to 16 times 0.9
    task = await house.tasks.get(made.task_id)
    assert (task.remote_job or {})["num_of_retries"] == 11
    assert (task.error or "").startswith("Unable to reach the Job: j-1. Error Message: ")
    await rounds(world, house, 3, 60)
    assert looks.count == 11


async def test_an_answer_ends_the_row_of_failures(world: World, house: House) -> None:
    made = await started(world, house)
    says(world, 503)
    await rounds(world, house, 2, 5)
    assert ((await house.tasks.get(made.task_id)).remote_job or {})["num_of_retries"] == 2
    says(world, status="working")
    await rounds(world, house, 1, 20)
    assert "num_of_retries" not in ((await house.tasks.get(made.task_id)).remote_job or {})


async def test_a_provider_that_throttles_is_left_alone_for_as_long_as_it_says(world: World, house: House) -> None:
    made = await started(world, house)
    looks = Looks(world)
    world.provider.reply = Reply(429, [(b"Retry-After", b"1200")], b"{}")
    await rounds(world, house, 1, 1)
    await rounds(world, house, 19, 1)
    assert looks.count == 1
    await rounds(world, house, 1, 1)
    assert looks.count == 2
    assert "num_of_retries" not in ((await house.tasks.get(made.task_id)).remote_job or {})


async def test_keys_that_are_away_are_no_failure_of_the_provider(world: World, house: House) -> None:
    made = await started(world, house)
    [model] = house.snapshot.ready
    await house.deployments.undeploy([model])
    world.vault.locked = True
    await rounds(world, house, 3, 2)
    assert ((await house.tasks.get(made.task_id)).remote_job or {}).get("num_of_retries") is None
    world.vault.locked = False
    says(world, status="completed")
    await rounds(world, house, 1, 2)
    assert await state(house, made.task_id) == TaskState.COMPLETED


async def test_a_job_of_a_model_that_is_gone_gets_out_of_reach(world: World, house: House) -> None:
    made = await started(world, house)
    [model] = house.snapshot.ready
    await house.deployments.undeploy([model])
    await house.models.delete(model)
    await rounds(world, house, 11, 60)
    assert await state(house, made.task_id) == TaskState.UNREACHABLE


async def test_one_bad_provider_does_not_hold_up_the_others(world: World, house: House) -> None:
    model = await batch_model(house)
    says(world, id="j")
    ids = [(await house.batches.start(model, JOB)).task_id for _ in range(20)]
    turns = iter(range(100))

    async def every_second_fails() -> None:
        if next(turns) % 2:
            raise StatusFault("broken", 503)

    world.provider.before = every_second_fails
    says(world, status="completed")
    await rounds(world, house, 1, 1)
    states = [await state(house, id) for id in ids]
    assert (states.count(TaskState.COMPLETED), states.count(TaskState.RUNNING)) == (10, 10)


async def test_a_defect_is_reported_when_all_were_asked_and_waits_its_turn_like_any_failure(
    world: World, house: House
) -> None:
    model = await batch_model(house)
    says(world, id="j")
    ids = [(await house.batches.start(model, JOB)).task_id for _ in range(3)]
    looks = Looks(world)
    inner = world.provider.before
    assert inner is not None

    async def first_is_a_defect() -> None:
        await inner()
        if looks.count == 1:
            raise ZeroDivisionError

    world.provider.before = first_is_a_defect
    says(world, status="completed")
    with pytest.raises(ZeroDivisionError):
        await rounds(world, house, 1, 1)
    assert [await state(house, id) for id in ids].count(TaskState.COMPLETED) == 2
    await rounds(world, house, 1, 0.5)
    assert looks.count == 3
    await rounds(world, house, 1, 0.5)
    assert [await state(house, id) for id in ids].count(TaskState.COMPLETED) == 3


async def test_a_round_asks_for_what_another_worker_started(world: World) -> None:
    one, two = await world.worker(), await world.worker()
    made = await started(world, one)
    says(world, status="completed")
    await rounds(world, two, 1, 1)
    assert await state(one, made.task_id) == TaskState.COMPLETED


async def asked_with(world: World, house: House, **settings: Any) -> int:
    await started(world, house)
    await house.settings.update({key.replace("__", "."): value for key, value in settings.items()}, {})
    await house.refresh()
    looks = Looks(world)
    says(world, status="working")
    await rounds(world, house, 3, 2)
    return looks.count


async def test_an_interval_of_0_asks_nobody(world: World, house: House) -> None:
    assert await asked_with(world, house, **{INTERVAL: "0"}) == 0


async def test_a_longer_interval_acts_at_once(world: World, house: House) -> None:
    assert await asked_with(world, house, **{INTERVAL: "3600"}) == 0


async def test_switched_off_nobody_is_asked(world: World, house: House) -> None:
    assert await asked_with(world, house, plugins__ml_commons__offline_batch_inference_enabled="false") == 0


async def test_a_task_that_ends_while_its_provider_is_asked_stays_ended(world: World, house: House) -> None:
    made = await started(world, house)

    async def meanwhile() -> None:
        world.provider.before = None
        says(world, status="completed")
        await house.batches.task(made.task_id)
        says(world, status="failed")

    world.provider.before = meanwhile
    await rounds(world, house, 1, 1)
    assert await state(house, made.task_id) == TaskState.COMPLETED
    assert await house.ports.store.count(KIND) >= 1


async def test_a_clock_that_was_put_back_holds_up_no_polling(world: World, house: House) -> None:
    made = await started(world, house)
    says(world, status="working")
    looks = Looks(world)
    await rounds(world, house, 1, 2)
    world.clock.put_back(60)
    await rounds(world, house, 1, 2)
    assert looks.count == 2
    fresh = await world.worker()
    await rounds(world, fresh, 2, 2)
    assert looks.count >= 3
    assert await state(house, made.task_id) == TaskState.RUNNING
