"""How many processors may be used: never more than a control group grants."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairlead.cli.cores import usable_cores

MANY = 64


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MANY)), raising=False)


def group(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "99900000 100000\n"}, MANY),
        ({"cpu.max": "max 100000\n"}, MANY),
        ({"cpu.max": "garbage\n"}, MANY),
        ({"cpu.max": "1 0\n"}, MANY),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, MANY),
        ({}, MANY),
    ],
)
def test_a_quota_bounds_the_processors_of_the_machine(tmp_path: Path, files: dict[str, str], cores: int) -> None:
    assert usable_cores(group(tmp_path, files)) == cores
