"""Failed logins: who is held off, for how long, and who must not be (spec/06 6.3, S-06, S-07)."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.domain.identity import LoginListener
from fairlead.security.login_limits import FailedLogins, source_network

HOME, SAME_NET, ELSEWHERE = "198.51.100.7", "198.51.100.8", "203.0.113.9"


class World:
    """Limits under one listener, and a clock that tests move."""

    def __init__(self, **changes: Any) -> None:
        self.now = 1000.0
        row: dict[str, Any] = {"allowed_tries": 3, "time_window_seconds": 60, "block_expiry_seconds": 30, **changes}
        self.limits = FailedLogins([LoginListener("l", **row)], lambda: self.now)

    def fail(self, times: int, name: str = "admin", address: str = HOME) -> None:
        for _ in range(times):
            self.limits.failed(name, address)

    def admits(self, name: str = "admin", address: str = HOME) -> bool:
        return self.limits.admits(name, address)


@pytest.mark.parametrize("type", ["ip", "username"])
def test_the_last_allowed_failure_blocks_until_the_block_ends_and_counting_starts_anew(type: str) -> None:
    world = World(type=type)
    world.fail(2)
    assert world.admits()
    world.fail(1)
    assert not world.admits()
    world.now += 29.9
    assert not world.admits()
    world.now += 0.2
    assert world.admits()
    world.fail(2)
    assert world.admits()


@pytest.mark.parametrize("type", ["ip", "username"])
def test_failures_outside_the_window_do_not_count(type: str) -> None:
    world = World(type=type)
    world.fail(2)
    world.now += 60
    world.fail(1)
    assert world.admits()
    world.now += 1
    world.fail(2)
    assert not world.admits()


def test_a_stranger_does_not_lock_a_name_out_elsewhere() -> None:
    world = World(type="username")
    world.fail(20, address=ELSEWHERE)
    assert not world.admits(address=ELSEWHERE)
    assert world.admits(address=HOME)
    assert world.admits("bob", ELSEWHERE)


def test_a_source_is_blocked_for_every_name_and_no_other_source() -> None:
    world = World(type="ip")
    for number in range(3):
        world.fail(1, f"user{number}")
    assert not world.admits("somebody")
    assert world.limits.blocks(HOME)
    assert world.admits("somebody", SAME_NET)
    assert not world.limits.blocks(SAME_NET)


def test_a_name_that_many_networks_try_is_slowed_down_but_not_for_networks_that_logged_in() -> None:
    world = World(type="username")
    world.limits.succeeded("admin", HOME)
    for number in range(30):
        world.fail(1, address=f"203.0.{number}.1")
    assert world.admits(address="192.0.2.1")  # one try in a second
    assert not world.admits(address="192.0.3.1")
    assert world.admits(address=HOME)
    assert world.admits(address=HOME)
    world.now += 1.1
    assert world.admits(address="192.0.3.1")
    assert world.admits("bob", "192.0.4.1")


def test_addresses_of_one_network_are_one_source_of_a_name() -> None:
    world = World(type="username")
    world.fail(2, address=HOME)
    world.fail(1, address=SAME_NET)
    assert not world.admits(address=HOME)


@pytest.mark.parametrize(
    ("address", "network", "one"),
    [
        ("198.51.100.7", "198.51.100.0/24", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.0/24", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/64"),
        ("", "", ""),
    ],
)
def test_a_source_is_a_network_that_one_attacker_has(address: str, network: str, one: str) -> None:
    assert (source_network(address), source_network(address, one=True)) == (network, one)


@pytest.mark.parametrize("ignored", [("198.51.100.0/24", "::1"), ("198.51.*",), ("host.example", HOME)])
@pytest.mark.parametrize("type", ["ip", "username"])
def test_ignored_hosts_are_never_blocked(type: str, ignored: tuple[str, ...]) -> None:
    world = World(type=type, ignore_hosts=ignored)
    world.fail(20)
    assert world.admits()
    assert not world.limits.blocks(HOME)
    world.fail(3, address=ELSEWHERE)
    assert not world.admits(address=ELSEWHERE)


def test_what_is_kept_is_bounded_and_the_oldest_is_forgotten() -> None:
    world = World(type="ip", max_blocked_clients=5, max_tracked_clients=5)
    for number in range(10):
        world.fail(3, address=f"203.0.113.{number}")
    assert [world.admits(address=f"203.0.113.{n}") for n in range(10)] == [True] * 5 + [False] * 5
    for number in range(10):
        world.fail(1, address=f"192.0.2.{number}")
    [row] = world.limits._rows
    assert len(row._counter._tracked) == len(row._counter._blocked) == 5


def test_without_listeners_everybody_may_try() -> None:
    limits = FailedLogins([], lambda: 0.0)
    for _ in range(100):
        limits.failed("admin", HOME)
    assert limits.admits("admin", HOME)
