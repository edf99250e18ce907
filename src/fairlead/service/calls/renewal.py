"""An upstream whose connections are given up when the rules for dialling change.

A pooled connection was checked when it was dialled; under stricter rules it must not be used again (D-27). Calls in
flight finish on the connections they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fairlead.transport.port import Call, Limits, PoolStats, Reply, Route, StreamReply, Upstream


class _Generation:
    """One upstream and the calls that use it."""

    __slots__ = ("calls", "retired", "upstream")

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.calls = 0
        self.retired = False


class RenewableUpstream:
    """Delegates to the newest upstream that `make` gave; `renew` asks for another."""

    def __init__(self, make: Callable[[], Upstream]) -> None:
        self._make = make
        self._now = _Generation(make())
        self._closing: set[asyncio.Task[None]] = set()

    def renew(self) -> None:
        """From now on, calls use fresh connections; the old ones are closed when their last call ended."""
        old, self._now = self._now, _Generation(self._make())
        old.retired = True
        self._settle(old)

    async def send(self, route: Route, call: Call, limits: Limits) -> Reply:
        generation = self._now
        generation.calls += 1
        try:
            return await generation.upstream.send(route, call, limits)
        finally:
            generation.calls -= 1
            if generation.retired:
                self._settle(generation)

    @asynccontextmanager
    async def stream(self, route: Route, call: Call, limits: Limits) -> AsyncIterator[StreamReply]:
        generation = self._now
        generation.calls += 1
        try:
            async with generation.upstream.stream(route, call, limits) as reply:
                yield reply
        finally:
            generation.calls -= 1
            if generation.retired:
                self._settle(generation)

    def stats(self) -> Sequence[PoolStats]:
        return self._now.upstream.stats()

    async def close(self) -> None:
        await self._now.upstream.close()
        if self._closing:
            await asyncio.gather(*self._closing)

    def _settle(self, generation: _Generation) -> None:
        if generation.calls == 0:
            task = asyncio.get_running_loop().create_task(generation.upstream.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
