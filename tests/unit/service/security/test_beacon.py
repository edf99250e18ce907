"""The number that tells workers of a change: seen by every process at once, never lowered, also by writers that race."""

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


def raise_many(directory: Path, start: int) -> None:
    mine = Beacon(directory)
    for number in range(start, start + 300):
        mine.raise_to(number)
    mine.close()


def test_it_begins_with_nothing_and_is_private(beacon: Beacon, tmp_path: Path) -> None:
    assert beacon.value() == 0
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_another_opening_sees_a_number_at_once_and_a_lower_one_changes_nothing(beacon: Beacon, tmp_path: Path) -> None:
    other = Beacon(tmp_path)
    beacon.raise_to(7)
    beacon.raise_to(3)
    assert other.value() == 7
    other.close()


def test_processes_that_raise_it_at_once_leave_the_highest(beacon: Beacon, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=raise_many, args=(tmp_path, start)) for start in (1, 5000, 2000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert beacon.value() == 5299
