"""Failed logins: who is held off, for how long, and who must not be (spec/06 6.3, S-06, S-07)."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.identity import LoginListener, Verdict
from fairlead.security.login_limits import FailedLogins
from fairlead.security.login_table import FILE, LoginTable

HOME, SAME_NET, ELSEWHERE = "198.51.100.7", "198.51.100.8", "203.0.113.9"


class World:
    """Limits under one listener, and a clock that tests move."""

    def __init__(self, table: LoginTable | None = None, **changes: Any) -> None:
        self.now = 1000.0
        row: dict[str, Any] = {"allowed_tries": 3, "time_window_seconds": 60, "block_expiry_seconds": 30, **changes}
        self.limits = FailedLogins([LoginListener("l", **row)], lambda: self.now, table)

    def fail(self, times: int, name: str = "admin", address: str = HOME) -> None:
        for _ in range(times):
            self.limits.failed(name, address)

    def admits(self, name: str = "admin", address: str = HOME) -> bool:
        """Whether a password may be tried, which then is not."""
        verdict = self.limits.begin(name, address)
        if verdict is Verdict.ADMITTED:
            self.limits.withdrawn(name, address)
        return verdict is Verdict.ADMITTED

    def blocks(self, address: str = HOME) -> bool:
        return self.limits.begin("whoever", address) is Verdict.SOURCE_BLOCKED


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
    assert world.blocks(HOME)
    assert world.admits("somebody", SAME_NET)
    assert not world.blocks(SAME_NET)


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


@pytest.mark.parametrize("ignored", [("198.51.100.0/24", "::1"), ("198.51.*",), ("host.example", HOME)])
@pytest.mark.parametrize("type", ["ip", "username"])
def test_ignored_hosts_are_never_blocked(type: str, ignored: tuple[str, ...]) -> None:
    world = World(type=type, ignore_hosts=ignored)
    world.fail(20)
    assert world.admits()
    assert not world.blocks(HOME)
    world.fail(3, address=ELSEWHERE)
    assert not world.admits(address=ELSEWHERE)


def test_what_is_kept_is_bounded_and_whoever_blocks_nobody_is_forgotten_first() -> None:
    world = World(LoginTable(None, sets=1), type="ip")
    for number in range(20):
        world.fail(3, address=f"203.0.113.{number}")
        world.now += 0.01
    assert [world.admits(address=f"203.0.113.{n}") for n in reversed(range(20))] == [False] * 16 + [True] * 4
    world.now += 31  # the blocks are over
    for number in range(16):
        world.fail(2, address=f"192.0.2.{number}")
        world.now += 0.01
    world.fail(2, address="198.51.100.1")
    world.fail(1, address="192.0.2.15")
    world.fail(1, address="192.0.2.0")  # forgotten: this is its first
    assert (world.admits(address="192.0.2.0"), world.admits(address="192.0.2.15")) == (True, False)


@pytest.mark.parametrize("type", ["ip", "username"])
def test_tries_at_once_are_never_more_than_are_allowed(type: str) -> None:
    world = World(type=type)
    begun = [world.limits.begin("admin", HOME) for _ in range(5)]
    assert begun == [Verdict.ADMITTED] * 3 + [Verdict.BUSY] * 2
    world.limits.succeeded("admin", HOME)
    world.limits.withdrawn("admin", HOME)
    assert [world.limits.begin("admin", HOME) for _ in range(3)] == [Verdict.ADMITTED] * 2 + [Verdict.BUSY]
    world.fail(3)
    assert not world.admits()


def test_a_try_that_never_ends_is_given_up_after_a_while() -> None:
    world = World(type="ip")
    for _ in range(3):
        assert world.limits.begin("admin", HOME) is Verdict.ADMITTED
    assert world.limits.begin("admin", HOME) is Verdict.BUSY
    world.now += 31
    assert world.admits()


@pytest.mark.parametrize("tries", [32, 33, 100, 5000])
def test_any_number_of_tries_is_counted_to_the_last(tries: int) -> None:
    world = World(type="ip", allowed_tries=tries)
    for number in range(tries):
        assert world.admits(), number
        world.fail(1)
        world.now += 0.001
    assert not world.admits()
    world.now += 31
    world.fail(tries - 1)
    assert world.admits()
    world.now += 65  # a window and a span
    world.fail(tries - 1)
    assert world.admits()


@pytest.fixture
def sharers(tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Two workers that share a table."""
    tables = [LoginTable(tmp_path) for _ in range(2)]
    one, other = (World(table, type="ip") for table in tables)
    yield one, other
    for table in tables:
        table.close()


def assert_counted_together(one: World, other: World) -> None:
    one.fail(2)
    other.fail(1)
    assert not one.admits()
    assert not other.admits()


def test_all_who_share_a_table_count_together_and_a_restart_forgets_nothing(
    tmp_path: Path, sharers: tuple[World, World]
) -> None:
    assert_counted_together(*sharers)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    later = LoginTable(tmp_path)
    assert not World(later, type="ip").admits()
    later.close()


