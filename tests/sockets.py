"""Bare sockets for tests: a provider that answers when it is told to, callers that send a predict and wait, or leave."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from client import ML

PATIENCE = 30.0


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that refuses connections as long as this lasts: it is taken, so that nobody else can come to listen there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0)) as provider:
        provider.settimeout(PATIENCE)
        yield provider, f"http://127.0.0.1:{provider.getsockname()[1]}/x"


def accepted(provider: socket.socket) -> socket.socket:
    """The next connection, its request read."""
    connection, _ = provider.accept()
    connection.settimeout(PATIENCE)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    return connection


def asking(base: str, model: str) -> socket.socket:
    """A caller that has sent a whole predict and waits."""
    address = urlsplit(base)
    caller = socket.create_connection((address.hostname, address.port), PATIENCE)
    body = json.dumps({"parameters": {"x": "1"}}).encode()
    head = f"POST {ML}/models/{model}/_predict HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
    caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return caller


def said(base: str, pieces: Sequence[bytes]) -> bytes:
    """Everything that comes until the server closes. A server that refuses may close before all pieces were sent."""
    address = urlsplit(base)
    received = b""
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += part
    return received
