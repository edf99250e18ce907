"""The identity source of names and passwords: what it remembers, for how long, and what a hash costs whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fairlead.domain.identity import Head, NoLoginLimits, Refused, Verdict
from fairlead.domain.principal import Principal
from fairlead.security import passwords
from fairlead.service.security import basic
from fairlead.service.security.basic import CACHE_MINUTES, BasicSource
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.hashing import HashPool
from identities import PASSWORD, authorization, quick_hash

HASH = quick_hash()


class World:
    """A source over a configuration that tests exchange, a clock that they move, and a count of the hashes computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self.configuration = Configuration({"alice": {"hash": HASH, "backend_roles": ["a"]}})
        self.now = 0.0
        self.hashes: list[str] = []
        self.pool = options.get("pool", HashPool(1))
        self.during: Callable[[], None] = lambda: None

        def counted(stored: str, password: str) -> bool:
            self.hashes.append(stored)
            self.during()
            return passwords.verify_password(stored, password)

        monkeypatch.setattr(basic, "verify_password", counted)
        limits = options.get("limits", NoLoginLimits())
        self.source = BasicSource(
            lambda: self.configuration, self.pool, limits, lambda: self.now, lambda: int(self.now * 1000)
        )

    async def ask(self, name: str, password: str = PASSWORD, address: str = "127.0.0.1") -> Principal | Refused | None:
        return await self.source.identify(Head("GET", b"/", [], authorization(name, password), address, {}))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_a_good_login_is_remembered_until_its_time_is_over(world: World) -> None:
    first = await world.ask("alice")
    assert first == Principal("alice", ("a",))
    assert await world.ask("alice") is first
    assert len(world.hashes) == 1
    world.now = CACHE_MINUTES * 60 + 1
    assert await world.ask("alice") == first
    assert len(world.hashes) == 2


async def test_a_generated_password_ends_at_its_time_also_where_the_login_is_remembered(world: World) -> None:
    world.configuration = Configuration({"alice": {"hash": HASH, "password_until": 60_000}})
    world.now = 59
    assert isinstance(await world.ask("alice"), Principal)
    world.now = 60
    refused = await world.ask("alice")
    assert isinstance(refused, Refused)
    assert "expired" in refused.reason


async def test_a_bad_login_is_not_remembered(world: World) -> None:
    for _ in range(2):
        assert isinstance(await world.ask("alice", "wrong"), Refused)
    assert len(world.hashes) == 2


async def test_a_changed_configuration_forgets_every_login(world: World) -> None:
    await world.ask("alice")
    world.configuration = Configuration({"alice": {"hash": quick_hash("another")}})
    assert isinstance(await world.ask("alice"), Refused)
    world.configuration = Configuration({})
    assert isinstance(await world.ask("alice"), Refused)


async def test_a_user_who_is_taken_away_during_the_login_does_not_get_in(world: World) -> None:
    def taken() -> None:
        world.configuration = Configuration({})

    world.during = taken
    assert isinstance(await world.ask("alice"), Refused)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nosuch", None),
        ("disabled", {"hash": HASH, "enabled": False}),
        ("service", {"hash": HASH, "service": True}),
        ("empty", {"hash": ""}),
    ],
)
async def test_who_cannot_log_in_costs_exactly_one_hash_all_the_same(world: World, name: str, body: Any) -> None:
    users = {"alice": {"hash": HASH}} | ({} if body is None else {name: body})
    world.configuration = Configuration(users)
    assert isinstance(await world.ask(name), Refused)
    assert len(world.hashes) == 1


async def test_an_unknown_name_costs_what_the_costliest_hash_costs(world: World) -> None:
    costly = passwords.hash_password(PASSWORD)
    world.configuration = Configuration({"alice": {"hash": HASH}, "bob": {"hash": costly}})
    await world.ask("nosuch")
    assert world.hashes == [costly]


async def test_roles_by_address_are_remembered_by_address(world: World) -> None:
    world.configuration = Configuration({"alice": {"hash": HASH}}, mappings={"r": {"hosts": ["10.*"]}})
    near, far = await world.ask("alice", address="10.0.0.1"), await world.ask("alice", address="127.0.0.1")
    assert isinstance(near, Principal)
    assert isinstance(far, Principal)
    assert (near.roles, far.roles) == (("r",), ())


async def test_the_same_login_many_times_at_once_is_one_hash(world: World) -> None:
    found = await asyncio.gather(*(world.ask("alice") for _ in range(50)))
    assert {type(one) for one in found} == {Principal}
    assert len(world.hashes) == 1


