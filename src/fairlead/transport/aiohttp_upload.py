"""The body of a call as aiohttp takes it, counted while it goes out. It opens and closes nothing."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, AsyncIterator

from fairlead.transport.aiohttp_pool import Progress
from fairlead.transport.head import refused_upload
from fairlead.transport.port import Call

# aiohttp warns about larger bodies given as one bytes object, and writes them in one go.
_LARGE_BODY = 1 << 20


def payload(call: Call, progress: Progress, where: str) -> bytes | io.BytesIO | AsyncIterator[bytes] | None:
    """The body of a call in the form that aiohttp writes without a copy or a warning."""
    if call.upload is not None:
        return _pieces(call.upload.pieces, call.upload.length, progress, where)
    if len(call.body) > _LARGE_BODY:
        return io.BytesIO(call.body)
    return call.body or None


def announced(call: Call) -> dict[str, str] | None:
    """Tells aiohttp not to send an upload of known length in chunks; what goes out is `Progress.headers` of the pool."""
    if call.upload is None or call.upload.length is None:
        return None
    return {"Content-Length": str(call.upload.length)}


async def _pieces(
    pieces: AsyncIterable[bytes], length: int | None, progress: Progress, where: str
) -> AsyncIterator[bytes]:
    """The pieces, counted; aiohttp would swallow what they raise and lose count of what they are."""
    sent = 0
    progress.wait_for_caller()
    try:
        async for piece in pieces:
            sent += len(piece)
            if length is not None and sent > length:
                raise refused_upload(length, where)
            if piece:
                progress.wait_for_provider()
                yield piece
                progress.wait_for_caller()
        if length is not None and sent < length:
            raise refused_upload(length, where)
    except Exception as fault:
        progress.upload_fault = fault
        raise
    progress.wait_for_provider()
