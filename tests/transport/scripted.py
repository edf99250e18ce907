"""A provider made of a script: each accepted connection runs a function that reads and writes exact bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """What came over the wire: the head with its blank line, and a body of Content-Length bytes."""

    head: bytes
    body: bytes

    @property
    def line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.lstrip(b" ")) for name, _, value in (line.partition(b":") for line in lines)]

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Peer:
    """One accepted connection."""

    def __init__(self, server: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer

    async def request(self) -> Request:
        """The next request; raises IncompleteReadError when the client closed instead."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        request = Request(head, b"")
        length = int(request.header(b"content-length") or b"0")
        request.body = await self.reader.readexactly(length)
        self.server.requests.append(request)
        return request

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def send_in_pieces(self, data: bytes, size: int = 1) -> None:
        """Each piece gets a turn of the event loop, so that the client sees many small reads."""
        for start in range(0, len(data), size):
            self.writer.write(data[start : start + size])
            await asyncio.sleep(0)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client closed or reset the connection."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer, int], Awaitable[None]]


@dataclass
class Scripted:
    """The running provider. `accepted` counts connections, `open` those not closed yet, `peak` the most at once."""

    port: int = 0
    accepted: int = 0
    open: int = 0
    peak: int = 0
    requests: list[Request] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition over the counters; TimeoutError when it does not hold long before a call's own deadline, which
        would bring it about, too."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(condition)

    async def notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@contextlib.asynccontextmanager
async def scripted(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    """Run `script(peer, n)` for connection n = 0, 1, ...; its own failures fail the test at the end."""
    state = Scripted()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        state.tasks.add(task)
        number = state.accepted
        state.accepted += 1
        state.open += 1
        state.peak = max(state.peak, state.open)
        await state.notify()
        try:
            await script(Peer(state, reader, writer), number)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            pass
        except Exception as fault:
            # uvloop has no exception of its own for a write after the client closed.
            if not (isinstance(fault, RuntimeError) and writer.is_closing()):
                state.faults.append(fault)
        finally:
            writer.transport.abort() if tls else writer.close()
            state.open -= 1
            state.tasks.discard(task)
            await asyncio.shield(state.notify())

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if state.faults:
        raise state.faults[0]


class PinnedDialer:
    """Answers every name with the same addresses and remembers what it was asked."""

    def __init__(self, *addresses: str, fault: Exception | None = None) -> None:
        self.answer = list(addresses or ("127.0.0.1",))
        self.fault = fault
        self.asked: list[tuple[str, int]] = []

    async def addresses(self, host: str, port: int, reach: object = None) -> list[str]:
        self.asked.append((host, port))
        if self.fault is not None:
            raise self.fault
        return list(self.answer)


def ok(body: bytes = b"ok", *extra: bytes) -> bytes:
    """A plain 200 with a length."""
    head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *extra, b"", b""]
    return b"\r\n".join(head) + body


async def echo(peer: Peer, number: int) -> None:
    """Answer every request with its own body, for ever."""
    while True:
        request = await peer.request()
        await peer.send(ok(request.body))
