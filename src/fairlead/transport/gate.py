"""Admits callers to a pool: `cap` at once, `queue` more in line, first come first served.

Refuses the caller after that at once. It knows no sockets: whoever holds a slot may have one open connection, so the
cap on callers is the cap on connections. A slot is handed from the one who leaves to the one who waits; it is never
free in between, so no newcomer can take it (the race of reference/transport.md section 4).
"""

from __future__ import annotations

import asyncio

from fairlead.transport.port import Kind, Stage, UpstreamError


class Gate:
    """Slots of one pool. `where` names the provider in messages."""

    __slots__ = ("_closed", "_free", "_waiting", "cap", "queue", "where")

    def __init__(self, cap: int, queue: int, where: str) -> None:
        self.cap = cap
        self.queue = queue
        self.where = where
        self._free = cap
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._closed = False

    @property
    def inside(self) -> int:
        """Callers that hold a slot."""
        return self.cap - self._free

    @property
    def waiting(self) -> int:
        """Callers in line."""
        return len(self._waiting)

    def try_enter(self) -> bool:
        """Take a slot if one is free now; the caller must `leave`."""
        if self._free > 0 and not self._closed:
            self._free -= 1
            return True
        return False

    async def enter(self, timeout: float) -> None:
        """Take a slot, waiting at most `timeout` seconds; the caller must `leave`.

        Raises UpstreamError(POOL, FULL | TIMEOUT | REFUSED), sent=False.
        """
        if self._closed:
            raise self._closed_fault()
        if self.try_enter():
            return
        if len(self._waiting) >= self.queue:
            raise self._fault(Kind.FULL, f"all {self.cap} connections are busy and {self.queue} calls wait")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting[turn] = None
        timer = loop.call_later(max(timeout, 0.0), self._expire, turn, timeout)
        try:
            await turn
        except asyncio.CancelledError:
            # The slot may have been handed over just before the caller was cancelled: pass it on.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()
            raise
        finally:
            timer.cancel()
            self._waiting.pop(turn, None)

    def leave(self) -> None:
        """Give a slot back: to the longest waiting caller if there is one."""
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def close(self) -> None:
        """Refuse everybody in line and everybody who comes."""
        self._closed = True
        while self._waiting:
            turn, _ = self._waiting.popitem()
            if not turn.done():
                turn.set_exception(self._closed_fault())

    def _expire(self, turn: asyncio.Future[None], timeout: float) -> None:
        if not turn.done():
            turn.set_exception(self._fault(Kind.TIMEOUT, f"no connection became free within {timeout:g} s"))

    def _closed_fault(self) -> UpstreamError:
        return self._fault(Kind.REFUSED, "the client is closed")

    def _fault(self, kind: Kind, reason: str) -> UpstreamError:
        return UpstreamError(Stage.POOL, kind, f"{self.where}: {reason}", sent=False)
