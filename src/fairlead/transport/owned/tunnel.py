"""Asks a proxy for a tunnel (CONNECT, RFC 9110 9.3.6) and hands over its transport; nothing of the call goes to the proxy.

Refuses every answer but 2xx, and one that is followed by bytes: a TLS server never speaks first, so they are the proxy's
and would be read as the provider's.
"""

from __future__ import annotations

import asyncio
import re
from typing import cast

from fairlead.transport.head import bracketed, where
from fairlead.transport.owned import errors
from fairlead.transport.port import Kind, ProxyPlan, Route, Stage, UpstreamError

_MAX_HEAD = 16384
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")
_END = b"\r\n\r\n"


class Tunnel(asyncio.Protocol):
    """The connection to a proxy until its answer is there."""

    def __init__(self, route: Route, proxy: ProxyPlan) -> None:
        self._route = route
        self._proxy = proxy
        self._head = b""
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    async def open(self) -> None:
        """Returns when the tunnel stands. Raises UpstreamError(PROXY, sent=False)."""
        target = f"{bracketed(self._route.host)}:{self._route.port}".encode("ascii")
        lines = [b"CONNECT " + target + b" HTTP/1.1", b"Host: " + target]
        if self._proxy.authorization is not None:
            lines.append(b"Proxy-Authorization: " + self._proxy.authorization)
        self.transport.write(b"\r\n".join([*lines, b"", b""]))
        await self._answered
        status = _STATUS.match(self._head)
        if status is None:
            raise self._fault(Kind.PROTOCOL, "The proxy's answer is not valid HTTP")
        if not status[1].startswith(b"2"):
            code = status[1].decode("ascii")
            raise self._fault(Kind.REFUSED, f"The proxy refused the tunnel with status {code}")
        if not self._head.endswith(_END) or self._head.count(_END) != 1:
            raise self._fault(Kind.PROTOCOL, "The proxy sent bytes of its own into the tunnel")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if _END in self._head:
            # What the provider says next is not ours to read: TLS takes the transport over.
            self.transport.pause_reading()
            self._end(None)
        elif len(self._head) > _MAX_HEAD:
            self._end(self._fault(Kind.TOO_LARGE, "The proxy's answer is too large"))

    def eof_received(self) -> None:
        self._end(self._fault(Kind.RESET, "The proxy closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self._end(self._fault(Kind.RESET, "The proxy closed the connection"))
        else:
            self._end(errors.dial_fault(exc, Stage.PROXY, where(self._route)))

    def _end(self, fault: UpstreamError | None) -> None:
        if self._answered.done():
            return
        if fault is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(fault)
            self._answered.exception()  # nobody may be waiting any more

    def _fault(self, kind: Kind, words: str) -> UpstreamError:
        return UpstreamError(Stage.PROXY, kind, f"{words}: {where(self._route)}", sent=False)
