"""What a peer still has to be sent."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from typing import Any

import pytest

from fairlead.api.undelivered import undelivered


class Sending:
    """A transport with so many bytes of its own over a socket."""

    def __init__(self, connection: socket.socket | None, size: int = 0) -> None:
        self._connection = connection
        self._size = size

    def get_write_buffer_size(self) -> int:
        return self._size

    def get_extra_info(self, name: str) -> Any:
        return self._connection if name == "socket" else None


def said(connection: socket.socket | None, size: int = 0) -> bool:
    sending: Any = Sending(connection, size)
    return undelivered(sending)


def test_what_cannot_be_told_counts_as_undelivered() -> None:
    closed = socket.socket()
    closed.close()
    assert said(None)
    assert said(closed)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_all_is_delivered_once_the_peers_system_has_it_whether_it_reads_or_not() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as server,
    ):
        server.sendall(b"a little")
        ends = time.monotonic() + 10
        while said(server):
            assert time.monotonic() < ends
        assert said(server, 1)
        server.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while server.send(bytes(1 << 20)):
                pass
        assert said(server)
        assert client.recv(8) == b"a little"
