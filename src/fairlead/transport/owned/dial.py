"""Makes a connected, checked socket: guard, addresses in parallel, proxy, TLS, in that order.

Dials only what the Dialer returned, literals included; reads no proxy variables. Nothing of the call is sent here, so
every fault says `sent` False. What the Dialer raises passes unchanged.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from fairlead.errors import FairleadError
from fairlead.transport.deadlines import timed_out
from fairlead.transport.head import where
from fairlead.transport.owned import errors
from fairlead.transport.owned.connection import Connection
from fairlead.transport.owned.tunnel import Tunnel
from fairlead.transport.port import Dialer, Kind, Limits, ProxyPlan, Route, Stage, TlsPlan, UpstreamError
from fairlead.transport.tls import client_context

# RFC 8305 section 5: the recommended delay before the next address is tried as well.
_STAGGER_SECONDS = 0.25


class Dial:
    """How one route is dialled; the TLS contexts are made at the first dial and kept."""

    __slots__ = ("_context", "_dialer", "_proxy_context", "_route", "where")

    def __init__(self, route: Route, dialer: Dialer) -> None:
        self._route = route
        self._dialer = dialer
        self._context: ssl.SSLContext | None = None
        self._proxy_context: ssl.SSLContext | None = None
        self.where = where(route)

    async def addresses(self) -> list[str]:
        """The addresses that may be dialled now: the provider's, or the proxy's when there is one."""
        route = self._route
        found = await self._dialer.addresses(route.host, route.port, route.reach)
        if route.proxy is not None:
            # The proxy resolves the name again; the guard has still seen it (spec/06 section 12.3).
            found = await self._dialer.addresses(route.proxy.host, route.proxy.port, route.proxy.reach)
        if not found:
            raise UpstreamError(Stage.DNS, Kind.UNRESOLVED, f"Name or service not known: {self.where}", sent=False)
        return found

    async def connect(
        self, limits: Limits, total: float, make: Callable[[], Connection]
    ) -> tuple[Connection, list[str]]:
        """A connection that is ready for a call, and the addresses that were allowed.

        `total` is the call's last moment in loop time. Raises UpstreamError or what the Dialer raises.
        """
        loop = asyncio.get_running_loop()
        attempt = _Attempt()
        by = loop.time() + limits.connect
        try:
            async with asyncio.timeout_at(min(by, total)) as scope:
                return await self._connect(attempt, loop, make)
        except TimeoutError as fault:
            if not scope.expired():
                raise errors.dial_fault(fault, attempt.stage, self.where) from fault
            raise timed_out(attempt.stage, self.where, limits, total=total <= by, sent=False) from None
        except (FairleadError, UpstreamError):
            raise
        except (OSError, EOFError, UnicodeError) as fault:
            raise errors.dial_fault(fault, attempt.stage, self.where) from fault

    async def _connect(
        self, attempt: _Attempt, loop: asyncio.AbstractEventLoop, make: Callable[[], Connection]
    ) -> tuple[Connection, list[str]]:
        route = self._route
        proxy = route.proxy
        self._make_contexts()
        addresses = await self.addresses()
        attempt.stage = Stage.CONNECT if proxy is None else Stage.PROXY
        sock, address = await first_connected(addresses, route.port if proxy is None else proxy.port)
        try:
            if proxy is None:
                connection = await self._direct(attempt, loop, sock, make)
            elif route.scheme == "http":
                connection = await _over(loop, sock, self._proxy_context, _proxy_name(proxy), make)
            else:
                connection = await self._tunnelled(attempt, loop, sock, proxy, make)
        except BaseException:
            sock.close()
            raise
        connection.address = address
        return connection, addresses

    def _make_contexts(self) -> None:
        route = self._route
        if route.scheme == "https" and self._context is None:
            self._context = client_context(route.tls or TlsPlan())
        if route.proxy is not None and route.proxy.tls is not None and self._proxy_context is None:
            self._proxy_context = client_context(route.proxy.tls)

    @property
    def _name(self) -> str:
        """The provider's name in SNI and certificate."""
        tls = self._route.tls
        return (tls and tls.server_name) or self._route.host

    async def _direct(
        self, attempt: _Attempt, loop: asyncio.AbstractEventLoop, sock: socket.socket, make: Callable[[], Connection]
    ) -> Connection:
        if self._context is not None:
            attempt.stage = Stage.TLS
        return await _over(loop, sock, self._context, self._name, make)

    async def _tunnelled(
        self,
        attempt: _Attempt,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        proxy: ProxyPlan,
        make: Callable[[], Connection],
    ) -> Connection:
        """TLS to the provider inside a tunnel; to a proxy with TLS of its own, TLS inside TLS."""
        tunnel = await _over(loop, sock, self._proxy_context, _proxy_name(proxy), lambda: Tunnel(self._route, proxy))
        try:
            await tunnel.open()
            attempt.stage = Stage.TLS
            connection = make()
            context = self._context
            assert context is not None
            transport = await loop.start_tls(tunnel.transport, connection, context, server_hostname=self._name)
        except BaseException as fault:
            tunnel.transport.abort()
            # Before CPython 3.13 a failed handshake inside TLS ends in a call with a wrong argument, whose TypeError
            # takes the place of the handshake's own fault.
            if isinstance(fault, TypeError) and isinstance(fault.__context__, OSError):
                raise fault.__context__ from None
            raise
        if transport is None:
            raise ConnectionResetError
        connection.connection_made(transport)
        return connection


P = TypeVar("P", bound=asyncio.Protocol)


async def _over(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    context: ssl.SSLContext | None,
    name: str,
    make: Callable[[], P],
) -> P:
    """A protocol on a connected socket, with TLS if there is a context."""
    if context is None:
        _, protocol = await loop.create_connection(make, sock=sock)
    else:
        _, protocol = await loop.create_connection(make, sock=sock, ssl=context, server_hostname=name)
    return protocol


def _proxy_name(proxy: ProxyPlan) -> str:
    return (proxy.tls and proxy.tls.server_name) or proxy.host


class _Attempt:
    """How far one dial got."""

    __slots__ = ("stage",)

    def __init__(self) -> None:
        self.stage = Stage.DNS


async def first_connected(addresses: list[str], port: int) -> tuple[socket.socket, str]:
    """The first socket to connect, and its address: each address gets a head start over the next (RFC 8305).

    Raises the first address's OSError when none connects.
    """
    if len(addresses) == 1:
        return await _connected(addresses[0], port), addresses[0]
    pending: dict[asyncio.Task[socket.socket], str] = {}
    faults: list[OSError] = []
    waiting = list(reversed(addresses))
    try:
        while waiting or pending:
            if waiting:
                address = waiting.pop()
                pending[asyncio.ensure_future(_connected(address, port))] = address
            delay = _STAGGER_SECONDS if waiting else None
            done, _ = await asyncio.wait(pending, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                address = pending[task]
                fault = task.exception()
                if fault is None:
                    del pending[task]
                    return task.result(), address
                if not isinstance(fault, OSError):
                    raise fault
                del pending[task]
                faults.append(fault)
        raise faults[0]
    finally:
        for task in pending:
            task.cancel()
        for outcome in await asyncio.gather(*pending, return_exceptions=True):
            if isinstance(outcome, socket.socket):
                outcome.close()


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock
