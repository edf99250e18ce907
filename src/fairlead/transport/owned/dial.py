"""Makes a connected, checked socket: guard, addresses in parallel, proxy, TLS, in that order.

Dials only what the Dialer returned, literals included; reads no proxy variables. Nothing of the call is sent here, so
every fault says `sent` False. What the Dialer raises passes unchanged.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable

from fairlead.errors import FairleadError
from fairlead.transport.deadlines import timed_out
from fairlead.transport.head import bracketed, where
from fairlead.transport.owned import errors
from fairlead.transport.owned.connection import Connection
from fairlead.transport.port import Dialer, Kind, Limits, ProxyPlan, Route, Stage, TlsPlan, UpstreamError
from fairlead.transport.tls import client_context

# RFC 8305 section 5: the recommended delay before the next address is tried as well.
_STAGGER_SECONDS = 0.25
_MAX_PROXY_HEAD = 16384
_PROXY_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")


class Dial:
    """How one route is dialled; the TLS context is made at the first dial and kept."""

    __slots__ = ("_context", "_dialer", "_route", "where")

    def __init__(self, route: Route, dialer: Dialer) -> None:
        self._route = route
        self._dialer = dialer
        self._context: ssl.SSLContext | None = None
        self.where = where(route)

    async def addresses(self) -> list[str]:
        """The addresses that may be dialled now: the provider's, or the proxy's when there is one."""
        route = self._route
        found = await self._dialer.addresses(route.host, route.port, route.reach)
        if route.proxy is not None:
            # The proxy resolves the name again; the guard has still seen it (spec/06 section 12.3).
            found = await self._dialer.addresses(route.proxy.host, route.proxy.port)
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
        tls = route.tls or TlsPlan()
        if route.scheme == "https" and self._context is None:
            self._context = client_context(tls)
        addresses = await self.addresses()
        attempt.stage = Stage.CONNECT if route.proxy is None else Stage.PROXY
        port = route.port if route.proxy is None else route.proxy.port
        sock, address = await first_connected(addresses, port)
        try:
            if route.scheme == "https":
                if route.proxy is not None:
                    await self._tunnel(loop, sock, route.proxy)
                attempt.stage = Stage.TLS
                _, connection = await loop.create_connection(
                    make, sock=sock, ssl=self._context, server_hostname=tls.server_name or route.host
                )
            else:
                _, connection = await loop.create_connection(make, sock=sock)
        except BaseException:
            sock.close()
            raise
        connection.address = address
        return connection, addresses

    async def _tunnel(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, proxy: ProxyPlan) -> None:
        """CONNECT to the provider through the proxy (RFC 9110 9.3.6). Nothing of the call goes to the proxy."""
        target = f"{bracketed(self._route.host)}:{self._route.port}".encode("ascii")
        lines = [b"CONNECT " + target + b" HTTP/1.1", b"Host: " + target]
        if proxy.authorization is not None:
            lines.append(b"Proxy-Authorization: " + proxy.authorization)
        await loop.sock_sendall(sock, b"\r\n".join([*lines, b"", b""]))
        head = b""
        while b"\r\n\r\n" not in head:
            data = await loop.sock_recv(sock, 4096)
            if not data:
                raise self._proxy_fault(Kind.RESET, "The proxy closed the connection")
            head += data
            if len(head) > _MAX_PROXY_HEAD:
                raise self._proxy_fault(Kind.TOO_LARGE, "The proxy's answer is too large")
        status = _PROXY_STATUS.match(head)
        if status is None:
            raise self._proxy_fault(Kind.PROTOCOL, "The proxy's answer is not valid HTTP")
        if not status[1].startswith(b"2"):
            code = status[1].decode("ascii")
            raise self._proxy_fault(Kind.REFUSED, f"The proxy refused the tunnel with status {code}")
        if not head.endswith(b"\r\n\r\n") or head.count(b"\r\n\r\n") != 1:
            # A TLS server never speaks first: these bytes are the proxy's, and would be read as the provider's.
            raise self._proxy_fault(Kind.PROTOCOL, "The proxy sent bytes of its own into the tunnel")

    def _proxy_fault(self, kind: Kind, words: str) -> UpstreamError:
        return UpstreamError(Stage.PROXY, kind, f"{words}: {self.where}", sent=False)


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
