"""The reply of one provider, as pieces of text while they come: decoded, read, and bounded. It keeps none of the text.

Pieces are taken no faster than somebody asks for them, so a slow reader slows the provider down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from fairlead.domain.streaming import Format
from fairlead.engine.streaming import Dialect
from fairlead.errors import StatusFault
from fairlead.service.calls.stream_reading import StreamReading
from fairlead.service.text_stream import Sink
from fairlead.transport.port import StreamReply, UpstreamError

_AFTER_END_SECONDS = 0.25
_AFTER_END_BYTES = 65_536
"""How much is read after the last event, so that the connection can be kept."""
_FAULT_BYTES = 1 << 20
"""How much of the body of an error is shown."""
_JSON = "application/json"


class ProviderStream:
    """Text in batches: what one read of the socket brought. Its end is the event that ends the stream. Raises StatusFault
    502 for a stream that is broken or cut off, or that tells of an error, and UpstreamError."""

    __slots__ = ("_dialect", "_reply")

    def __init__(self, reply: StreamReply, dialect: Dialect) -> None:
        self._reply = reply
        self._dialect = dialect

    async def batches(self) -> AsyncGenerator[list[str], None]:
        self._check_type()
        pieces = aiter(self._reply)
        reading = StreamReading(self._dialect)
        try:
            piece: bytes | None = b""
            while piece is not None and not reading.over:
                piece = await anext(pieces, None)
                if texts := reading.feed(piece):
                    yield texts
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        await self._finish(reading)

    async def into(self, sink: Sink) -> None:
        self._check_type()
        reading = StreamReading(self._dialect)
        left: list[str] = []

        def take(piece: bytes) -> bool:
            nonlocal left
            if (texts := reading.feed(piece)) and not sink.take(texts):
                left = texts
                return False
            return not reading.over

        while await self._reply.pump(take):
            if left:
                texts, left = left, []
                await sink.put(texts)
            if reading.over:
                break
        else:
            if texts := reading.feed(None):
                await sink.put(texts)
        await self._finish(reading)

    def _check_type(self) -> None:
        """A provider that does not stream answers with one JSON value, which no decoder could tell from silence."""
        if self._dialect.format is not Format.SSE:
            return
        for name, value in self._reply.headers:
            if name.lower() == b"content-type" and value.decode("latin-1").lower().startswith(_JSON):
                raise StatusFault(f"The provider answered with {_JSON}, not with a stream", 502)

    async def _finish(self, reading: StreamReading) -> None:
        if reading.fault is not None:
            raise reading.fault
        if reading.ended:
            await self._read_on()
        elif not reading.any_event:
            raise StatusFault("Remote service returned empty response body", 502)
        elif self._dialect.ends:
            raise StatusFault("The provider's stream ended before its last event", 502)

    async def _read_on(self) -> None:
        """A connection whose reply was read whole is kept; a provider that goes on talking loses it."""
        size = 0

        def drop(piece: bytes) -> bool:
            nonlocal size
            size += len(piece)
            return size <= _AFTER_END_BYTES

        try:
            async with asyncio.timeout(_AFTER_END_SECONDS):
                await self._reply.pump(drop)
        except (TimeoutError, UpstreamError):
            return


async def fault_body(reply: StreamReply) -> bytes:
    """The body of a reply that is no stream but an error."""
    parts, size = [], 0
    async for piece in reply:
        parts.append(piece)
        size += len(piece)
        if size > _FAULT_BYTES:
            break
    return b"".join(parts)[:_FAULT_BYTES]
