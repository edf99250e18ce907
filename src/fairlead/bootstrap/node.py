"""What a node is and what it has: its ids and those that it gives, its clocks, its memory."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from fairlead.domain.ports import Conflict, Put, Store

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CLUSTER_KIND = "cluster"


def new_id(length: int = 20) -> str:
    """A document id as OpenSearch makes them: 20 URL-safe characters."""
    return secrets.choice(_ALPHABET) + secrets.token_urlsafe(16)[: length - 1]


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def memory_percent() -> int:
    """The share of the machine's memory that this process holds, in percent, rounded up; 0 where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return -(-pages * 100 // os.sysconf("SC_PHYS_PAGES"))
    except (OSError, ValueError):
        return 0


async def cluster_uuid(store: Store) -> str:
    """The store's own id, made by whoever opens it first."""
    document = await store.get(CLUSTER_KIND, "identity")
    while document is None:
        with contextlib.suppress(Conflict):
            await store.write([Put(CLUSTER_KIND, "identity", {"uuid": new_id(22)}, 0)])
        document = await store.get(CLUSTER_KIND, "identity")
    return str(document.body["uuid"])


def node_id(data_dir: Path) -> str:
    """This node's id, kept beside its data; several processes that start at once agree on one."""
    path = data_dir / "node_id"
    fresh = data_dir / f"node_id.{os.getpid()}"
    if not path.exists():
        fresh.write_text(new_id(22))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
