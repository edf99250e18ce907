"""Whether a caller is still there: what the protocol tells of a connection, and what is given up when it ends.

Only work that changes nothing here may be given up; a write that was begun is finished, whoever left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from fairlead.api.body import Disconnected

PRESENCE = "fairlead.presence"
"""Key of the scope under which the connection's Presence stands."""

T = TypeVar("T")

Writer = Callable[[bytes], bool]
"""Writes a part of a body whose head is out, and that is not its last. False: nothing was written, because the caller does
not read or is gone, or because the head is not out; the ordinary way, which waits, is open."""


class Presence:
    """One connection of a caller, for all its requests in turn."""

    __slots__ = ("_task", "abort", "gone", "writer")

    def __init__(self) -> None:
        self.gone = False
        self.abort: Callable[[], None] | None = None
        """Ends the connection at once, whatever was not sent yet."""
        self.writer: Callable[[object], Writer | None] = lambda scope: None
        """For the scope of a request that was begun: what writes its response's body without waiting, if that can be."""
        self._task: asyncio.Task[object] | None = None

    def leave(self) -> None:
        """The connection ended: what runs for it alone is cancelled at once."""
        self.gone = True
        if self._task is not None:
            self._task.cancel()

    async def needed(self, work: Awaitable[T]) -> T:
        """The outcome of `work`, which the caller's leaving cancels. Raises Disconnected then."""
        if self.gone:
            if isinstance(work, Coroutine):  # one that nobody awaits would warn
                work.close()
            raise Disconnected
        self._task = asyncio.current_task()
        try:
            return await work
        except asyncio.CancelledError:
            if self.gone:
                raise Disconnected from None
            raise
        finally:
            self._task = None
