"""The owned `Upstream`: routes to pools, one clock for all deadlines, and the two ways to read a reply.

Retries nothing but a replayable call on a stale kept connection. Serves one event loop, asyncio's or uvloop's; a pool is
made at the first call of its route, so after a fork.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fairlead.transport.head import authority, where
from fairlead.transport.owned.connection import Connection
from fairlead.transport.owned.pool import OwnedPoolStats, Pool, PoolEvent
from fairlead.transport.owned.wire import RequestHead
from fairlead.transport.port import Call, Dialer, Kind, Limits, Reply, Route, Stage, UpstreamError

# Deadlines end up to one tick late (0.5 s was seen as 0.50 to 0.60 s); kept connections need no such care.
_TICK_SECONDS = 0.05
_IDLE_TICK_SECONDS = 1.0


class _Lane:
    """A route's pool and the parts of a request that do not change."""

    __slots__ = ("_head", "extra", "host", "pool", "prefix")

    def __init__(self, route: Route, dialer: Dialer, observe: Callable[[PoolEvent], None] | None) -> None:
        self.host = authority(route)
        self.pool = Pool(route, dialer, observe)
        self.prefix = b""
        self.extra: tuple[tuple[bytes, bytes], ...] = ()
        if route.proxy is not None and route.scheme == "http":
            # RFC 9112 3.2.2: a proxy is asked in absolute form.
            self.prefix = b"http://" + self.host
            if route.proxy.authorization is not None:
                self.extra = ((b"Proxy-Authorization", route.proxy.authorization),)
        self._head: RequestHead | None = None

    def request(self, call: Call) -> bytes:
        """The bytes of `call`; most calls of a route have the head of the one before."""
        head = self._head
        if head is None or not head.fits(call):
            head = RequestHead(self.host, call, self.prefix, self.extra)
            if call.upload is None:
                self._head = head
        return head.request(call)


class _Stream:
    """A reply in pieces."""

    __slots__ = ("_connection", "headers", "status")

    def __init__(self, connection: Connection, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._connection = connection
        self.status = status
        self.headers = headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._connection.next_piece()) is not None:
            yield piece

    async def pump(self, take: Callable[[bytes], bool]) -> bool:
        """See the port: `take` is called by the socket's protocol itself."""
        return await self._connection.pump(take)


class OwnedUpstream:
    """An `Upstream` whose pool, deadlines and faults are our own. `observe` is told of rare pool events."""

    def __init__(self, dialer: Dialer, observe: Callable[[PoolEvent], None] | None = None) -> None:
        self._dialer = dialer
        self._observe = observe
        self._lanes: dict[Route, _Lane] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._slow_tick = False
        self._closed = False

    async def send(self, route: Route, call: Call, limits: Limits) -> Reply:
        """The whole reply. Raises UpstreamError, or what the Dialer raises."""
        lane = self._lane(route)
        request = lane.request(call)
        pool = lane.pool
        total = pool.loop.time() + limits.total
        head_request = call.method == b"HEAD"
        while True:
            connection = pool.take() or await pool.acquire(limits, total)
            self._watch()
            try:
                return await connection.send(request, limits, total, head_request=head_request, upload=call.upload)
            except UpstreamError as fault:
                if not self._replays(call, connection, fault):
                    raise
            finally:
                pool.release(connection)

    @asynccontextmanager
    async def stream(self, route: Route, call: Call, limits: Limits) -> AsyncIterator[_Stream]:
        """The reply piece by piece as it comes; leaving early closes the socket. Raises as `send`."""
        lane = self._lane(route)
        request = lane.request(call)
        total = lane.pool.loop.time() + limits.total
        head_request = call.method == b"HEAD"
        while True:
            connection = await lane.pool.acquire(limits, total)
            self._watch()
            try:
                try:
                    head = await connection.open_stream(
                        request, limits, total, head_request=head_request, upload=call.upload
                    )
                except UpstreamError as fault:
                    if not self._replays(call, connection, fault):
                        raise
                    continue
                yield _Stream(connection, *head)
                return
            finally:
                lane.pool.release(connection)

    async def drain(self, grace: float) -> None:
        """Take no more calls, give those under way `grace` seconds, then close."""
        self._closed = True
        for lane in self._lanes.values():
            lane.pool.close_idle()
        ends = asyncio.get_running_loop().time() + grace
        while self._any_busy() and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(_TICK_SECONDS)
            for lane in self._lanes.values():
                lane.pool.close_idle()
        await self.close()

    async def close(self) -> None:
        """Close every socket; calls in flight and in line fail."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for lane in self._lanes.values():
            lane.pool.close()
        # asyncio reports a socket's end one turn later, TLS a few; nothing is left open when this returns.
        for _ in range(20):
            if all(lane.pool.quiet for lane in self._lanes.values()):
                break
            await asyncio.sleep(0)
        self._lanes.clear()

    def stats(self) -> list[OwnedPoolStats]:
        """A snapshot of every pool, for metrics."""
        return [lane.pool.stats() for lane in self._lanes.values()]

    def _lane(self, route: Route) -> _Lane:
        lane = self._lanes.get(route)
        if lane is not None and not self._closed:
            return lane
        if self._closed:
            raise UpstreamError(Stage.POOL, Kind.REFUSED, f"{where(route)}: the client is closed", sent=False)
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("an Upstream serves one event loop")
        lane = self._lanes[route] = _Lane(route, self._dialer, self._observe)
        return lane

    @staticmethod
    def _replays(call: Call, connection: Connection, fault: UpstreamError) -> bool:
        # Only if the caller says so: a POST may have run although its connection closed without an answer. Each turn
        # uses up one kept connection, so this ends.
        replay = call.replay and call.upload is None
        return replay and fault.kind is Kind.RESET and fault.stage is Stage.HEAD and connection.stale

    def _any_busy(self) -> bool:
        return any(lane.pool.busy for lane in self._lanes.values())

    def _watch(self) -> None:
        """See to it that deadlines are looked at soon."""
        if self._timer is not None and not self._slow_tick:
            return
        if self._timer is not None:
            self._timer.cancel()
        assert self._loop is not None
        self._slow_tick = False
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        loop = self._loop
        if loop is None or self._closed:
            return
        now = loop.time()
        for route, lane in list(self._lanes.items()):
            lane.pool.sweep(now)
            if lane.pool.quiet:
                # A connector that is not used costs nothing; its next call makes the pool again.
                del self._lanes[route]
        self._slow_tick = not self._any_busy()
        if self._lanes:
            self._timer = loop.call_later(_IDLE_TICK_SECONDS if self._slow_tick else _TICK_SECONDS, self._tick)
