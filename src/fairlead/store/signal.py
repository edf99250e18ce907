"""Who waits for which revision; refuses to look at a database (`fairlead.store.watch` does and tells it).

Callable from every thread: a waiter is woken on the loop that it waits on.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import AbstractEventLoop, Future

from fairlead.domain.ports import StoreUnavailable


class RevisionSignal:
    """The newest revision this process has seen, and the futures that wait for a later one."""

    __slots__ = ("_lock", "_revision", "_trouble", "_waiters", "closed")

    def __init__(self, revision: int) -> None:
        self._lock = threading.Lock()
        self._revision = revision
        self._trouble: StoreUnavailable | None = None
        self._waiters: dict[Future[int], tuple[int, AbstractEventLoop]] = {}
        self.closed = False

    @property
    def revision(self) -> int:
        return self._revision

    def publish(self, revision: int) -> None:
        """A committed revision was seen; an older one than known is no news."""
        with self._lock:
            self._revision = max(self._revision, revision)
            ready = [future for future, (since, _) in self._waiters.items() if since < self._revision]
            woken = [(future, self._waiters.pop(future)[1]) for future in ready]
        for future, loop in woken:
            _call(loop, future, self._revision)

    def trouble(self, fault: StoreUnavailable | None) -> None:
        """The database cannot be followed (or can again: None). Told to waiters when their time is over."""
        self._trouble = fault

    def close(self) -> None:
        """End every wait with StoreUnavailable."""
        with self._lock:
            self.closed = True
            waiters = list(self._waiters.items())
            self._waiters.clear()
        for future, (_, loop) in waiters:
            _call(loop, future, StoreUnavailable("the store is closed"))

    async def wait(self, since: int, timeout: float) -> int:
        """The revision as soon as it is past `since`, or as it is after `timeout` seconds.

        Raises StoreUnavailable when the time is over and the database cannot be followed, or on close.
        """
        loop = asyncio.get_running_loop()
        future: Future[int] = loop.create_future()
        with self._lock:
            if self.closed:
                raise StoreUnavailable("the store is closed")
            if self._revision > since:
                return self._revision
            self._waiters[future] = (since, loop)
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            if self._trouble is not None:
                raise StoreUnavailable(str(self._trouble)) from self._trouble
            return self._revision
        finally:
            with self._lock:
                self._waiters.pop(future, None)


def _call(loop: AbstractEventLoop, future: Future[int], outcome: int | StoreUnavailable) -> None:
    try:
        loop.call_soon_threadsafe(_settle, future, outcome)
    except RuntimeError:  # the loop is closed: nobody is left to be woken
        if not loop.is_closed():
            raise


def _settle(future: Future[int], outcome: int | StoreUnavailable) -> None:
    if future.done():
        return
    if isinstance(outcome, StoreUnavailable):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