@pytest.mark.parametrize("fate", ["removed", "replaced", "moved away", "cut off", "emptied by hand"])
def test_a_file_that_does_not_stay_begins_anew_for_all_who_share_it(
    fate: str, tmp_path: Path, sharers: tuple[World, World]
) -> None:
    one, other = sharers
    one.fail(3)
    assert not other.admits()
    file = tmp_path / FILE
    if fate == "removed":
        file.unlink()
    elif fate == "replaced":
        (tmp_path / "fresh").write_bytes(b"")
        (tmp_path / "fresh").replace(file)
    elif fate == "moved away":
        file.rename(tmp_path / "old")
    elif fate == "cut off":
        os.truncate(file, 100)
    else:
        file.write_bytes(bytes(file.stat().st_size))
    assert other.admits()
    assert_counted_together(one, other)


def test_without_its_file_a_worker_counts_for_itself_until_it_is_there_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = LoginTable(tmp_path)
    world = World(table, type="ip")
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    world.fail(3)
    assert not world.admits()
    assert [record.getMessage() for record in caplog.records if "cannot be used" in record.getMessage()] == [
        f"{tmp_path / FILE} cannot be used; each worker counts failed logins for itself: Is a directory"
    ]
    (tmp_path / FILE).rmdir()
    world.fail(3)
    later = LoginTable(tmp_path)
    assert not World(later, type="ip").admits()
    later.close()
    table.close()


def test_numbers_that_no_worker_writes_count_nothing(tmp_path: Path) -> None:
    table = LoginTable(tmp_path)
    world = World(table, type="ip", allowed_tries=100)
    world.fail(60)
    file = tmp_path / FILE
    data = file.read_bytes()
    with file.open("r+b") as written:
        written.write(data.replace(struct.pack("<d", 60.0), struct.pack("<d", float("nan"))))
    assert world.admits()
    world.fail(100)
    assert not world.admits()
    table.close()


def test_times_to_come_are_from_before_the_machine_started_and_count_nothing(tmp_path: Path) -> None:
    table = LoginTable(tmp_path)
    world = World(table, type="username")
    world.now = 1_000_000.0
    world.fail(40)
    world.limits.begin("admin", HOME)
    world.now = 10.0
    assert world.admits()
    world.fail(2)
    assert world.admits()
    world.fail(1)
    assert not world.admits()
    table.close()


def test_a_row_that_is_put_anew_starts_clean_and_others_go_on(tmp_path: Path) -> None:
    now = 1000.0
    table = LoginTable(tmp_path)
    rows = [LoginListener("a", "ip", allowed_tries=2), LoginListener("b", "username", allowed_tries=3, revision=4)]
    limits = FailedLogins(rows, lambda: now, table)
    for _ in range(2):
        limits.failed("admin", HOME)
    limits.configure([replace(rows[0], revision=5), rows[1]])
    assert limits.begin("admin", HOME) is Verdict.ADMITTED
    limits.failed("admin", HOME)
    assert limits.begin("admin", HOME) is Verdict.REFUSED
    table.close()


def test_the_table_holds_no_name_and_no_address(tmp_path: Path) -> None:
    table = LoginTable(tmp_path)
    World(table, type="username").fail(3, "somebody", "198.51.100.7")
    table.close()
    raw = (tmp_path / FILE).read_bytes()
    assert b"somebody" not in raw
    assert b"198.51.100" not in raw


def test_the_time_is_read_when_nobody_else_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    table = LoginTable(None)
    inside = False

    @contextlib.contextmanager
    def alone() -> Iterator[None]:
        nonlocal inside
        inside = True
        yield
        inside = False

    def clock() -> float:
        assert inside
        return 1000.0

    monkeypatch.setattr(table, "alone", alone)
    limits = FailedLogins([LoginListener("l", "username")], clock, table)
    for end in (limits.failed, limits.succeeded, limits.withdrawn):
        assert limits.begin("admin", HOME) is Verdict.ADMITTED
        end("admin", HOME)


def fail_often(directory: Path, times: int) -> None:
    table = LoginTable(directory)
    limits = FailedLogins([LoginListener("l", "ip", allowed_tries=10_000)], lambda: 1000.0, table)
    for _ in range(times):
        limits.failed("admin", HOME)


def test_processes_that_count_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fail_often, args=(tmp_path, 400)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    table = LoginTable(tmp_path)
    limits = FailedLogins([LoginListener("l", "ip", allowed_tries=10_000)], lambda: 1000.0, table)
    [row] = limits._rows
    assert row._tries.count(table.read(row._key("admin", HOME)), 1000.0) == 1200
    table.close()


def test_a_file_system_that_reserves_no_space_will_do_and_a_full_one_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        def fallocate(descriptor: int, start: int, size: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "posix_fallocate", fallocate, raising=False)

    refuse(errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        LoginTable(tmp_path)
    refuse(errno.EOPNOTSUPP)
    table = LoginTable(tmp_path)
    world = World(table, type="ip")
    world.fail(3)
    assert not world.admits()
    table.close()


def test_a_file_of_another_layout_starts_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"x" * 100_000)
    table = LoginTable(tmp_path, sets=4)
    world = World(table, type="ip")
    world.fail(3)
    assert not world.admits()
    assert world.admits(address=ELSEWHERE)
    table.close()


def test_without_listeners_everybody_may_try() -> None:
    limits = FailedLogins([], lambda: 0.0)
    for _ in range(100):
        limits.failed("admin", HOME)
    assert limits.begin("admin", HOME) is Verdict.ADMITTED
