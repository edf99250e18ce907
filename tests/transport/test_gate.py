"""The gate hands each slot to one caller, in order, and loses none, whatever is cancelled or times out."""

from __future__ import annotations

import asyncio
import random

import pytest

from fairlead.transport.gate import Gate
from fairlead.transport.port import Kind, Stage, UpstreamError


async def test_a_slot_that_is_handed_over_cannot_be_taken_by_a_newcomer() -> None:
    gate = Gate(1, 5, "h:1")
    await gate.enter(1)
    waiter = asyncio.create_task(gate.enter(1))
    await asyncio.sleep(0)
    gate.leave()
    assert not gate.try_enter()
    await waiter
    assert (gate.inside, gate.waiting) == (1, 0)


async def test_a_waiter_cancelled_after_it_was_given_the_slot_passes_it_on() -> None:
    gate = Gate(1, 5, "h:1")
    await gate.enter(1)
    first, second = (asyncio.create_task(gate.enter(1)) for _ in range(2))
    await asyncio.sleep(0)
    gate.leave()
    first.cancel()
    await second
    assert first.cancelled()
    gate.leave()
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_no_queue_means_refused_at_once() -> None:
    gate = Gate(1, 0, "h:1")
    assert gate.try_enter()
    with pytest.raises(UpstreamError) as caught:
        await gate.enter(1)
    assert (caught.value.stage, caught.value.kind, caught.value.sent) == (Stage.POOL, Kind.FULL, False)
    assert "h:1" in caught.value.reason


async def test_a_wait_that_times_out_leaves_the_line() -> None:
    gate = Gate(1, 1, "h:1")
    await gate.enter(1)
    for _ in range(3):
        with pytest.raises(UpstreamError) as caught:
            await gate.enter(0.0)
        assert caught.value.kind is Kind.TIMEOUT
        assert gate.waiting == 0
    gate.leave()
    await gate.enter(0)


async def test_closing_refuses_who_waits_and_who_comes() -> None:
    gate = Gate(1, 5, "h:1")
    await gate.enter(1)
    waiter = asyncio.create_task(gate.enter(1))
    await asyncio.sleep(0)
    gate.close()
    (outcome,) = await asyncio.gather(waiter, return_exceptions=True)
    assert isinstance(outcome, UpstreamError)
    gate.leave()
    assert not gate.try_enter()
    with pytest.raises(UpstreamError, match="closed"):
        await gate.enter(1)


@pytest.mark.parametrize("seed", range(5))
async def test_slots_are_conserved_under_random_cancels_and_timeouts(seed: int) -> None:
    rnd = random.Random(seed)
    gate = Gate(3, 20, "h:1")
    inside = most = 0

    async def visit() -> None:
        nonlocal inside, most
        try:
            if not gate.try_enter():
                await gate.enter(rnd.choice([0.0, 0.001, 1.0]))
        except UpstreamError:
            return
        inside += 1
        most = max(most, inside)
        try:
            for _ in range(rnd.randrange(4)):
                await asyncio.sleep(0)
        finally:
            inside -= 1
            gate.leave()

    tasks = []
    for _ in range(300):
        tasks.append(asyncio.create_task(visit()))
        if rnd.random() < 0.5:
            await asyncio.sleep(0)
        if rnd.random() < 0.3:
            rnd.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (most, inside, gate.inside, gate.waiting) == (3, 0, 0, 0)
