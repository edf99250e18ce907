"""Writes a request body that comes in pieces: framed, counted, and no faster than the socket takes it.

It reads no reply and keeps no deadline; the connection is told when the provider is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairlead.transport.head import refused_upload
from fairlead.transport.port import Upload


class Uploading:
    """One body under way in a task of its own.

    `tell(waiting)` is called when the wait for the socket begins (True) or ends (False), and at the end: then either
    `whole` is true or `fault` says why not. A fault is what the pieces raised, or UpstreamError when they are not as long
    as announced.
    """

    __slots__ = ("_sent", "_task", "_tell", "_transport", "_upload", "_waiter", "_where", "fault", "whole")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        upload: Upload,
        transport: asyncio.WriteTransport,
        tell: Callable[[bool], None],
        where: str,
    ) -> None:
        self._upload = upload
        self._transport = transport
        self._tell = tell
        self._where = where
        self._sent = 0
        self._waiter: asyncio.Future[None] | None = None
        self.whole = False
        self.fault: Exception | None = None
        self._task = loop.create_task(self._run())

    def stop(self) -> None:
        """The call is over or given up: nothing more is asked of the pieces."""
        self._task.cancel()

    def pause(self) -> None:
        """The socket's buffer is full."""
        if self._waiter is None and not self._task.done():
            self._waiter = self._task.get_loop().create_future()

    def resume(self) -> None:
        """It has room again."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _run(self) -> None:
        try:
            async for piece in self._upload.pieces:
                if piece:
                    self._write(piece)
                if (waiter := self._waiter) is not None:
                    self._tell(True)
                    await waiter
                    self._tell(False)
            self._finish()
        except Exception as fault:
            self.fault = fault
        self._tell(False)

    def _write(self, piece: bytes) -> None:
        length = self._upload.length
        self._sent += len(piece)
        if length is None:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        elif self._sent > length:
            raise refused_upload(length, self._where)
        else:
            self._transport.write(piece)

    def _finish(self) -> None:
        length = self._upload.length
        if length is None:
            self._transport.write(b"0\r\n\r\n")
        elif self._sent < length:
            raise refused_upload(length, self._where)
        self.whole = True
