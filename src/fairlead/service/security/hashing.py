"""Password hashes off the event loop, in few threads of low priority with a short queue; more are refused, not queued.

A login may wait; a predict may not wait for logins (T-12).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fairlead.errors import StatusFault

T = TypeVar("T")

QUEUE = 16
RETRY_SECONDS = 1
_LOW_PRIORITY = 10


class HashingOverloaded(StatusFault):
    """More hashes are wanted than the pool may hold; nothing was computed."""

    def __init__(self) -> None:
        wait = {"Retry-After": str(RETRY_SECONDS)}
        super().__init__("Too many passwords are checked at the moment; try again", 429, headers=wait)


class HashPool:
    """Computes `work` in a thread. Half of the processors stay free for everything else."""

    def __init__(self, threads: int | None = None, queue: int = QUEUE) -> None:
        self._threads = threads or max(1, min(2, (os.cpu_count() or 1) // 2))
        self._most = self._threads + queue
        self._running = 0
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Raises HashingOverloaded."""
        if self._running >= self._most:
            raise HashingOverloaded
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "fairlead-hash", initializer=_low_priority)
        self._running += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._done)  # also for a caller that went away: the thread works on
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[T]) -> None:
        self._running -= 1
        if not future.cancelled():
            future.exception()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _low_priority() -> None:
    """On Linux a thread has a priority of its own."""
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
