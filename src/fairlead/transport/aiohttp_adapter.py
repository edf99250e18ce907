"""The upstream client over aiohttp: the port's rules on a foreign pool and parser.

What aiohttp would do by itself is refused here: resolving names, following redirects, keeping cookies, adding
headers, decoding bodies, retrying, reading proxy variables. Deadlines, the queue and the names of faults are ours,
so that they are the same for every adapter. No type of aiohttp crosses the port.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from fairlead.transport import faults
from fairlead.transport.aiohttp_upload import announced, payload
from fairlead.transport.coding import BodyDecoder, body_decoder, decoded_headers, too_large
from fairlead.transport.deadlines import timed_out
from fairlead.transport.framing import frame
from fairlead.transport.gate import Gate
from fairlead.transport.head import authority, bracketed, header_lines, refused, where
from fairlead.transport.port import Call, Dialer, Kind, Limits, PoolStats, Reply, Route, Stage, TlsPlan, UpstreamError
from fairlead.transport.tls import client_context

# A name that cannot be resolved (RFC 6761 6.4): every dial must pass our resolver, an address literal included, which
# aiohttp would dial without asking. What the provider sees (Host, SNI, certificate name) comes from the route.
_ALIAS = "upstream.invalid"
_AUTO_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type", "Content-Length")
# Below the idle time after which common servers close, so that a stale socket is rare (reference/transport.md 8).
_KEEP_IDLE_SECONDS = 30.0
_MAX_HEAD_LINE = 65536
_MAX_HEADERS = 256
_READ_BUFFER = 262144


class _Progress:
    """How far one attempt got; written by the resolver and the connector, read when it fails."""

    __slots__ = (
        "connected", "deadline", "dialled", "first_byte", "headers", "scope", "stage", "transport", "upload_fault",
    )  # fmt: skip

    def __init__(self, headers: CIMultiDict[str], scope: asyncio.Timeout, deadline: float, first_byte: float) -> None:
        self.headers = headers
        self.scope = scope
        self.deadline = deadline
        self.first_byte = first_byte
        self.stage = Stage.CONNECT
        self.dialled = False
        self.connected = False
        self.transport: asyncio.Transport | None = None
        self.upload_fault: Exception | None = None

    def has_connection(self, transport: asyncio.Transport | None) -> None:
        self.transport = transport
        self.connected = True
        self.stage = Stage.HEAD
        self.wait_for_provider()

    def wait_for_provider(self) -> None:
        """The first byte's deadline runs from now, if the head is still waited for."""
        if not self.scope.expired() and self.scope.when() is not None:
            self.scope.reschedule(min(self.deadline, asyncio.get_running_loop().time() + self.first_byte))

    def wait_for_caller(self) -> None:
        """While our caller makes the next piece of an upload, the provider is not late."""
        if not self.scope.expired() and self.scope.when() is not None:
            self.scope.reschedule(self.deadline)

    def abort(self) -> None:
        """Drop unsent bytes instead of flushing them, if aiohttp is closing the socket.

        One that it is not closing was handed back at the end of a reply and may already serve another call.
        """
        if self.transport is not None and self.transport.is_closing():
            self.transport.abort()


_progress: ContextVar[_Progress] = ContextVar("fairlead_transport_progress")


class _CheckedResolver(AbstractResolver):
    """Asks the Dialer, for literals too; refuses every name but the alias."""

    def __init__(self, dialer: Dialer, route: Route) -> None:
        self._dialer = dialer
        self._route = route

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != _ALIAS:
            raise refused("a dial went past the route")
        progress = _progress.get()
        progress.dialled = True
        progress.stage = Stage.DNS
        route = self._route
        addresses = await self._dialer.addresses(route.host, route.port, route.reach)
        if route.proxy is not None:
            # The proxy resolves the name again; the guard has still seen it (spec/06 section 12.3).
            addresses = await self._dialer.addresses(route.proxy.host, route.proxy.port, route.proxy.reach)
        if not addresses:
            raise UpstreamError(Stage.DNS, Kind.UNRESOLVED, f"Name or service not known: {where(route)}", sent=False)
        progress.stage = Stage.CONNECT if route.proxy is None else Stage.PROXY
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Connector(aiohttp.TCPConnector):
    """Tells the attempt which socket it got."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        progress = _progress.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            # A kept socket on which something came unasked would answer this call with it (RFC 9112 9.2).
            if progress.dialled or protocol is None or not protocol.should_close:
                break
            connection.close()
        progress.has_connection(connection.transport)
        return connection


async def _send_exactly(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    # aiohttp's own merging loses the first of two headers whose names differ in case only.
    req.headers.clear()
    req.headers.extend(_progress.get().headers)
    # Translated inside aiohttp's own retry of "idempotent" methods, which knows only its own exceptions: a PUT that
    # the provider may have read is not sent twice behind our back.
    try:
        return await handler(req)
    except (aiohttp.ClientError, OSError) as fault:
        if isinstance(fault, TimeoutError) and not isinstance(fault, aiohttp.ClientError) and fault.errno is None:
            raise
        raise _Named(fault) from fault


class _Named(Exception):
    """Carries a fault of aiohttp past its retry loop."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(str(fault))
        self.fault = fault


