"""Files that are the truth about users: when a change is taken, and what leaves everything as it was."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audits import KeptAudit
from fairlead.domain.ports import Store, StoreUnavailable
from fairlead.domain.security_objects import MAPPINGS, ROLES, USERS
from fairlead.service.security.hashing import HashPool
from fairlead.service.security.watched_files import WatchedFiles
from fairlead.store import open_store
from identities import quick_hash

HASH = quick_hash()


class World:
    def __init__(self, directory: Path, store: Store) -> None:
        self.directory = directory
        self.store = store
        self.changes = 0
        self.audit = KeptAudit()
        self.users("ann", "bob")

    def watch(self, *, guess: bool = False, failing: bool = False) -> WatchedFiles:
        async def changed() -> None:
            self.changes += 1
            if failing:
                raise StoreUnavailable("away")

        return WatchedFiles(self.directory, self.store, HashPool(1), changed, self.audit, guess=guess)

    def write(self, name: str, text: str) -> None:
        fresh = self.directory / "fresh"
        fresh.write_text(text)
        os.replace(fresh, self.directory / name)

    def users(self, *names: str, hash: str = HASH) -> None:
        lines = [f"{name}: {{hash: '{hash}'}}" for name in names]
        self.write("internal_users.yml", "\n".join(["_meta: {type: internalusers, config_version: 2}", *lines]))

    async def names(self, kind: str = USERS.kind) -> list[str]:
        return [document.id for document in await self.store.all(kind)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    directory = tmp_path / "security"
    directory.mkdir()
    yield World(directory, store)
    await store.close()


async def test_a_change_is_taken_when_it_was_left_alone_for_a_round(world: World) -> None:
    files = world.watch()
    await files.round()
    assert await world.names() == []
    await files.round()
    assert await world.names() == ["ann", "bob"]
    world.users("ann")
    await files.round()
    world.users("ann", "cat")
    await files.round()
    assert await world.names() == ["ann", "bob"]
    await files.round()
    assert await world.names() == ["ann", "cat"]
    assert world.changes == 2
    await files.round()
    assert world.changes == 2
    assert [event.reason.partition(": ")[2] for event in world.audit.events] == ["2 objects were taken"] * 2
    assert "$" not in repr(world.audit.events)


async def test_a_change_that_was_taken_is_told_once_though_the_store_goes_away_after_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    files = world.watch(failing=True)
    await files.round()
    with pytest.raises(StoreUnavailable):
        await files.round()
    for _ in range(3):
        await files.round()
    assert await world.names() == ["ann", "bob"]
    assert world.changes == 1
    assert [event.reason.partition(": ")[2] for event in world.audit.events] == ["2 objects were taken"]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "the users' files changed: 2 objects were taken"
    ]


async def test_workers_that_see_one_change_write_it_once(world: World) -> None:
    watches = [world.watch() for _ in range(3)]
    for _ in range(2):
        for files in watches:
            await files.round()
    assert world.changes == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "internal_users.yml"),
        ("_meta: {type: internalusers, config_version: 2}\nann: {hash: x}", "ann: neither a bcrypt nor an Argon2 hash"),
        ("_meta: {type: roles, config_version: 2}\n", "wanted are 'internalusers' and 2"),
        (None, "is not there any more"),
    ],
)
async def test_a_change_that_cannot_be_taken_leaves_all_as_it_was_and_is_told_until_it_is_mended(
    world: World, caplog: pytest.LogCaptureFixture, text: str | None, told: str
) -> None:
    world.write("roles.yml", "_meta: {type: roles, config_version: 2}\nreader: {}")
    files = world.watch()
    for _ in range(2):
        await files.round()
    world.write("roles.yml", "_meta: {type: roles, config_version: 2}\nother: {}")
    if text is None:
        (world.directory / "internal_users.yml").unlink()
    else:
        world.write("internal_users.yml", text)
    for _ in range(4):
        await files.round()
    assert (await world.names(), await world.names(ROLES.kind)) == (["ann", "bob"], ["reader"])
    assert files.problem is not None
    assert told in files.problem
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    world.users("ann")
    for _ in range(2):
        await files.round()
    assert files.problem is None
    assert (await world.names(), await world.names(ROLES.kind)) == (["ann"], ["other"])


async def test_a_kind_that_has_no_file_from_the_start_is_empty(world: World) -> None:
    files = world.watch()
    for _ in range(2):
        await files.round()
    assert await world.names(MAPPINGS.kind) == []
    assert files.problem is None


async def test_a_password_that_everybody_can_know_is_not_taken_where_others_connect(world: World) -> None:
    files = world.watch(guess=True)
    for _ in range(2):
        await files.round()
    world.users("ann", "bob", "eve", hash=quick_hash("eve"))
    for _ in range(2):
        await files.round()
    assert files.problem is not None
    assert "'eve'" in files.problem
    assert await world.names() == ["ann", "bob"]
