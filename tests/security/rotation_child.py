"""A process that plants credentials, and lets children rotate the keys and die by SIGKILL at each step in turn."""

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fairlead.cli.keys  # noqa: F401 -- once here, and not in every child
from fairlead.cli.main import main
from fairlead.security import key_file
from fairlead.store import SqlStore, open_store
from unit.service.sealed import opened, plant, vault_of

DATA = Path(sys.argv[1])
URL = f"sqlite:///{DATA}/fairlead.db"


async def planted() -> dict[Any, Any]:
    store = await open_store(URL)
    try:
        return await plant(store, await vault_of(store, DATA), 3)
    finally:
        await store.close()


async def found() -> dict[Any, Any]:
    store = await open_store(URL)
    try:
        return await opened(store, await vault_of(store, DATA))
    finally:
        await store.close()


class Steps:
    """Counts what changes store or keyring; the process dies at the nth, before or after it took effect."""

    def __init__(self, nth: int, *, after: bool) -> None:
        self.nth, self.after, self.seen = nth, after, 0

    def count(self, *, ended: bool) -> None:
        self.seen += not ended
        if self.seen == self.nth and self.after == ended:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.count(ended=False)
            result = work(*arguments)
            self.count(ended=True)
            return result

        return counted


def rotate(nth: int, *, after: bool, arguments: list[str]) -> int:
    """The child's exit status as the shell has it; -9 when it was killed."""
    child = os.fork()
    if child == 0:
        steps = Steps(nth, after=after)
        SqlStore._write = steps.around(SqlStore._write)  # type: ignore[method-assign]
        key_file.os.replace = steps.around(os.replace)  # type: ignore[attr-defined]
        with contextlib.redirect_stdout(io.StringIO()):
            status = main(["keys", "--data-dir", str(DATA), *arguments])
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run() -> dict[str, int]:
    expected = asyncio.run(planted())
    killed = 0
    for after in (False, True):
        for nth in range(1, 50):
            # What a crash left must not be what the next one starts from: finish it first.
            status = rotate(nth, after=after, arguments=["rotate"])
            if asyncio.run(found()) != expected:
                raise SystemExit(f"step {nth} (after: {after}) lost a credential")
            if status == 0:
                break
            killed += status == -signal.SIGKILL
            if rotate(0, after=False, arguments=["rotate"]) != 0 or asyncio.run(found()) != expected:
                raise SystemExit(f"step {nth} (after: {after}) could not be finished")
    return {"killed": killed}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run()) + "\n")