class _Pool:
    """One route's session and gate."""

    __slots__ = ("base", "gate", "host", "proxy", "proxy_headers", "route", "server_name", "session", "where")

    def __init__(self, route: Route, dialer: Dialer) -> None:
        secure = route.scheme == "https"
        tls = route.tls or TlsPlan()
        self.route = route
        self.where = where(route)
        self.host = authority(route)
        self.gate = Gate(route.cap, route.queue, self.where)
        self.server_name = (tls.server_name or route.host) if secure else None
        self.proxy: URL | None = None
        self.proxy_headers: CIMultiDict[str] | None = None
        # CONNECT and absolute-form targets are read from the URL, so it names the provider only behind a proxy.
        self.base = f"{route.scheme}://{_ALIAS}:{route.port}"
        if route.proxy is not None:
            if route.proxy.tls is not None:
                # aiohttp has one TLS context for both, and would check the proxy's certificate for our alias.
                raise refused("the aiohttp adapter speaks no TLS to a proxy")
            self.base = f"{route.scheme}://{bracketed(route.host)}:{route.port}"
            self.proxy = URL(f"http://{_ALIAS}:{route.proxy.port}")
            self.proxy_headers = CIMultiDict()
            if route.proxy.authorization is not None:
                self.proxy_headers["Proxy-Authorization"] = route.proxy.authorization.decode("latin-1")
        connector = _Connector(
            resolver=_CheckedResolver(dialer, route),
            use_dns_cache=False,
            limit=0,
            keepalive_timeout=_KEEP_IDLE_SECONDS,
            ssl=client_context(tls) if secure else True,
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTO_HEADERS,
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            max_line_size=_MAX_HEAD_LINE,
            max_field_size=_MAX_HEAD_LINE,
            max_headers=_MAX_HEADERS,
            read_bufsize=_READ_BUFFER,
            middlewares=(_send_exactly,),
        )

    def url(self, target: str) -> URL:
        """The URL that makes aiohttp send `target` exactly; refuses the few targets that it would change."""
        url = URL(self.base + target, encoded=True)
        if url.raw_path_qs != target:
            raise refused("the aiohttp adapter cannot send this target as it is given")
        return url

    def headers(self, call: Call) -> CIMultiDict[str]:
        lines: CIMultiDict[str] = CIMultiDict()
        try:
            for name, value in header_lines(self.host, call):
                lines.add(name.decode("ascii"), value.decode("utf-8"))
        except UnicodeDecodeError as fault:
            raise refused("the aiohttp adapter sends header values in UTF-8 only") from fault
        if self.proxy is not None and self.route.scheme == "http" and self.proxy_headers:
            lines.extend(self.proxy_headers)
        return lines


class _Exchange:
    """One reply being read, and the slot it holds until `release`."""

    def __init__(self, pool: _Pool, response: aiohttp.ClientResponse, progress: _Progress, limits: Limits) -> None:
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
        self._pools: dict[Route, _Pool] = {}
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

    def _pool(self, route: Route) -> _Pool:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("an Upstream serves one event loop")
        if self._closed:
            raise UpstreamError(Stage.POOL, Kind.REFUSED, f"{where(route)}: the client is closed", sent=False)
        pool = self._pools.get(route)
        if pool is None:
            pool = self._pools[route] = _Pool(route, self._dialer)
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
        self, pool: _Pool, call: Call, limits: Limits, url: URL, headers: CIMultiDict[str], deadline: float
    ) -> _Exchange:
        loop = asyncio.get_running_loop()
        # The deadline of the stage is renewed when the connection is there.
        scope = asyncio.timeout_at(min(deadline, loop.time() + limits.connect))
        progress = _Progress(headers, scope, deadline, limits.first_byte)
        token = _progress.set(progress)
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
            _progress.reset(token)
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

    def _named(self, fault: BaseException, pool: _Pool, progress: _Progress) -> UpstreamError | None:
        """The fault in our terms; None for what passes unchanged: the Dialer's refusals, cancellation, our own bugs."""
        if isinstance(fault, UpstreamError):
            return fault
        cause = fault.fault if isinstance(fault, _Named) else fault
        if isinstance(cause, aiohttp.ClientError | OSError):
            return faults.upstream_error(cause, stage=progress.stage, sent=progress.connected, where=pool.where)
        return None


class _Stale(Exception):
    """A kept connection was closed before it brought a byte, and the call may be sent twice."""
