"""An open-loop load generator: requests at a steady rate over many connections, each timed from when it was due.

A closed loop waits for a slow server and so hides what callers would have seen; this one does not.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paced:
    """What came of one run; `asked` and `rate` are requests per second, wanted and answered."""

    connections: int
    asked: float
    rate: float
    p50_ms: float
    p99_ms: float


class _Caller(asyncio.Protocol):
    """One connection: sends when a request is due, the next one only after the answer to the last."""

    def __init__(self, data: bytes, first: float, every: float, until: float, times: list[float]) -> None:
        self._data = data
        self._due = first
        self._every = every
        self._until = until
        self._times = times
        self._buffer = b""
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._wait()

    def _wait(self) -> None:
        self._loop.call_later(max(0.0, self._due - time.perf_counter()), self._send)

    def _send(self) -> None:
        self._buffer = b""
        self._transport.write(self._data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            self._transport.close()
            self.done.set_exception(RuntimeError(self._buffer[:300].decode("latin-1")))
            return
        at = head.index(b"content-length:") + 15
        stop = head.find(b"\r", at)
        if len(self._buffer) < end + 4 + int(head[at : stop if stop >= 0 else None]):
            return
        now = time.perf_counter()
        self._times.append(now - self._due)
        self._due += self._every
        if self._due < self._until:
            self._wait()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def paced(port: int, data: bytes, connections: int, rate: float, seconds: float) -> Paced:
    """`rate` requests per second over `connections` for `seconds`, evenly spread."""
    loop, times = asyncio.get_running_loop(), []  # type: ignore[var-annotated]
    every = connections / rate
    started = time.perf_counter() + 0.5
    callers = []
    for number in range(connections):
        caller = _Caller(data, started + every * number / connections, every, started + seconds, times)
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
        callers.append(caller)
    await asyncio.gather(*(caller.done for caller in callers))
    took = time.perf_counter() - started
    times.sort()
    middle, high = times[len(times) // 2], times[int(len(times) * 0.99)]
    return Paced(connections, rate, len(times) / took, middle * 1000, high * 1000)
