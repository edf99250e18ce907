"""Following the store: which kinds, what is forgotten, and that nobody waits in vain."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.domain.ports import FORGET, Put
from fairlead.service.house import House
from unit.service.world import World, registered

pytestmark = pytest.mark.on_both_databases


async def test_a_change_of_another_kind_wakes_a_follower_once(world: World) -> None:
    house = await world.worker()
    calls = 0
    catch_up = house.snapshot.catch_up

    async def counted() -> None:
        nonlocal calls
        calls += 1
        await catch_up()

    house.snapshot.catch_up = counted  # type: ignore[method-assign]
    follower = asyncio.create_task(house.snapshot.follow())
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def take(id: str, document: object) -> None:
        await seen.put(id)

    house.snapshot.follow_kind("watched", take)
    try:
        await house.ports.store.write([Put("task", "t", {})])
        await house.ports.store.write([Put("watched", "w", {})])
        async with asyncio.timeout(10):
            assert await seen.get() == "w"
        assert 1 <= calls <= 3
        assert seen.empty()
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)


async def test_a_fault_in_one_change_does_not_end_the_following(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fairlead.service.snapshot._AGAIN_SECONDS", 0.001)
    house = await world.worker()
    taken, tries = asyncio.Event(), 0

    async def take(id: str, document: object) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ZeroDivisionError
        taken.set()

    house.snapshot.follow_kind("watched", take)
    follower = asyncio.create_task(house.snapshot.follow())
    try:
        await house.ports.store.write([Put("watched", "w", {})])
        async with asyncio.timeout(10):
            await taken.wait()
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    assert caplog.messages == ["unexpected fault while following the store"]


async def test_what_is_forgotten_is_taken_anew(house: House) -> None:
    model = await registered(house)
    await house.deployments.deploy(model)
    for kind in ("model", "cluster_settings"):
        await house.snapshot._followed[kind](FORGET, None)
    assert house.snapshot.ready == {}
    assert house.snapshot.settings["max_model_on_node"] == 10


async def test_a_deleted_model_is_gone_for_all_who_listen(house: House) -> None:
    gone: list[str] = []
    house.snapshot.on_model_gone.append(gone.append)
    model = await registered(house)
    await house.models.delete(model)
    assert gone == [model]
    assert model not in house.recorder.models
