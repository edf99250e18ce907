"""One socket to a provider: writes a request, watches its reply and deadlines, ends at the first doubt.

It never dials and never waits in a queue. A connection carries one call at a time; whatever comes while none is out
ends it. Deadlines are numbers that the adapter's sweep compares with the clock, so a call costs no timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import cast

from fairlead.transport.deadlines import timed_out
from fairlead.transport.owned.uploading import Uploading
from fairlead.transport.owned.wire import ReplyParser
from fairlead.transport.port import Limits, Reply, Stage, Upload, UpstreamError

# A streamed body that nobody takes stops the socket at so many bytes.
_HIGH = 262144


class Connection(asyncio.Protocol):
    """A socket and the call it carries. `on_lost` is told once, when the socket is gone.

    The public attributes are the pool's: `address` it was dialled at, `calls` carried so far, `idle_since` in loop
    time, `doomed` when it must not carry another call.
    """

    __slots__ = (
        "_closing",
        "_deadline",
        "_fault",
        "_limits",
        "_on_lost",
        "_parser",
        "_paused",
        "_stopped",
        "_streaming",
        "_take",
        "_take_fault",
        "_total",
        "_transport",
        "_uploading",
        "_waiter",
        "_where",
        "address",
        "calls",
        "doomed",
        "idle_since",
        "loop",
        "lost",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, where: str, on_lost: Callable[[Connection], None]) -> None:
        self.loop = loop
        self.address = ""
        self.calls = 0
        self.idle_since = inf
        self.lost = False
        self.doomed = False
        self._where = where
        self._on_lost = on_lost
        self._parser = ReplyParser(where)
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self._waiter: asyncio.Future[None] | None = None
        self._fault: UpstreamError | None = None
        self._limits: Limits | None = None
        self._streaming = False
        self._take: Callable[[bytes], bool] | None = None
        self._take_fault: Exception | None = None
        self._stopped = False
        self._paused = False
        self._deadline = inf
        self._total = inf
        self._uploading: Uploading | None = None

    # What the pool asks and does.

    @property
    def stale(self) -> bool:
        """Whether the call failed as one does on a kept socket that the provider had closed: not a byte came back."""
        return self.calls > 1 and not self._parser.began

    @property
    def usable(self) -> bool:
        """Whether an idle connection may carry a call."""
        transport = self._transport
        return not self._closing and transport is not None and not transport.is_closing()

    def abort(self) -> None:
        """Close at once; bytes not yet sent are dropped. For a connection whose call is over or given up."""
        self._closing = True
        self._deadline = self._total = inf
        if self._uploading is not None:
            self._uploading.stop()
        if self._transport is not None:
            self._transport.abort()

    def abort_with(self, fault: UpstreamError) -> None:
        """Close at once; the call under way fails with `fault`."""
        self._fail(fault)

    def check_deadline(self, now: float) -> None:
        """End the call under way if one of its deadlines has passed at `now` (loop time, seconds)."""
        if now < self._deadline and now < self._total:
            return
        limits = self._limits
        assert limits is not None
        if self._parser.complete:
            self._deadline = self._total = inf
            return
        stage = Stage.BODY if self._parser.head_done else self._waiting_stage()
        self._fail(
            timed_out(
                stage,
                self._where,
                limits,
                total=now >= self._total,
                sent=True,
                status=self._parser.known_status,
            )
        )

    # What a call does: `send`, or `open_stream` and then `next_piece` until None, and `finished` in the end.

    async def send(
        self, request: bytes, limits: Limits, total: float, *, head_request: bool, upload: Upload | None = None
    ) -> Reply:
        """Write the request and wait for the whole reply. `total` is the call's last moment in loop time."""
        self._start(request, limits, total, head_request=head_request, streaming=False)
        if upload is not None:
            self._upload(upload)
        parser = self._parser
        while not parser.complete:
            await self._wait()
        self._deadline = self._total = inf
        return Reply(parser.status, parser.headers, parser.take())

    async def open_stream(
        self, request: bytes, limits: Limits, total: float, *, head_request: bool, upload: Upload | None = None
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Write the request and wait for the reply's head: status and headers."""
        self._start(request, limits, total, head_request=head_request, streaming=True)
        if upload is not None:
            self._upload(upload)
        parser = self._parser
        while not parser.head_done:
            await self._wait()
        self._deadline = inf
        return parser.status, parser.headers

    async def next_piece(self) -> bytes | None:
        """What came since the last piece, or the next thing to come; None at the end of the reply."""
        parser = self._parser
        while not parser.pending:
            if parser.complete:
                self._deadline = self._total = inf
                return None
            limits = self._limits
            assert limits is not None
            # Idle time runs only while somebody waits for the provider.
            self._deadline = self.loop.time() + limits.idle
            try:
                await self._wait()
            finally:
                self._deadline = inf
        piece = parser.take()
        if self._paused:
            self._resume()
        return piece

    async def pump(self, take: Callable[[bytes], bool]) -> bool:
        """Gives each piece to `take` in the turn of the loop that brought it: no future is made and no task woken for it.

        Ends with True when `take` says False, with False at the end of the reply. Raises what `take` raises, too.
        """
        parser = self._parser
        while True:
            while parser.pending:
                piece = parser.take()
                if self._paused:
                    self._resume()
                if not take(piece):
                    return True
            if parser.complete:
                self._deadline = self._total = inf
                return False
            limits = self._limits
            assert limits is not None
            self._deadline = self.loop.time() + limits.idle
            self._take, self._take_fault, self._stopped = take, None, False
            try:
                await self._wait()
            except UpstreamError:
                if not self._stopped:
                    raise
                # What came before the fault is the taker's; the fault is raised by whatever is asked next.
            finally:
                self._take = None
                self._deadline = inf
            if self._take_fault is not None:
                raise self._take_fault
            if self._stopped:
                return True

    def finished(self) -> bool:
        """Whether the reply was read whole and the socket is fit for another call."""
        parser = self._parser
        transport = self._transport
        return (
            parser.complete
            and parser.keep
            and not self.doomed
            and not parser.pending
            and not self._paused
            and (self._uploading is None or self._uploading.whole)
            and self.usable
            and transport is not None
            # The reply came before the request was out: the rest of it must not meet the next one.
            and not transport.get_write_buffer_size()
        )

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if self._limits is None or parser.complete or self._closing:
            # Nobody asked for this; as the reply to the next call it would be an answer to another question.
            parser.keep = False
            self.abort()
            return
        try:
            whole = parser.feed(data)
        except UpstreamError as fault:
            self._fail(fault)
            return
        if whole:
            self._wake()
        elif parser.head_done:
            if self._streaming:
                if self._take is not None and parser.pending:
                    self._hand_over(parser.take())
                    return
                self._wake()
                if parser.pending > _HIGH and not self._paused and self._transport is not None:
                    self._paused = True
                    self._transport.pause_reading()
            else:
                self._deadline = self.loop.time() + self._limits.idle

    def eof_received(self) -> None:
        self._ended(None)

    def pause_writing(self) -> None:
        if self._uploading is not None:
            self._uploading.pause()

    def resume_writing(self) -> None:
        if self._uploading is not None:
            self._uploading.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self.lost = True
        self._transport = None
        self._on_lost(self)

    # Inside.

    def _hand_over(self, piece: bytes) -> None:
        take, limits = self._take, self._limits
        assert take is not None
        assert limits is not None
        self._deadline = self.loop.time() + limits.idle
        try:
            if take(piece):
                return
        except Exception as fault:
            self._take_fault = fault
        self._take, self._stopped = None, True
        self._wake()

    def _start(self, request: bytes, limits: Limits, total: float, *, head_request: bool, streaming: bool) -> None:
        transport = self._transport
        assert transport is not None
        self.calls += 1
        self._limits = limits
        self._streaming = streaming
        self._fault = None
        self._uploading = None
        self._total = total
        self._deadline = self.loop.time() + limits.first_byte
        self._parser.begin(head_request=head_request, max_body=limits.max_body)
        transport.write(request)

    def _upload(self, upload: Upload) -> None:
        transport = self._transport
        assert transport is not None
        self._deadline = inf
        self._uploading = Uploading(self.loop, upload, transport, self._uploaded, self._where)

    def _uploaded(self, waiting: bool) -> None:
        """The upload waits for the provider, or no longer; or it is whole, or it failed."""
        uploading, limits = self._uploading, self._limits
        if uploading is None or limits is None:
            return
        if uploading.fault is not None:
            self.abort()
            self._wake()
        elif not self._parser.head_done:
            # While our caller makes the next piece, the provider is not late.
            self._deadline = self.loop.time() + limits.first_byte if waiting or uploading.whole else inf

    async def _wait(self) -> None:
        self._raise_fault()
        waiter = self._waiter = self.loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None
        # A fault behind pieces that are not read yet is raised when they are.
        if not (self._streaming and self._parser.pending):
            self._raise_fault()

    def _raise_fault(self) -> None:
        if self._uploading is not None and self._uploading.fault is not None:
            raise self._uploading.fault
        if self._fault is not None:
            raise self._fault

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, fault: UpstreamError) -> None:
        if self._fault is None and not self._parser.complete:
            self._fault = fault
        self.abort()
        self._wake()

    def _ended(self, exc: BaseException | None) -> None:
        self._closing = True
        parser = self._parser
        if self._limits is None or parser.complete or self._fault is not None:
            return
        if self._uploading is not None:
            self._uploading.stop()
        try:
            parser.end(exc)
        except UpstreamError as fault:
            self._fault = fault
        self._deadline = self._total = inf
        self._wake()

    def _waiting_stage(self) -> Stage:
        transport = self._transport
        return Stage.SEND if transport is not None and transport.get_write_buffer_size() else Stage.HEAD

    def _resume(self) -> None:
        self._paused = False
        if not self._closing and self._transport is not None:
            self._transport.resume_reading()
