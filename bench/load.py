"""A closed-loop load generator on bare sockets, and process accounting. Linux only, since it reads /proc."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """Requests per second, milliseconds at two percentiles, and CPU microseconds of the server per request."""

    connections: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads included."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def request(path: str, host: str, body: bytes, authorization: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: {authorization}\r\n\r\n" if authorization else "\r\n"
    return head.encode() + body


class _Client(asyncio.Protocol):
    """Sends the next request when the answer to the last is complete."""

    def __init__(self, data: bytes, until: float, done: asyncio.Future[None], times: list[float]) -> None:
        self._data = data
        self._until = until
        self._done = done
        self._times = times
        self._buffer = b""
        self._needed = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._buffer, self._needed = b"", -1
        self._started = time.perf_counter()
        self._transport.write(self._data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._needed < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            if not self._buffer.startswith(b"HTTP/1.1 200"):
                self._fail(RuntimeError(self._buffer[:300].decode("latin-1")))
                return
            at = head.index(b"content-length:") + 15
            stop = head.find(b"\r", at)
            self._needed = end + 4 + int(head[at : stop if stop >= 0 else None])
        if len(self._buffer) >= self._needed:
            now = time.perf_counter()
            self._times.append(now - self._started)
            if now < self._until:
                self._send()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _fail(self, fault: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(fault)
        self._transport.close()


async def drive(port: int, data: bytes, connections: int, seconds: float, pid: int) -> Run:
    """One measured run; the server must have been warmed up."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    until = time.perf_counter() + seconds
    cpu, started = cpu_seconds(pid), time.perf_counter()
    ends = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: _Client(data, until, done, times), "127.0.0.1", port)
        ends.append(done)
    await asyncio.gather(*ends)
    took = time.perf_counter() - started
    times.sort()
    used = cpu_seconds(pid) - cpu
    return Run(
        connections,
        len(times) / took,
        times[len(times) // 2] * 1000,
        times[int(len(times) * 0.99)] * 1000,
        used / len(times) * 1e6,
    )
