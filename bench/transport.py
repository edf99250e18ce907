"""CPU that the upstream client costs per POST: both adapters, plain and TLS, small and large replies, ratios in one run.

The provider is a static answer on a raw protocol in a process of its own. CPU is the client process's own accounting,
in microseconds per call; rates are shown and not to be trusted on a shared machine. `--json FILE` writes the rows.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import multiprocessing
import ssl
import statistics
import time
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, cast

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fairlead.transport.choose import AdapterName, open_upstream
from fairlead.transport.port import Call, Limits, Route, TlsPlan
from fairlead.transport.tls import load_client_certificate

_BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 247 + b'"}]}'
_HEADERS = (
    (b"Authorization", b"Bearer " + b"k" * 40),
    (b"Content-Type", b"application/json"),
    (b"X-Request-Id", b"0123456789abcdef"),
)
_CALL = Call(b"POST", b"/v1/chat/completions", _HEADERS, _BODY)
_LIMITS = Limits(5, 5, 30, 30, 60, 64 << 20)
_SMALL, _LARGE = 400, 350_000
# Adapter by adapter within a cell, cells in this order; odd rounds run backwards.
_CELLS = [(_SMALL, 1), (_SMALL, 32), (_SMALL, 256), (_LARGE, 32)]
_ADAPTERS: tuple[AdapterName, ...] = ("owned", "aiohttp")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement of `calls` calls over `connections` at once."""

    adapter: str
    tls: bool
    reply_bytes: int
    connections: int
    calls: int
    cpu_us: float
    per_second: float


class _Static(asyncio.Protocol):
    """Answers each complete request with the same bytes."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._seen = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head = self._seen.find(b"\r\n\r\n")
        if head >= 0 and len(self._seen) >= head + 4 + len(_BODY):
            self._seen = b""
            self._transport.write(self._reply)


class _AnyDialer:
    async def addresses(self, host: str, port: int, reach: object = None) -> list[str]:
        return [host]


def _certificate() -> tuple[str, str]:
    """PEM texts of a certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _serve(pipe: Pipe, pair: tuple[str, str]) -> None:
    """Child process: four listeners, small and large, plain and TLS; their ports go through the pipe."""

    async def run() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_client_certificate(context, *pair)
        ports = {}
        for size in (_SMALL, _LARGE):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
            reply = head + b"x" * size
            for tls in (None, context):
                server = await asyncio.get_running_loop().create_server(
                    lambda reply=reply: _Static(reply), "127.0.0.1", 0, ssl=tls, backlog=1024
                )
                ports[size, tls is not None] = server.sockets[0].getsockname()[1]
        pipe.send(ports)
        await asyncio.Event().wait()

    uvloop.run(run())


async def _measure(adapter: AdapterName, port: int, row: Row) -> Row:
    upstream = open_upstream(adapter, _AnyDialer())
    tls = TlsPlan(verify=False) if row.tls else None
    route = Route("https" if row.tls else "http", "127.0.0.1", port, tls, None, row.connections, 0)

    async def calls(count: int) -> None:
        for _ in range(count):
            reply = await upstream.send(route, _CALL, _LIMITS)
            if len(reply.body) != row.reply_bytes:
                raise RuntimeError("a wrong reply")

    each = max(1, row.calls // row.connections)
    await asyncio.gather(*(calls(3) for _ in range(row.connections)))
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(calls(each) for _ in range(row.connections)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await upstream.close()
    done = each * row.connections
    return replace(row, calls=done, cpu_us=cpu / done * 1e6, per_second=done / wall)


def _run(rounds: int, calls: int) -> list[Row]:
    ours, theirs = multiprocessing.Pipe()
    pair = _certificate()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, pair), daemon=True)
    process.start()
    ports = cast(dict[tuple[int, bool], int], ours.recv())
    rows = []
    try:
        for number in range(rounds):
            cells = [(size, connections, tls) for size, connections in _CELLS for tls in (False, True)]
            for size, connections, tls in cells if number % 2 == 0 else reversed(cells):
                count = calls if size == _SMALL else calls // 10
                for adapter in _ADAPTERS if number % 2 == 0 else reversed(_ADAPTERS):
                    empty = Row(adapter, tls, size, connections, count, 0, 0)
                    rows.append(uvloop.run(_measure(adapter, ports[size, tls], empty)))
    finally:
        process.terminate()
        process.join()
    return rows


def _table(rows: list[Row]) -> str:
    lines = [
        f"{'reply':>8} {'conns':>5} {'tls':>4} " + " ".join(f"{name:>24}" for name in _ADAPTERS) + f" {'ratio':>6}"
    ]
    for size, connections in _CELLS:
        for tls in (False, True):
            cells, medians = [], []
            for adapter in _ADAPTERS:
                found = [
                    row
                    for row in rows
                    if (row.adapter, row.tls, row.reply_bytes, row.connections) == (adapter, tls, size, connections)
                ]
                costs = sorted(row.cpu_us for row in found)
                medians.append(statistics.median(costs))
                rate = statistics.median(row.per_second for row in found)
                cells.append(f"{medians[-1]:6.1f} us ({costs[0]:5.1f}) {rate:6.0f}/s")
            ratio = medians[1] / medians[0]
            lines.append(
                f"{size:>8} {connections:>5} {'yes' if tls else 'no':>4} "
                + " ".join(f"{c:>24}" for c in cells)
                + f" {ratio:6.2f}"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=20_000, help="calls a cell; large replies a tenth of it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = _run(options.rounds, options.calls)
    print("CPU of the client per POST of 300 bytes: median (least), calls a second; ratio aiohttp to owned")
    print(_table(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
