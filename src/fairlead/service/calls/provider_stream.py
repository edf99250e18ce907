"""The reply of one provider, as pieces of text while they come: decoded, read, and bounded. It keeps none of the text.

Pieces are taken no faster than somebody asks for them, so a slow reader slows the provider down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from fairlead.domain.streaming import Event, Format
from fairlead.engine.stream_readers import Reader
from fairlead.engine.streaming import Dialect
from fairlead.errors import StatusFault
from fairlead.transport.events import DECODERS
from fairlead.transport.port import StreamReply, UpstreamError

_AFTER_END_SECONDS = 0.25
_AFTER_END_BYTES = 65_536
"""How much is read after the last event, so that the connection can be kept."""
_FAULT_BYTES = 1 << 20
"""How much of the body of an error is shown."""
_JSON = "application/json"


class ProviderStream:
    """Text in batches: what one read of the socket brought."""

    __slots__ = ("_dialect", "_reply")

    def __init__(self, reply: StreamReply, dialect: Dialect) -> None:
        self._reply = reply
        self._dialect = dialect

    async def batches(self) -> AsyncGenerator[list[str], None]:
        """Ends after the event that ends the stream. Raises StatusFault 502 for a stream that is broken or cut off, or
        that tells of an error, and UpstreamError."""
        self._check_type()
        pieces = aiter(self._reply)
        decoder, reader = DECODERS[self._dialect.format](), self._dialect.reader()
        any_event = False
        try:
            while not reader.ended:
                piece: bytes | None = await anext(pieces, None)
                texts: list[str] = []
                try:
                    events = decoder.end() if piece is None else decoder.feed(piece)
                    any_event = any_event or bool(events)
                    _read(reader, events, texts)
                except StatusFault:
                    if texts:  # what came before the fault is the caller's
                        yield texts
                    raise
                if texts:
                    yield texts
                if piece is None:
                    break
            if reader.ended:
                await _finish(pieces)
            elif not any_event:
                raise StatusFault("Remote service returned empty response body", 502)
            elif self._dialect.ends:
                raise StatusFault("The provider's stream ended before its last event", 502)
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    def _check_type(self) -> None:
        """A provider that does not stream answers with one JSON value, which no decoder could tell from silence."""
        if self._dialect.format is not Format.SSE:
            return
        for name, value in self._reply.headers:
            if name.lower() == b"content-type" and value.decode("latin-1").lower().startswith(_JSON):
                raise StatusFault(f"The provider answered with {_JSON}, not with a stream", 502)


def _read(reader: Reader, events: list[Event], texts: list[str]) -> None:
    """Adds to `texts` even if an event raises."""
    for event in events:
        texts += reader.read(event)
        if reader.ended:
            return


async def _finish(pieces: AsyncIterator[bytes]) -> None:
    """A connection whose reply was read whole is kept; a provider that goes on talking loses it."""
    size = 0
    try:
        async with asyncio.timeout(_AFTER_END_SECONDS):
            async for piece in pieces:
                size += len(piece)
                if size > _AFTER_END_BYTES:
                    return
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
