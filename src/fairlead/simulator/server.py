"""The simulator as a server: HTTP/1.1 on sockets with exact framing, and the faults a reply asks for. It decides no answers.

One protocol a connection, callbacks only: a request is answered in the call that parsed it, unless a delay or the pause
between chunks says otherwise; requests that came meanwhile wait their turn.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast

import httptools

from fairlead.engine.sigv4 import verify
from fairlead.simulator.desk import Desk, SimulatorSettings, Verify
from fairlead.simulator.failures import Rule
from fairlead.simulator.message import NO_BODY, Reply, Request

MAX_BODY = 128 << 20
"""Bytes of a request body; more is refused with 413."""
MAX_HEAD = 256 << 10
_BACKLOG = 512
_WAITING = 64
"""Requests parsed ahead of their turn before the connection is read no further."""
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class _Parser(Protocol):
    def feed_data(self, data: bytes) -> None: ...

    def get_method(self) -> bytes: ...

    def should_keep_alive(self) -> bool: ...

    def should_upgrade(self) -> bool: ...


class _Connection(asyncio.Protocol):
    def __init__(self, desk: Desk, connections: set[_Connection]) -> None:
        self._desk = desk
        self._connections = connections
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._parser: _Parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._full = self._upgrading = False
        self._kept: tuple[bytes, list[tuple[str, str]], dict[str, str]] | None = None
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._fields: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = self._head = 0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._closing = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._full = True
        self._pace()

    def resume_writing(self) -> None:
        self._full = False
        self._pace()

    def _pace(self) -> None:
        """Reads on only while the client takes its answers."""
        if self._transport.is_closing():
            return
        if self._full or len(self._waiting) >= _WAITING:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        """A client may close its side and still read: the connection stays as long as answers are due."""
        if self._timer is None and not self._waiting:
            return False
        self._closing = True
        return True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as fault:
            cause = fault.__context__
            self._refuse(413 if isinstance(cause, _TooLarge) else 500, f"{type(cause).__name__}: {cause}")
        except httptools.HttpParserError as fault:
            self._refuse(400, str(fault))

    def _decline_upgrade(self, rest: bytes) -> None:
        """Nothing is upgraded (RFC 9110 7.8 lets a server ignore the wish), but the parser stopped at the head: the same
        request goes through a new one, with its framing alone."""
        framing = [(name, text) for name, text in self._headers if name.lower() in _FRAMING]
        lines = "".join(f"{name}: {text}\r\n" for name, text in framing)
        head = f"{self._parser.get_method().decode('ascii')} / HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
        self._kept = (self._target, self._headers, self._fields)
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    # What httptools calls.

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = []
        self._fields = {}
        self._body = []
        self._size = self._head = 0

    def on_url(self, url: bytes) -> None:
        self._grow_head(len(url))
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow_head(len(name) + len(value))
        key, text = name.decode("latin-1"), value.decode("latin-1")
        self._headers.append((key, text))
        self._fields[key.lower()] = text

    def on_headers_complete(self) -> None:
        self._upgrading = self._parser.should_upgrade()
        if self._upgrading:
            return
        if self._kept is not None:
            self._target, self._headers, self._fields = self._kept
            self._kept = None
        if self._fields.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY:
            raise _TooLarge(f"the body has more than {MAX_BODY} bytes")
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        target = self._target.decode("latin-1")
        if target.startswith("//"):
            target = "/" + target.lstrip("/")
        path = target.partition("?")[0].partition("#")[0]
        if not path.startswith("/"):
            path = "/" + path.partition("://")[2].partition("/")[2]
        method = self._parser.get_method().decode("ascii")
        request = Request(method, target, path, tuple(self._headers), self._fields, b"".join(self._body))
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._timer is None and len(self._waiting) == 1:
            self._next()
        elif len(self._waiting) == _WAITING:
            self._pace()

    def _grow_head(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD:
            raise _TooLarge(f"the head has more than {MAX_HEAD} bytes")

    # Answers, in turn.

    def _next(self) -> None:
        ahead = len(self._waiting) >= _WAITING
        while self._waiting and self._timer is None and not self._transport.is_closing():
            request, keep = self._waiting.popleft()
            reply = self._desk.reply(request)
            if reply.delay > 0:
                self._timer = self._loop.call_later(reply.delay, self._send_late, reply, request.method, keep)
            else:
                self._send(reply, request.method, keep)
        if self._closing and not self._waiting and self._timer is None:
            self._transport.close()
        elif ahead:
            self._pace()

    def _send_late(self, reply: Reply, method: str, keep: bool) -> None:
        self._timer = None
        self._send(reply, method, keep)
        self._next()

    def _send(self, reply: Reply, method: str, keep: bool) -> None:
        if reply.drop:
            self._hang_up()
            return
        silent = method == "HEAD" or reply.status in NO_BODY
        head = _head(reply, keep and reply.truncate is None, silent)
        write = self._transport.write
        if silent:
            write(head)
        elif reply.truncate is not None:
            _write_cut(write, head, reply, reply.truncate)
            self._hang_up()
            return
        elif reply.chunks is None:
            write(head + reply.body)
        else:
            write(head)
            self._send_chunk(reply.chunks, 0, reply.pause, keep)
            return
        if not keep:
            self._hang_up()

    def _send_chunk(self, chunks: tuple[bytes, ...], at: int, pause: float, keep: bool) -> None:
        """A chunk a write from `at` on; with a pause the rest comes later."""
        resumed = self._timer is not None
        self._timer = None
        while at < len(chunks):
            self._transport.write(_chunk(chunks[at]))
            at += 1
            if pause > 0:
                self._timer = self._loop.call_later(pause, self._send_chunk, chunks, at, pause, keep)
                return
        self._transport.write(b"0\r\n\r\n")
        if not keep:
            self._hang_up()
        elif resumed:
            self._next()

    def _refuse(self, status: int, reason: str) -> None:
        """What cannot be read is answered once, after what is due, and ends the connection."""
        self._waiting.clear()
        if self._timer is None:
            body = reason.encode("utf-8", "replace")
            self._transport.write(_head(Reply(status, body, "text/plain; charset=utf-8"), False, False) + body)
        self._hang_up()

    def _hang_up(self) -> None:
        self._closing = True
        self._waiting.clear()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


class _TooLarge(Exception):
    pass


def _head(reply: Reply, keep: bool, silent: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}\r\nContent-Type: {reply.content_type}\r\n"
    ]
    if reply.chunks is not None:
        lines.append("Transfer-Encoding: chunked\r\n")
    elif reply.status != 204:
        lines.append(f"Content-Length: {len(reply.body)}\r\n")
    lines += [f"{name}: {value}\r\n" for name, value in reply.headers]
    lines.append("\r\n" if keep else "Connection: close\r\n\r\n")
    return "".join(lines).encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _write_cut(write: Callable[[bytes], None], head: bytes, reply: Reply, size: int) -> None:
    """The whole head, but only the first `size` bytes of the body, and no end of the chunks."""
    if reply.chunks is None:
        write(head + reply.body[:size])
        return
    write(head)
    for data in reply.chunks:
        if size <= 0:
            return
        write(_chunk(data[:size]))
        size -= len(data)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a simulator listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class Simulator:
    """A server of scripted model providers on one address, for one event loop."""

    def __init__(self, settings: SimulatorSettings | None = None, *, verify: Verify = verify) -> None:
        self._desk = Desk(settings or SimulatorSettings(), verify)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, listener: socket.socket | None = None) -> Address:
        """Listens and says where; port 0 takes a free one, and a `listener` is served as it is. Raises OSError when it cannot."""
        loop = asyncio.get_running_loop()

        def connection() -> _Connection:
            return _Connection(self._desk, self._connections)

        if listener is None:
            self._server = await loop.create_server(connection, host, port, backlog=_BACKLOG)
        else:
            self._server = await loop.create_server(connection, sock=listener, backlog=_BACKLOG)
        bound = self._server.sockets[0].getsockname()
        return Address(str(bound[0]), int(bound[1]))

    async def close(self) -> None:
        """Stops listening and cuts every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self._server.wait_closed()
        self._server = None

    @property
    def requests(self) -> list[Request]:
        """The latest requests, oldest first, control paths left out."""
        return self._desk.log.snapshot()

    def install(self, rules: tuple[Rule, ...]) -> None:
        """Replaces the script of failures; the same as POST /__script."""
        self._desk.script.install(rules)
