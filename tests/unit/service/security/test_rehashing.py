"""Hashes made anew after a login: which, when, told to whom; and that no change of a user is ever lost to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from audits import KeptAudit
from fairlead.bootstrap.users import OPERATOR
from fairlead.domain.audit import Category
from fairlead.domain.identity import Head, Refused
from fairlead.domain.ports import Put, Store, StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import PASSWORD_UNTIL, USERS
from fairlead.security.passwords import BCRYPT_BYTES, cost_of, hash_password, outdated, verify_password
from fairlead.service.security.rehashing import Rehashing
from fairlead.service.security.service import SecurityService, SecuritySettings
from fairlead.service.snapshot import Snapshot
from fairlead.store import open_store
from identities import PASSWORD, authorization, quick_hash

NEW = "Quay-Of-Lanterns_7"


def argon2(memory: int, passes: int) -> str:
    kdf = Argon2id(salt=b"s" * 16, length=32, iterations=passes, lanes=1, memory_cost=memory)
    return kdf.derive_phc_encoded(PASSWORD.encode())


def bcrypted(password: str, rounds: int = 4) -> str:
    return bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], bcrypt.gensalt(rounds)).decode()


class World:
    def __init__(self, store: Store, audit: KeptAudit) -> None:
        self.store = store
        self.audit = audit

    async def worker(self, settings: SecuritySettings | None = None) -> SecurityService:
        snapshot = Snapshot(self.store, {})
        service = SecurityService(self.store, snapshot, lambda: 0, lambda: 0.0, settings, audit=self.audit)
        await snapshot.start(lambda id, model: pytest.fail("no model is loaded here"))
        return service

    async def user(self, name: str) -> dict[str, Any]:
        found = await self.store.get(USERS.kind, name)
        assert found is not None
        return found.body

    async def put(self, name: str, **body: Any) -> None:
        await self.store.write([Put(USERS.kind, name, {"hash": quick_hash(), **body})])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield World(store, KeptAudit())
    await store.close()


async def log_in(service: SecurityService, name: str, password: str = PASSWORD) -> Principal | Refused | None:
    head = Head("GET", b"/", [], authorization(name, password), "127.0.0.1", {})
    found = await service.basic.identify(head)
    await service.rehashing.computed()
    return found


def change(new: str = NEW, current: str = PASSWORD) -> bytes:
    return json.dumps({"current_password": current, "password": new}).encode()


@pytest.mark.parametrize(
    ("stored", "weak"),
    [
        (lambda: bcrypted(PASSWORD, 4), True),
        (lambda: "$2y$09$" + "a" * 53, True),
        (lambda: "$2y$10$" + "a" * 53, False),
        (lambda: "$2y$12$" + "a" * 53, False),
        (lambda: argon2(8, 1), True),
        (lambda: argon2(19 * 1024, 1), True),
        (lambda: argon2(1024, 60), True),
        (lambda: argon2(64 * 1024, 3), False),
        (lambda: hash_password(PASSWORD), False),
        (lambda: "$2y$04$short", False),
        (lambda: "", False),
    ],
)
def test_a_hash_is_outdated_that_costs_less_than_a_new_one(stored: Callable[[], str], weak: bool) -> None:
    assert outdated(stored(), PASSWORD) is weak


def test_an_end_that_bcrypt_did_not_look_at_is_never_taken_for_the_password() -> None:
    longest = "x" * BCRYPT_BYTES
    assert outdated(bcrypted(longest), longest)
    assert verify_password(bcrypted(longest), longest + "anything")
    assert not outdated(bcrypted(longest), longest + "anything")


async def test_a_good_login_leaves_a_hash_of_todays_cost_and_changes_nothing_else(world: World) -> None:
    await world.put("alice", hash=bcrypted(PASSWORD), backend_roles=["a"], attributes={"k": "v"}, **{PASSWORD_UNTIL: 9})
    before = await world.user("alice")
    service = await world.worker()
    assert isinstance(await log_in(service, "alice", "wrong"), Refused)
    await service.rehashing.write()
    assert await world.user("alice") == before
    assert isinstance(await log_in(service, "alice"), Principal)
    assert await world.user("alice") == before  # no login waits for it
    await service.rehashing.write()
    after = await world.user("alice")
    assert verify_password(after["hash"], PASSWORD)
    assert cost_of(after["hash"]) == cost_of(hash_password("x"))
    assert {**after, "hash": ""} == {**before, "hash": ""}
    assert isinstance(await log_in(service, "alice"), Principal)
    await service.rehashing.write()
    assert await world.user("alice") == after
    [told] = [e for e in world.audit.events if e.category is Category.COMPLIANCE_INTERNAL_CONFIG_WRITE]
    assert (told.user, told.details["resource"]) == ("alice", "name=alice")
    assert "$" not in repr(told)


@pytest.mark.parametrize("flag", ["reserved", "hidden", "static"])
async def test_protected_entries_keep_their_hash(world: World, flag: str) -> None:
    await world.put("alice", **{flag: True})
    before = await world.user("alice")
    service = await world.worker()
    await log_in(service, "alice")
    await service.rehashing.write()
    assert await world.user("alice") == before


async def test_an_entry_that_became_reserved_meanwhile_keeps_its_hash(world: World) -> None:
    await world.put("alice")
    service = await world.worker()
    await log_in(service, "alice")
    await world.put("alice", reserved=True)
    before = await world.user("alice")
    await service.rehashing.write()
    assert await world.user("alice") == before


async def test_users_kept_in_files_keep_their_hash(world: World, tmp_path: Path) -> None:
    await world.put("alice")
    before = await world.user("alice")
    service = await world.worker(SecuritySettings(files=tmp_path))
    assert isinstance(await log_in(service, "alice"), Principal)
    await service.rehashing.write()
    assert await world.user("alice") == before


async def test_it_can_be_switched_off(world: World) -> None:
    await world.put("alice")
    before = await world.user("alice")
    service = await world.worker(SecuritySettings(rehash=False))
    assert isinstance(await log_in(service, "alice"), Principal)
    await service.rehashing.write()
    assert await world.user("alice") == before


async def test_a_password_that_was_set_between_login_and_write_stays(world: World) -> None:
    await world.put("alice")
    service = await world.worker()
    principal = await log_in(service, "alice")
    assert isinstance(principal, Principal)
    await service.account.change_password(principal, "127.0.0.1", change())
    changed = await world.user("alice")
    await service.rehashing.write()
    assert await world.user("alice") == changed
    assert verify_password(changed["hash"], NEW)


async def test_a_deleted_user_does_not_come_back(world: World) -> None:
    await world.put("alice")
    service = await world.worker()
    await log_in(service, "alice")
    await service.objects.delete(USERS, OPERATOR, "alice")
    await service.rehashing.write()
    assert await world.store.get(USERS.kind, "alice") is None


async def test_a_change_of_the_password_wins_over_a_hash_that_is_made_anew_under_its_hands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.put("alice")
    service = await world.worker()
    principal = await log_in(service, "alice")
    assert isinstance(principal, Principal)
    set_hash = service.objects.set_hash

    async def overtaken(*arguments: Any) -> None:
        before = await world.user("alice")
        await service.rehashing.write()
        assert await world.user("alice") != before
        await set_hash(*arguments)

    monkeypatch.setattr(service.objects, "set_hash", overtaken)
    await service.account.change_password(principal, "127.0.0.1", change())
    assert verify_password((await world.user("alice"))["hash"], NEW)
    assert isinstance(await log_in(service, "alice", NEW), Principal)


async def test_whoever_races_each_acknowledged_password_stands(world: World) -> None:
    await world.put("alice")
    services = [await world.worker() for _ in range(2)]
    current = PASSWORD
    for turn in range(4):
        # Another cheap hash of the password that counts now, so that there is something to make anew.
        await world.put("alice", hash=quick_hash(current))
        for service in services:
            await service._snapshot.catch_up()
        principals = [await log_in(service, "alice", current) for service in services]
        assert all(isinstance(found, Principal) for found in principals)
        new = f"{NEW}-{turn}-tide"
        principal = principals[0]
        assert isinstance(principal, Principal)
        await asyncio.gather(
            services[0].rehashing.write(),
            services[0].account.change_password(principal, "127.0.0.1", change(new, current)),
            services[1].rehashing.write(),
        )
        assert verify_password((await world.user("alice"))["hash"], new)
        current = new


async def test_a_login_that_overlaps_the_write_is_no_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.put("alice")
    service = await world.worker()
    await log_in(service, "alice")
    await service.flush()
    verify, turns = service.basic._verify, 0

    async def overtaken(*arguments: Any) -> bool:
        nonlocal turns
        turns += 1
        correct = await verify(*arguments)
        if turns == 1:
            await service.rehashing.write()
        return correct

    monkeypatch.setattr(service.basic, "_verify", overtaken)
    assert isinstance(await log_in(service, "alice"), Principal)
    assert turns == 2


async def test_what_could_not_be_written_is_written_when_the_store_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.service.security.rehashing.PACE_SECONDS", 0.001)
    await world.put("alice")
    before = await world.user("alice")
    service, tries, twice = await world.worker(), 0, asyncio.Event()

    async def unreachable(*arguments: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            twice.set()
        raise StoreUnavailable("the store is away")

    job = asyncio.create_task(service.rehashing.run())
    async with asyncio.timeout(20):
        with monkeypatch.context() as broken:
            broken.setattr(world.store, "get", unreachable)
            await log_in(service, "alice")
            await twice.wait()
        assert await world.user("alice") == before
        await world.audit.heard.wait()
    assert await world.user("alice") != before
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_a_hash_that_was_written_is_told_of_though_the_store_goes_away_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.put("alice")
    before = await world.user("alice")
    service = await world.worker()
    await log_in(service, "alice")
    with monkeypatch.context() as broken:

        async def unreachable(*arguments: Any) -> None:
            raise StoreUnavailable("the store is away")

        broken.setattr(world.store, "changes", unreachable)
        with pytest.raises(StoreUnavailable):
            await service.rehashing.write()
    await service.rehashing.write()
    assert await world.user("alice") != before
    told = [e for e in world.audit.events if e.category is Category.COMPLIANCE_INTERNAL_CONFIG_WRITE]
    assert [event.user for event in told] == ["alice"]


async def test_a_hash_that_waits_to_be_written_is_not_made_a_second_time(world: World) -> None:
    await world.put("alice")
    service = await world.worker()
    await log_in(service, "alice")
    made = service.rehashing._made["alice"]
    await service.flush()
    await log_in(service, "alice")
    assert service.rehashing._made["alice"] is made
    await world.put("alice", hash=quick_hash())
    await service.flush()
    await log_in(service, "alice")
    assert service.rehashing._made["alice"] is not made


async def test_what_is_made_during_a_write_waits_for_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        await world.put(name)
    before = await world.user("b")
    service = await world.worker()
    await log_in(service, "a")
    write = world.store.write

    async def overtaken(*arguments: Any) -> Any:
        await log_in(service, "b")
        return await write(*arguments)

    with monkeypatch.context() as slow:
        slow.setattr(world.store, "write", overtaken)
        await service.rehashing.write()
    assert await world.user("b") == before
    await service.rehashing.write()
    assert await world.user("b") != before
    assert not service.rehashing._made


async def test_one_hash_is_computed_at_a_time_and_those_that_wait_are_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        await world.put(name)
    service = await world.worker()
    rehashing: Rehashing = service.rehashing
    hashes = {name: (await world.user(name))["hash"] for name in ("a", "b", "c")}
    for name in ("a", "b"):
        rehashing.proved(name, hashes[name], PASSWORD)
    await rehashing.computed()
    assert list(rehashing._made) == ["a"]
    monkeypatch.setattr("fairlead.service.security.rehashing.MOST_WAITING", 1)
    rehashing.proved("c", hashes["c"], PASSWORD)
    assert rehashing._computing is None
