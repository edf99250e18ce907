"""The command `fairlead` in the process of the tests: its exit status and what it writes, without a second for a new Python.

What a process of its own adds (its start, signals, a port) is for tests that start one (tests/process.py).
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from unittest import mock

from fairlead.cli.main import main


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended; an exception that escaped it is the test's."""

    status: int
    output: str
    errors: str


def fairlead(*arguments: str, environment: Mapping[str, str] | None = None) -> Done:
    """`environment` is added to this process's, without its FAIRLEAD_* settings. Nobody is at the terminal."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    output, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, inherited | dict(environment or {}), clear=True),
        mock.patch("sys.stdin", io.StringIO()),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    return Done(status, output.getvalue(), errors.getvalue())
