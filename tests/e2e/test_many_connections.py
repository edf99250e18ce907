"""Ten thousand callers that keep their connections cost memory and nothing else, and leave nothing behind."""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client import Client
from process import Server, gateway

CALLERS = 10_000
_SPARE = 500
_BATCH = 500
PATIENCE = 60.0
MEMORY_EACH = 32 * 1024
"""Bytes of the server's memory for a connection that waits."""

_ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def callers() -> Iterator[int]:
    """How many sockets this machine lets one process have, up to CALLERS; the server inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CALLERS + _SPARE
    given = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, given), hard))
    yield given - _SPARE
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def memory(server: Server) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text("ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def answered(sockets: list[socket.socket]) -> int:
    """Asks on every connection at once; how many were answered with 200 on it."""
    good = 0
    with selectors.DefaultSelector() as waiting:
        for each in sockets:
            each.sendall(_ASK)
            waiting.register(each, selectors.EVENT_READ)
        until = time.monotonic() + PATIENCE
        while waiting.get_map() and time.monotonic() < until:
            for key, _ in waiting.select(1):
                waiting.unregister(key.fileobj)
                good += key.fileobj.recv(65536).startswith(b"HTTP/1.1 200 ")  # type: ignore[union-attr]
    return good


def test_ten_thousand_kept_connections_are_served_and_forgotten(tmp_path: Path, callers: int) -> None:
    with (
        gateway(tmp_path / "data", environment={"FAIRLEAD_CONNECTIONS_PER_SOURCE": "0"}) as server,
        contextlib.ExitStack() as stack,
    ):
        client, address = Client(server.url), urlsplit(server.url)
        client.ok("GET", "/")
        files, before = open_files(server), memory(server)
        sockets: list[socket.socket] = []
        while len(sockets) < callers:
            batch = [
                stack.enter_context(socket.create_connection((address.hostname or "", address.port or 0), PATIENCE))
                for _ in range(min(_BATCH, callers - len(sockets)))
            ]
            assert answered(batch) == len(batch)
            sockets += batch
        assert open_files(server) >= callers
        # The first and the last are still served, and so is a newcomer.
        assert answered(sockets[:_BATCH] + sockets[-_BATCH:]) == 2 * _BATCH
        client.ok("GET", "/")
        assert (memory(server) - before) / callers < MEMORY_EACH
        stack.close()
        until = time.monotonic() + PATIENCE
        while open_files(server) > files + 10 and time.monotonic() < until:
            client.ok("GET", "/")
        assert open_files(server) <= files + 10