class Counted(NoLoginLimits):
    """How many tries began, and how many of them failed."""

    def __init__(self) -> None:
        self.began = self.failures = 0

    def begin(self, name: str, address: str) -> Verdict:
        self.began += 1
        return Verdict.ADMITTED if self.began <= 20 else Verdict.BUSY

    def failed(self, name: str, address: str) -> None:
        self.failures += 1


async def test_the_same_login_many_times_at_once_takes_one_try_of_a_limit_if_it_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = Counted()
    world = World(monkeypatch, limits=limits)
    found = await asyncio.gather(*(world.ask("alice") for _ in range(500)))
    assert {type(one) for one in found} == {Principal}
    assert limits.began == 1


async def test_the_same_wrong_password_many_times_at_once_is_as_many_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Counted()
    world = World(monkeypatch, limits=limits)
    found = await asyncio.gather(*(world.ask("alice", "wrong") for _ in range(20)))
    assert {type(one) for one in found} == {Refused}
    assert limits.failures == 20


async def test_who_waits_for_the_same_login_is_judged_by_the_configuration_that_is_in_force_then(world: World) -> None:
    def changed() -> None:
        world.configuration = Configuration({"alice": {"hash": HASH, "backend_roles": ["b"]}})
        world.during = lambda: None

    world.during = changed
    found = await asyncio.gather(*(world.ask("alice") for _ in range(5)))
    assert {one.backend_roles for one in found if isinstance(one, Principal)} == {("b",)}


async def test_more_logins_than_the_pool_holds_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, pool=HashPool(1, 2))
    found = await asyncio.gather(*(world.ask("alice", f"wrong {n}") for n in range(10)))
    assert [one.retry_after for one in found if isinstance(one, Refused)].count(1) == 7


async def test_a_limited_name_is_refused_without_any_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(NoLoginLimits):
        failures: list[tuple[str, str]] = []

        def begin(self, name: str, address: str) -> Verdict:
            return Verdict.ADMITTED if len(self.failures) < 2 else Verdict.REFUSED

        def failed(self, name: str, address: str) -> None:
            self.failures.append((name, address))

    limits = Closed()
    world = World(monkeypatch, limits=limits)
    for password in ("wrong", "wrong", PASSWORD):
        assert isinstance(await world.ask("alice", password), Refused)
    assert limits.failures == [("alice", "127.0.0.1")] * 2
    assert len(world.hashes) == 2


class Busy(NoLoginLimits):
    """Others are under way for so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.seen = 0

    def begin(self, name: str, address: str) -> Verdict:
        self.seen += 1
        return Verdict.BUSY if self.seen <= self.looks else Verdict.ADMITTED


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "_PAUSES", tuple(0.0 for _ in basic._PAUSES))


@pytest.mark.usefixtures("at_once")
async def test_a_login_waits_for_those_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, limits=Busy(3))
    assert isinstance(await world.ask("alice"), Principal)


@pytest.mark.usefixtures("at_once")
async def test_a_login_that_waited_in_vain_is_told_to_come_back_without_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Busy(10**6)
    world = World(monkeypatch, limits=limits)
    found = await world.ask("alice")
    assert isinstance(found, Refused)
    assert found.retry_after == 1
    assert world.hashes == []
    assert limits.seen == 1 + len(basic._PAUSES)


def test_a_wait_is_of_five_seconds_and_looks_seldom() -> None:
    assert 4.5 < sum(basic._PAUSES) < 5.5
    assert len(basic._PAUSES) < 30


@pytest.mark.usefixtures("at_once")
async def test_those_who_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "MOST_WAITING", 2)
    limits = Busy(10**6)
    world = World(monkeypatch, limits=limits)
    await asyncio.gather(*(world.ask("alice", f"wrong {n}") for n in range(5)))
    assert limits.seen == 5 + 2 * len(basic._PAUSES)


@pytest.mark.parametrize("value", [b"Bearer x", b"", b"Basi", b"ApiKey x"])
async def test_other_schemes_are_left_to_other_sources(world: World, value: bytes) -> None:
    assert await world.source.identify(Head("GET", b"/", [], value, "", {})) is None
    assert await world.source.identify(Head("GET", b"/", [], None, "", {})) is None


@pytest.mark.parametrize(
    "value", [b"Basic !!!", b"basic YQ==", b"BASIC Og==", b"Basic /w==", b"Basic " + b"QUFB" * 2000]
)
async def test_what_is_no_name_and_password_is_refused_without_a_hash(world: World, value: bytes) -> None:
    assert isinstance(await world.source.identify(Head("GET", b"/", [], value, "", {})), Refused)
    assert world.hashes == []


async def test_a_password_may_hold_colons_and_any_character(world: World) -> None:
    password = "a:b:ü:€"
    world.configuration = Configuration({"alice": {"hash": quick_hash(password)}})
    assert isinstance(await world.ask("alice", password), Principal)
