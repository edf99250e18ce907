"""Undoes gzip and deflate of a reply's body, never growing past the caller's limit.

We ask for no coding, but servers compress all the same. Refuses every other coding and chains of codings (a bomb in
a bomb); knows no socket.
"""

from __future__ import annotations

import zlib
from typing import Protocol

from fairlead.transport.port import Kind, Stage, UpstreamError

_GZIP = 16 + zlib.MAX_WBITS
_CODINGS = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": zlib.MAX_WBITS}
_DROPPED = frozenset({b"content-encoding", b"content-length"})


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int = ...) -> bytes: ...


def too_large(status: int, max_body: int, where: str) -> UpstreamError:
    """The fault of a body of `where` that passed `max_body` bytes."""
    return UpstreamError(
        Stage.BODY, Kind.TOO_LARGE, f"The reply is larger than {max_body} bytes: {where}", sent=True, status=status
    )


class BodyDecoder:
    """Decodes one body piece by piece; `max_body` bounds the decoded bytes over the whole body."""

    __slots__ = ("_bits", "_inflater", "_left", "_max_body", "_started", "_status", "_where")

    def __init__(self, coding: bytes, status: int, max_body: int, where: str) -> None:
        bits = _CODINGS.get(coding)
        if bits is None:
            shown = coding[:32].decode("latin-1")
            raise UpstreamError(
                Stage.BODY, Kind.PROTOCOL, f"The reply is coded as {shown!r}: {where}", sent=True, status=status
            )
        self._bits = bits
        self._inflater: _Inflater = zlib.decompressobj(bits)
        self._status = status
        self._where = where
        self._max_body = max_body
        self._left = max_body
        self._started = False

    def feed(self, data: bytes) -> bytes:
        """The decoded bytes that `data` completes, perhaps none."""
        if not data:
            return b""
        out = []
        try:
            while data:
                if self._inflater.eof:
                    self._next_member(data)
                out.append(self._step(data))
                data = self._inflater.unused_data if self._inflater.eof else b""
        except zlib.error as fault:
            raise self._broken("is damaged") from fault
        return b"".join(out)

    def finish(self) -> None:
        """Checks at the end of the body that the compressed data ended too. An empty body is taken as empty."""
        if self._started and not self._inflater.eof:
            raise self._broken("is cut short")

    def _step(self, data: bytes) -> bytes:
        if not self._started and self._bits == zlib.MAX_WBITS and data[0] & 0x0F != 8:
            # RFC 9110 8.4.1.2: "deflate" is the zlib format, but some servers send the raw stream.
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._started = True
        plain = self._inflater.decompress(data, self._left + 1)
        self._left -= len(plain)
        if self._left < 0:
            raise too_large(self._status, self._max_body, self._where)
        return plain

    def _next_member(self, data: bytes) -> None:
        # RFC 1952 2.2: a gzip body may be several members in a row; nothing else may follow.
        if self._bits != _GZIP:
            raise self._broken("is followed by junk")
        self._inflater = zlib.decompressobj(_GZIP)

    def _broken(self, words: str) -> UpstreamError:
        return UpstreamError(
            Stage.BODY,
            Kind.PROTOCOL,
            f"The reply's compressed body {words}: {self._where}",
            sent=True,
            status=self._status,
        )


def body_decoder(coding: bytes, status: int, max_body: int, where: str) -> BodyDecoder | None:
    """The decoder for a Content-Encoding value in lower case; None when the body stands as it is.

    Raises UpstreamError(BODY, PROTOCOL) for a coding that is not ours to undo.
    """
    if coding in (b"", b"identity"):
        return None
    return BodyDecoder(coding, status, max_body, where)


def decoded_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a reply whose body was decoded: without coding and length, which speak of other bytes."""
    return [line for line in headers if line[0].lower() not in _DROPPED]
