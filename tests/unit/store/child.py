"""A process of its own for store tests: `child.py URL ROLE [ARGUMENT...]`; prints what it did, one line each."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile

from fairlead.domain.ports import Conflict, Put, StoreUnavailable
from fairlead.store import open_store


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def open_once(url: str, id: str) -> None:
    """Wait for the word go, open, write one document."""
    say("ready")
    sys.stdin.readline()
    store = await open_store(url)
    await store.write([Put("connector", id, {})])
    await store.close()
    say("opened")


async def write_pairs(url: str, prefix: str) -> None:
    """Write batches of two until killed; print the number of each batch once it was acknowledged."""
    store = await open_store(url)
    number = 0
    while True:
        body = {"number": number, "fill": "x" * 500}
        await store.write([Put("model", f"{prefix}-{number}-a", body), Put("task", f"{prefix}-{number}-b", body)])
        say(str(number))
        number += 1


async def count_up(url: str, times: str) -> None:
    """Add one to a shared document so many times by compare-and-set."""
    store = await open_store(url)
    for _ in range(int(times)):
        while True:
            found = await store.get("group", "shared")
            body, expect = ({"n": found.body["n"] + 1}, found.revision) if found else ({"n": 1}, 0)
            try:
                await store.write([Put("group", "shared", body, expect)])
                break
            except Conflict:
                continue
    await store.close()
    say("done")


async def try_to_write(url: str, limit: str) -> None:
    """Write with no right to (as another account) or no room to (a limit on file size); print what comes of it."""
    if limit == "disk":
        store = await open_store(url)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
    else:
        # Loads the packages, which the other account may be unable to read.
        with tempfile.TemporaryDirectory() as folder:
            await (await open_store(f"sqlite:///{folder}/first.db")).close()
        os.seteuid(65534)
        try:
            store = await open_store(url)
        except StoreUnavailable as error:
            say(f"unavailable at open: {error}")
            return
    try:
        await store.write([Put("model", "never", {"fill": "x" * 100_000})])
        say("written")
    except StoreUnavailable as error:
        say(f"unavailable: {error}")
    os._exit(0)  # what cannot be written cannot be checkpointed at close either


ROLES = {"open": open_once, "write": write_pairs, "count": count_up, "try": try_to_write}

if __name__ == "__main__":
    asyncio.run(ROLES[sys.argv[2]](sys.argv[1], *sys.argv[3:]))
