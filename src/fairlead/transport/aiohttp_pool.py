"""A route's session of aiohttp, which dials only what the Dialer allows and sends only what it is given; it reads no reply.

How far an attempt got is written here, and read by the adapter when it fails.
"""

from __future__ import annotations

import asyncio
import socket
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from fairlead.transport.gate import Gate
from fairlead.transport.head import authority, bracketed, header_lines, refused, where
from fairlead.transport.port import Call, Dialer, Kind, Route, Stage, TlsPlan, UpstreamError
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


class Progress:
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


PROGRESS: ContextVar[Progress] = ContextVar("fairlead_transport_progress")
"""Of the attempt that this task makes: aiohttp hands nothing of ours on to resolver and connector."""


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
        progress = PROGRESS.get()
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
        progress = PROGRESS.get()
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
    req.headers.extend(PROGRESS.get().headers)
    # Translated inside aiohttp's own retry of "idempotent" methods, which knows only its own exceptions: a PUT that
    # the provider may have read is not sent twice behind our back.
    try:
        return await handler(req)
    except (aiohttp.ClientError, OSError) as fault:
        if isinstance(fault, TimeoutError) and not isinstance(fault, aiohttp.ClientError) and fault.errno is None:
            raise
        raise ForeignFault(fault) from fault


class ForeignFault(Exception):
    """Carries a fault of aiohttp past its retry loop."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Pool:
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
