"""The upstream client over aiohttp: the port's rules on a foreign pool and parser.

What aiohttp would do by itself is refused here: resolving names, following redirects, keeping cookies, adding
headers, decoding bodies, retrying, reading proxy variables. Deadlines, the queue and the names of faults are ours,
so that they are the same for every adapter. No type of aiohttp crosses the port.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from fairlead.transport import faults
from fairlead.transport.aiohttp_pool import PROGRESS, ForeignFault, Pool, Progress
from fairlead.transport.aiohttp_upload import announced, payload
from fairlead.transport.coding import BodyDecoder, body_decoder, decoded_headers, too_large
from fairlead.transport.deadlines import timed_out
from fairlead.transport.framing import frame
from fairlead.transport.head import refused, where
from fairlead.transport.port import Call, Dialer, Kind, Limits, PoolStats, Reply, Route, Stage, UpstreamError


class _Exchange:
    """One reply being read, and the slot it holds until `release`."""

    def __init__(self, pool: Pool, response: aiohttp.ClientResponse, progress: Progress, limits: Limits) -> None:
        self._pool = pool
        self._response = response
        self._progress = progress
        self._limits = limits
        self._left = limits.max_body
        self._whole = False
        self._released = False
        self._decoder: BodyDecoder | None = None
        self._lost: asyncio.Future[None] | None = None
        connection = response.connection
        if connection is not None and connection.protocol is not None:
            self._lost = connection.protocol.closed
        if self._lost is not None:
            self._lost.add_done_callback(self._tell_reader)
        self.status = response.status
        self.headers = list(response.raw_headers)

    def check_head(self, head_request: bool) -> None:
        """Refuse a head whose framing is in doubt, whose body is announced too large or coded in a foreign way."""
        framing = frame(self.status, self.headers, self._pool.where, head_request=head_request)
        if framing.length is not None and framing.length > self._limits.max_body:
            raise too_large(self.status, self._limits.max_body, self._pool.where)
        self._decoder = body_decoder(framing.coding, self.status, self._limits.max_body, self._pool.where)
        if self._decoder is not None:
            self.headers = decoded_headers(self.headers)

    def _tell_reader(self, lost: asyncio.Future[None]) -> None:
        # aiohttp tells a waiting reader of a cut socket, but not of bytes that its parser refused.
        lost.exception()
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.http_exceptions.TransferEncodingError("refused by the parser"))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._next_piece()) is not None:
            yield piece

    async def pump(self, take: Callable[[bytes], bool]) -> bool:
        """See the port; aiohttp wakes a task for each piece."""
        while (piece := await self._next_piece()) is not None:
            if not take(piece):
                return True
        return False

    async def _next_piece(self) -> bytes | None:
        while raw := await self._read():
            self._left -= len(raw)
            if self._left < 0:
                raise too_large(self.status, self._limits.max_body, self._pool.where)
            if piece := raw if self._decoder is None else self._decoder.feed(raw):
                return piece
        if self._decoder is not None:
            self._decoder.finish()
        self._whole = True
        return None

    async def _read(self) -> bytes:
        now = asyncio.get_running_loop().time()
        deadline = self._progress.deadline
        idle = now + self._limits.idle
        try:
            async with asyncio.timeout_at(min(deadline, idle)) as scope:
                return await self._response.content.readany()
        except TimeoutError as fault:
            if not scope.expired():
                raise self._fault(fault) from fault
            raise timed_out(
                Stage.BODY, self._pool.where, self._limits, total=deadline <= idle, sent=True, status=self.status
            ) from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError) as fault:
            raise self._fault(fault) from fault

    def _fault(self, fault: Exception) -> UpstreamError:
        return faults.upstream_error(fault, stage=Stage.BODY, sent=True, where=self._pool.where, status=self.status)

    def release(self) -> None:
        """Hand the connection back if the reply was read whole, else close it at once; give up the slot."""
        if self._released:
            return
        self._released = True
        if self._lost is not None:
            self._lost.remove_done_callback(self._tell_reader)
        if self._whole:
            self._response.release()
        else:
            self.drop()
        self._pool.gate.leave()

    def drop(self) -> None:
        """Close the socket at once, unless the reply ended and gave it back already."""
        self._response.close()
        self._progress.abort()


class AiohttpUpstream:
    """An `Upstream` on aiohttp, for one event loop. Pools are made at the first call of a route, so after a fork."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._pools: dict[Route, Pool] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def send(self, route: Route, call: Call, limits: Limits) -> Reply:
        """The whole reply. Raises UpstreamError, or what the Dialer raises."""
        exchange = await self._open(route, call, limits)
        try:
            body = b"".join([piece async for piece in exchange])
        finally:
            exchange.release()
        return Reply(exchange.status, exchange.headers, body)

    @asynccontextmanager
    async def stream(self, route: Route, call: Call, limits: Limits) -> AsyncIterator[_Exchange]:
        """The reply piece by piece as it comes; leaving early closes the socket. Raises as `send`."""
        exchange = await self._open(route, call, limits)
        try:
            yield exchange
        finally:
            exchange.release()

    def stats(self) -> list[PoolStats]:
        """Calls under way as open connections: aiohttp does not say what it keeps."""
        return [PoolStats(route, pool.gate.inside, 0, pool.gate.waiting) for route, pool in self._pools.items()]

    async def close(self) -> None:
        """Close every socket; calls in flight and in line fail."""
        self._closed = True
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.gate.close()
            await pool.session.close()

    def _pool(self, route: Route) -> Pool:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("an Upstream serves one event loop")
        if self._closed:
            raise UpstreamError(Stage.POOL, Kind.REFUSED, f"{where(route)}: the client is closed", sent=False)
        pool = self._pools.get(route)
        if pool is None:
            pool = self._pools[route] = Pool(route, self._dialer)
        return pool

    async def _open(self, route: Route, call: Call, limits: Limits) -> _Exchange:
        """The exchange at the end of its head, holding a slot."""
        pool = self._pool(route)
        headers = pool.headers(call)
        try:
            url = pool.url(call.target.decode("utf-8"))
        except UnicodeDecodeError as fault:
            raise refused("the aiohttp adapter sends targets in UTF-8 only") from fault
        deadline = asyncio.get_running_loop().time() + limits.total
        if not pool.gate.try_enter():
            await pool.gate.enter(min(limits.pool, limits.total))
        try:
            while True:
                try:
                    return await self._attempt(pool, call, limits, url, headers, deadline)
                except _Stale:
                    # Every stale socket leaves the pool, so this ends: at the latest with one dialled now.
                    continue
        except BaseException:
            pool.gate.leave()
            raise

    async def _attempt(
        self, pool: Pool, call: Call, limits: Limits, url: URL, headers: CIMultiDict[str], deadline: float
    ) -> _Exchange:
        loop = asyncio.get_running_loop()
        # The deadline of the stage is renewed when the connection is there.
        scope = asyncio.timeout_at(min(deadline, loop.time() + limits.connect))
        progress = Progress(headers, scope, deadline, limits.first_byte)
        token = PROGRESS.set(progress)
        try:
            async with scope:
                response = await pool.session.request(
                    call.method.decode("ascii"),
                    url,
                    data=payload(call, progress, pool.where),
                    headers=announced(call),
                    allow_redirects=False,
                    proxy=pool.proxy,
                    proxy_headers=pool.proxy_headers,
                    server_hostname=pool.server_name,
                )
        except BaseException as fault:
            progress.abort()
            if isinstance(fault, TimeoutError) and scope.expired():
                total = scope.when() == deadline
                raise timed_out(progress.stage, pool.where, limits, total=total, sent=progress.connected) from None
            if progress.upload_fault is not None and isinstance(fault, Exception):
                raise progress.upload_fault from None
            named = self._named(fault, pool, progress)
            if (
                call.replay
                and call.upload is None
                and named is not None
                and named.kind is Kind.RESET
                and not progress.dialled
            ):
                raise _Stale from fault
            if named is None or named is fault:
                raise
            raise named from fault
        finally:
            PROGRESS.reset(token)
        exchange = _Exchange(pool, response, progress, limits)
        try:
            exchange.check_head(call.method == b"HEAD")
        except UpstreamError:
            exchange.drop()
            if progress.transport is not None:
                # Even if the reply has ended and aiohttp keeps the socket: nobody can have taken it since, for this
                # task has not waited, and a socket with framing in doubt must not carry a second reply.
                progress.transport.abort()
            raise
        return exchange

    def _named(self, fault: BaseException, pool: Pool, progress: Progress) -> UpstreamError | None:
        """The fault in our terms; None for what passes unchanged: the Dialer's refusals, cancellation, our own bugs."""
        if isinstance(fault, UpstreamError):
            return fault
        cause = fault.fault if isinstance(fault, ForeignFault) else fault
        if isinstance(cause, aiohttp.ClientError | OSError):
            return faults.upstream_error(cause, stage=progress.stage, sent=progress.connected, where=pool.where)
        return None


class _Stale(Exception):
    """A kept connection was closed before it brought a byte, and the call may be sent twice."""
