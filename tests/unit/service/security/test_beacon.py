"""The count that tells workers of a change: seen by every process at once, none lost, also by writers that race."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.service.security.beacon import FILE, Beacon


@pytest.fixture
def beacon(tmp_path: Path) -> Iterator[Beacon]:
    opened = Beacon(tmp_path)
    yield opened
    opened.close()


def advance_often(directory: Path) -> None:
    mine = Beacon(directory)
    for _ in range(300):
        mine.advance()
    mine.close()


def test_it_begins_with_nothing_and_is_private(beacon: Beacon, tmp_path: Path) -> None:
    assert beacon.value() == 0
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_another_opening_sees_a_change_at_once(beacon: Beacon, tmp_path: Path) -> None:
    other = Beacon(tmp_path)
    beacon.advance()
    assert other.value() == 1
    other.close()


def test_of_processes_that_advance_it_at_once_none_is_lost(beacon: Beacon, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=advance_often, args=(tmp_path,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert beacon.value() == 900
