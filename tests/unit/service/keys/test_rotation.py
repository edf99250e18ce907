"""Sealing everything anew under a new data key, beside writers and other runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.connector import KIND as CONNECTOR
from fairlead.domain.ports import Put, SealContext, Step, StoreUnavailable, Written
from fairlead.domain.sealed import key_of
from fairlead.domain.secret import Secret
from fairlead.service.keys import rotation
from fairlead.service.keys.rotation import BATCH, count_stale, pending, rotate_data_key
from fairlead.store import SqlStore, open_store
from unit.service.sealed import key_ids, milliseconds, opened, plant, vault_of

CONTEXT = SealContext("default", "connector", "c", "key", ())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    made = await open_store(f"sqlite:///{tmp_path}/fairlead.db")
    yield made
    await made.close()


async def test_every_value_is_under_the_new_key_and_means_what_it_meant(store: SqlStore, tmp_path: Path) -> None:
    vault = await vault_of(store, tmp_path)
    planted = await plant(store, vault, 60)
    assert BATCH < 60
    old = vault.active
    done = await rotate_data_key(store, vault, milliseconds)
    assert (done.resources, done.values, done.resumed, done.unreadable) == (120, 240, False, ())
    assert await key_ids(store) == {done.key}
    assert done.key != old
    assert await opened(store, vault) == planted
    assert await pending(store) is None


async def test_values_sealed_anew_are_still_bound_to_their_place(store: SqlStore, tmp_path: Path) -> None:
    """Otherwise a rotation would undo T-29 and T-07."""
    vault = await vault_of(store, tmp_path)
    await plant(store, vault, 2)
    await rotate_data_key(store, vault, milliseconds)
    one, two = [await store.get(CONNECTOR, f"connector {n}") for n in range(2)]
    assert one is not None
    assert two is not None
    await store.write([Put(CONNECTOR, two.id, {**two.body, "credential": one.body["credential"]})])
    done = await rotate_data_key(store, vault, milliseconds)
    assert done.unreadable == ("connector connector 1",)


async def test_another_process_opens_and_seals_with_the_new_key_without_being_told(
    store: SqlStore, tmp_path: Path
) -> None:
    vault, other = await vault_of(store, tmp_path), await vault_of(store, tmp_path)
    planted = await plant(store, vault, 2)
    done = await rotate_data_key(store, vault, milliseconds)
    assert await opened(store, other) == planted
    sealed = await other.seal({CONTEXT: Secret("new")})
    assert key_of(sealed[CONTEXT]) == done.key


class Failing:
    """A store whose nth write fails, before or after it was carried out."""

    def __init__(self, store: SqlStore, nth: int, *, after: bool) -> None:
        self._store = store
        self._left = nth
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, changes: Sequence[Step]) -> list[Written]:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise StoreUnavailable("gone")
        written = await self._store.write(changes)
        if self._left == 0:
            raise StoreUnavailable("gone")
        return written


@pytest.mark.parametrize("after", [False, True])
async def test_a_rotation_broken_off_at_any_write_goes_on_and_makes_no_further_key(
    store: SqlStore, tmp_path: Path, after: bool
) -> None:
    planted = await plant(store, await vault_of(store, tmp_path), 2)
    for nth in range(1, 20):
        failing = Failing(store, nth, after=after)
        try:
            await rotate_data_key(failing, await vault_of(failing, tmp_path), milliseconds)
        except StoreUnavailable:
            assert await opened(store, await vault_of(store, tmp_path)) == planted
            continue
        break
    assert nth == (3 if after else 4)
    vault = await vault_of(store, tmp_path)
    assert await pending(store) is None
    assert await key_ids(store) == {vault.active}
    # Only a rotation whose beginning was lost begins anew: one key at first, and one for the rotation.
    assert len(vault.state.body["keys"]) == 2
    assert await opened(store, vault) == planted


async def test_a_resumed_rotation_keeps_the_key_that_was_made_for_it(store: SqlStore, tmp_path: Path) -> None:
    vault = await vault_of(store, tmp_path)
    await plant(store, vault, 1)
    await vault.add_data_key([Put(rotation.KIND, rotation.DATA_KEY, {"started": 1}, 0)])
    begun = vault.active
    assert await count_stale(store, begun) == (2, 4)
    done = await rotate_data_key(store, await vault_of(store, tmp_path), milliseconds)
    assert (done.key, done.resumed, done.values) == (begun, True, 4)
    assert len(vault.state.body["keys"]) == 2


async def test_two_runs_at_once_and_writers_beside_them_lose_nothing(store: SqlStore, tmp_path: Path) -> None:
    vaults = [await vault_of(store, tmp_path) for _ in range(3)]
    await plant(store, vaults[0], 20)
    ended = asyncio.Event()

    async def write() -> int:
        number = 0
        while not ended.is_set() or number < 20:
            number += 1
            document = await store.get(CONNECTOR, f"connector {number % 20}")
            assert document is not None
            # Keeps the sealed value, as an update of the name does.
            await store.write([Put(CONNECTOR, document.id, {**document.body, "name": f"n{number}"})])
        return number

    async def rotate() -> None:
        await asyncio.gather(*(rotate_data_key(store, vault, milliseconds) for vault in vaults[:2]))
        ended.set()

    written, _ = await asyncio.gather(write(), rotate())
    assert written >= 20
    # A writer without compare-and-set may have put an old value back: the next rotation finds it.
    done = await rotate_data_key(store, vaults[2], milliseconds)
    assert done.unreadable == ()
    found = await opened(store, vaults[2])
    assert {id: values["key"] for id, values in found.items()} == {id: Secret(f"sk-{id[1]}") for id in found}


async def test_what_does_not_open_is_left_and_named(store: SqlStore, tmp_path: Path) -> None:
    vault = await vault_of(store, tmp_path)
    await plant(store, vault, 1)
    document = await store.get(CONNECTOR, "connector 0")
    assert document is not None
    moved = {
        **document.body,
        "parameters": {},
        "actions": [{**document.body["actions"][0], "url": "https://evil.example/"}],
    }
    await store.write([Put(CONNECTOR, "connector 0", moved)])
    done = await rotate_data_key(store, vault, milliseconds)
    assert done.unreadable == ("connector connector 0",)
    assert done.resources == 1
    after = await store.get(CONNECTOR, "connector 0")
    assert after is not None
    assert after.body == moved
