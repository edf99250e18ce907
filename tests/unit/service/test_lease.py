"""One of all workers does a job."""

from __future__ import annotations

import pytest

from fairlead.service.lease import Lease
from unit.service.world import World

pytestmark = pytest.mark.on_both_databases


async def test_one_holds_it_until_it_runs_out(world: World) -> None:
    store = (await world.worker()).ports.store
    one, two = (Lease(store, "job", name, world.clock, world.clock.monotonic) for name in ("one", "two"))
    assert await one.hold(60_000)
    assert not await two.hold(60_000)
    world.clock.minutes(0.5)
    assert await one.hold(60_000)
    world.clock.minutes(0.75)
    assert not await two.hold(60_000)
    world.clock.minutes(0.5)
    assert await two.hold(60_000)
    assert not await one.hold(60_000)


async def test_a_released_lease_is_free_and_a_lost_one_cannot_be_released(world: World) -> None:
    store = (await world.worker()).ports.store
    one, two = (Lease(store, "job", name, world.clock, world.clock.monotonic) for name in ("one", "two"))
    await one.release()
    assert await one.hold(60_000)
    await two.release()
    assert not await two.hold(60_000)
    await one.release()
    assert await two.hold(60_000)


async def test_of_two_who_want_it_at_once_one_gets_it(world: World) -> None:
    stores = [(await world.worker()).ports.store for _ in range(2)]
    leases = [Lease(store, "job", f"worker {n}", world.clock, world.clock.monotonic) for n, store in enumerate(stores)]
    for _ in range(10):
        world.clock.minutes(2)
        assert sorted([await lease.hold(60_000) for lease in leases]) == [False, True]


async def test_a_clock_that_was_put_back_keeps_a_dead_workers_lease_for_its_length_and_no_longer(world: World) -> None:
    store = (await world.worker()).ports.store
    dead, alive = (Lease(store, "job", name, world.clock, world.clock.monotonic) for name in ("dead", "alive"))
    assert await dead.hold(60_000)
    world.clock.put_back(60)
    assert not await alive.hold(60_000)
    world.clock.minutes(0.9)
    assert not await alive.hold(60_000)
    world.clock.minutes(0.2)
    assert await alive.hold(60_000)


async def test_a_clock_that_was_put_back_takes_no_lease_from_whom_renews_it(world: World) -> None:
    store = (await world.worker()).ports.store
    one, two = (Lease(store, "job", name, world.clock, world.clock.monotonic) for name in ("one", "two"))
    assert await one.hold(60_000)
    world.clock.put_back(60)
    for _ in range(4):
        world.clock.minutes(0.5)
        assert await one.hold(60_000)
        assert not await two.hold(60_000)
