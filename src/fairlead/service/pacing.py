"""The pause between two rounds of a job whose length is a setting. It runs no job."""

from __future__ import annotations

import asyncio


class Pace:
    """`seconds` may change at any time; a pause that is under way begins anew then. 0: no round until it changes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = asyncio.Event()

    @property
    def seconds(self) -> float:
        return self._seconds

    def set(self, seconds: float) -> None:
        if seconds != self._seconds:
            self._seconds = seconds
            self._changed.set()

    async def pause(self) -> None:
        """One interval of the length in force when it ends."""
        while True:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), self._seconds or None)
            except TimeoutError:
                return
