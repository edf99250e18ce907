"""Writes to a connection, joined: a response's head and body in one system call. It keeps nothing beyond a turn of the loop."""

from __future__ import annotations

import asyncio

_JOINED = 64 * 1024
"""Bytes of a body that are copied behind the head; for more of them a copy would cost more than a system call."""


class JoinedWrites:
    """What one turn of the loop writes to a connection goes out in one system call: a response's head with its body.

    uvicorn writes them one by one, and uvloop sends each write at once. A head whose body comes later (a stream) waits for
    no one: it goes at the loop's next turn.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._both(head, data)
        else:
            self._head = data
            self._loop.call_soon(self.flush)

    def whole(self, head: bytes, body: bytes) -> None:
        """A response whose head and body are both there."""
        if self._head:
            self.flush()
        self._both(head, body)

    def _both(self, head: bytes, body: bytes) -> None:
        if len(body) <= _JOINED:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            if not self._transport.is_closing():  # a caller may have left since; uvloop raises then
                self._transport.write(head)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
