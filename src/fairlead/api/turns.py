"""Spreads work that many ask for at once over turns of the event loop, so that what runs already is served in between.

It refuses nobody and orders nothing anew: who came first goes first.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Lets `each` callers through in one turn of the loop. One event loop's."""

    __slots__ = ("_due", "_each", "_left", "_waiting")

    def __init__(self, each: int) -> None:
        self._each = each
        self._left = each
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._due = False

    async def take(self) -> None:
        """Returns at once while this turn has room, else in a later one."""
        loop = asyncio.get_running_loop()
        if not self._due:
            self._due = True
            loop.call_soon(self._next, loop)
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left = self._each
        while self._left and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # a caller who left while waiting takes no room
                self._left -= 1
                turn.set_result(None)
        self._due = self._left < self._each
        if self._due:
            loop.call_soon(self._next, loop)
