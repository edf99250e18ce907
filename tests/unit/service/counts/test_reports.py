"""What workers tell each other of their counts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from fairlead.service.counts.reports import DEAD_MILLISECONDS, KIND, PATIENCE_SECONDS, drop_dead_nodes, forget_reports
from fairlead.service.house import House
from unit.service.world import World

pytestmark = pytest.mark.on_both_databases


@contextlib.asynccontextmanager
async def working(*houses: House) -> AsyncIterator[None]:
    """Workers whose reporting and following run, and have reported once."""
    tasks = [asyncio.create_task(run) for house in houses for run in (house.reports.run(), house.snapshot.follow())]
    store = houses[0].ports.store
    seen = 0
    while await store.count(KIND) < len(houses):
        seen = await store.wait(seen, 5)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def predicts(house: House, count: int) -> None:
    for _ in range(count):
        house.recorder.succeeded(house.recorder.begin("m", "REMOTE"), house.recorder.now())


async def test_the_totals_are_exact_whoever_is_asked(world: World) -> None:
    houses = [await world.worker() for _ in range(3)]
    async with working(*houses):
        for count, house in enumerate(houses, 1):
            predicts(house, count * 10)
        for house in houses:
            [(node, reports)] = (await house.reports.by_node()).items()
            assert node == "node-1"
            assert sum(report["requests"] for report in reports) == 60
            assert sorted(report["requests"] for report in reports) == [10, 20, 30]


async def test_a_worker_that_is_alone_writes_nothing_when_asked(house: House) -> None:
    before = await house.ports.store.revision()
    assert list(await house.reports.by_node()) == ["node-1"]
    assert await house.ports.store.revision() == before


async def test_a_worker_that_does_not_answer_is_not_waited_for_long_and_its_counts_stay(world: World) -> None:
    one, two = await world.worker(), await world.worker()
    async with working(one, two):
        predicts(two, 5)
        await one.reports.by_node()
    predicts(two, 7)  # it was killed: these are lost
    async with asyncio.timeout(PATIENCE_SECONDS * 20):
        reports = (await one.reports.by_node())["node-1"]
    assert sum(report["requests"] for report in reports) == 5
    assert [report["stopped"] for report in reports] == [False, False]
    world.clock.minutes(1)
    assert [report["stopped"] for report in (await one.reports.by_node())["node-1"]] == [False, True]


async def test_a_stopped_worker_leaves_its_counts_and_a_node_without_workers_is_gone(world: World) -> None:
    here, there = await world.worker("node-1"), await world.worker("node-2")
    async with working(here, there):
        predicts(there, 3)
        assert set(await here.reports.by_node()) == {"node-1", "node-2"}
    await there.reports.stop()
    assert set(await here.reports.by_node()) == {"node-1"}
    assert await here.reports.last_used() == {}


async def test_a_node_that_starts_forgets_its_own_reports_only(world: World) -> None:
    here, there = await world.worker("node-1"), await world.worker("node-2")
    async with working(here, there):
        pass
    await forget_reports(here.ports.store, "node-1")
    assert [document.body["node"] for document in await here.ports.store.all(KIND)] == ["node-2"]


async def test_reports_of_a_node_are_dropped_when_it_was_gone_for_long(world: World) -> None:
    here, there = await world.worker("node-1"), await world.worker("node-2")
    async with working(here, there):
        pass
    await drop_dead_nodes(here.ports.store, world.clock() + DEAD_MILLISECONDS)
    assert await here.ports.store.count(KIND) == 2
    world.clock.now += DEAD_MILLISECONDS + 1
    await here.reports.stop()
    await drop_dead_nodes(here.ports.store, world.clock())
    assert [document.body["node"] for document in await here.ports.store.all(KIND)] == ["node-1"]
