"""Identity of one worker: when a key was last used, told by several workers; a change, told to all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead.domain.ports import Store, StoreUnavailable
from fairlead.service.security.api_keys import USE_KIND
from fairlead.service.security.beacon import Beacon
from fairlead.service.security.service import SecurityService
from fairlead.service.snapshot import Snapshot
from fairlead.store import open_store

MINUTE = 60_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    await opened.close()


def worker(store: Store) -> SecurityService:
    return SecurityService(store, Snapshot(store, {}), lambda: 0, lambda: 0.0)


async def last_used(store: Store) -> dict[str, int]:
    return {document.id: document.body["last_used"] for document in await store.all(USE_KIND)}


async def test_the_latest_use_stands_whichever_worker_writes_it_down_first(store: Store) -> None:
    early, late = worker(store), worker(store)
    early._use("k1", 5 * MINUTE + 7)
    early._use("k2", 9 * MINUTE)
    late._use("k1", 8 * MINUTE + 1)
    await late.save_uses()
    await early.save_uses()
    assert await last_used(store) == {"k1": 8 * MINUTE, "k2": 9 * MINUTE}


async def test_a_use_that_could_not_be_written_is_written_the_next_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = worker(store)
    service._use("k1", 5 * MINUTE)
    service._use("k2", 5 * MINUTE)
    with monkeypatch.context() as away:

        async def fail(kind: str) -> None:
            service._use("k2", 6 * MINUTE)
            raise StoreUnavailable("away")

        away.setattr(store, "all", fail)
        await service.save_uses()
    await service.save_uses()
    assert await last_used(store) == {"k1": 5 * MINUTE, "k2": 6 * MINUTE}


async def test_all_workers_are_told_of_a_change_though_the_store_went_away_after_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beacon = Beacon(tmp_path)
    workers = [SecurityService(store, Snapshot(store, {}), lambda: 0, lambda: 0.0, shared=beacon) for _ in range(2)]
    for service in workers:
        await service.catch_up()
    with monkeypatch.context() as away:

        async def fail(*arguments: object) -> None:
            raise StoreUnavailable("away")

        away.setattr(store, "changes", fail)
        away.setattr(store, "revision", fail)
        with pytest.raises(StoreUnavailable):
            await workers[0].flush()
    assert [service.behind for service in workers] == [True, True]
    for service in workers:
        await service.catch_up()
    assert [service.behind for service in workers] == [False, False]
    beacon.close()
