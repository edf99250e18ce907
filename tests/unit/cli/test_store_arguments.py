"""Where a command is told which server's files it works on."""

from __future__ import annotations

import argparse

import pytest

from fairlead.cli import apikeys, keys, users


@pytest.mark.parametrize("command", [keys, users, apikeys])
@pytest.mark.parametrize(
    ("line", "directory"),
    [
        (["--data-dir", "a", "list"], "a"),
        (["list", "--data-dir", "a"], "a"),
        (["--data-dir", "a", "list", "--json"], "a"),
        (["--data-dir", "a", "list", "--data-dir", "b"], "b"),
        (["list"], None),
    ],
)
def test_the_data_directory_may_stand_before_the_action_or_behind_it(
    command: object, line: list[str], directory: str | None
) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    arguments = parser.parse_args(line)
    assert arguments.data_dir == directory
    assert arguments.store is None
    assert arguments.config is None
