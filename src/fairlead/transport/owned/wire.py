"""Requests to bytes and bytes to replies, without a socket: llhttp parses, the framing rules and limits are ours.

A reply is taken whole or refused with an UpstreamError. Bytes behind its end are never interpreted; they only spoil
the connection.
"""

from __future__ import annotations

import httptools

from fairlead.transport.coding import BodyDecoder, body_decoder, decoded_headers, too_large
from fairlead.transport.framing import Framing, frame, refused_reply
from fairlead.transport.head import header_lines
from fairlead.transport.owned import errors
from fairlead.transport.port import Call, Kind, Stage, UpstreamError

MAX_HEAD = 65536
"""Bytes of a reply's head, interim replies included."""
MAX_FRAMING = 65536
"""Bytes of chunk sizes, extensions and trailers, beyond `CHUNK_ALLOWANCE` for each chunk."""
CHUNK_ALLOWANCE = 32
MAX_INTERIM = 16
"""1xx replies before the real one; without a bound only the total deadline would end them."""
_VERSIONS = frozenset({"1.1", "1.0"})


class RequestHead:
    """A request's head, checked and joined once for all calls that differ in their body only.

    `prefix` makes the target absolute, `extra` headers follow the call's: both for a plain-http proxy. Raises
    UpstreamError(SEND, PROTOCOL, sent=False). It holds what the headers hold, secrets too, and is never shown.
    """

    __slots__ = ("_after", "_before", "_headers", "_method", "_target")

    def __init__(
        self, host: bytes, call: Call, prefix: bytes = b"", extra: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self._method, self._target, self._headers = call.method, call.target, call.headers
        parts = [call.method, b" ", prefix, call.target, b" HTTP/1.1"]
        self._before: bytes | None = None
        for name, value in (*header_lines(host, call), *extra):
            parts += (b"\r\n", name, b": ")
            if self._before is None and name.lower() == b"content-length":
                self._before, parts = b"".join(parts), []
            else:
                parts.append(value)
        parts.append(b"\r\n\r\n")
        self._after = b"".join(parts)

    def fits(self, call: Call) -> bool:
        """Whether `call` has this head but for its length. Headers are compared by identity: a compiled connector gives
        the same tuple with every call, and a signed call never does."""
        return (
            call.headers is self._headers
            and call.target == self._target
            and call.method == self._method
            and call.upload is None
        )

    def request(self, call: Call) -> bytes:
        """The request as it goes out; of an upload, its head."""
        before, upload = self._before, call.upload
        length = len(call.body) if upload is None else upload.length
        if before is None or length is None:
            return self._after
        return b"".join((before, b"%d" % length, self._after, call.body))


def render(host: bytes, call: Call, prefix: bytes = b"", extra: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """The request as it goes out, for a head that is used once."""
    return RequestHead(host, call, prefix, extra).request(call)


class _Surplus(Exception):
    """Stops llhttp at bytes behind the end of the reply."""


class ReplyParser:
    """The replies of one connection, one at a time: `begin`, then `feed` until `complete`.

    After `head_done`: `status`, `headers`, `framing`. Decoded body pieces collect in `pieces` (take and clear them
    as they come), `pending` counts their bytes. After `complete`, `keep` says whether the connection may carry another call.
    """

    __slots__ = (
        "_body_bytes",
        "_chunks",
        "_decoder",
        "_fed",
        "_head_request",
        "_interim",
        "_max_body",
        "_parser",
        "_where",
        "complete",
        "framing",
        "head_done",
        "headers",
        "keep",
        "pending",
        "pieces",
        "status",
    )

    def __init__(self, where: str) -> None:
        self._where = where
        self._parser: httptools.HttpResponseParser | None = None
        self.framing = Framing(0, False, b"")
        self.begin(head_request=False, max_body=0)

    def begin(self, *, head_request: bool, max_body: int) -> None:
        """Expect the reply to the next request."""
        self._head_request = head_request
        self._max_body = max_body
        self._fed = self._body_bytes = self._chunks = self._interim = 0
        self._decoder: BodyDecoder | None = None
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.pending = 0
        self.head_done = self.complete = False
        self.keep = True

    @property
    def began(self) -> bool:
        """Whether a byte of this reply has come."""
        return self._fed > 0

    @property
    def known_status(self) -> int | None:
        """The status once the head is read and accepted."""
        return self.status if self.head_done else None

    def feed(self, data: bytes) -> bool:
        """Take in what the socket brought; whether the reply is complete. After an UpstreamError the connection is of
        no use."""
        self._fed += len(data)
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpResponseParser(self)
        try:
            parser.feed_data(data)
        except httptools.HttpParserCallbackError as fault:
            if not self.complete:
                raise self._own_fault(fault) from fault
            self.keep = False
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            if not self.complete:
                status = self.known_status
                raise errors.parser_fault(fault, where=self._where, status=status) from fault
            self.keep = False
        if not self.head_done:
            if self._fed > MAX_HEAD:
                raise self._head_too_large()
        elif not self.complete and self._fed - self._body_bytes > self._framing_allowance():
            raise UpstreamError(
                Stage.BODY,
                Kind.TOO_LARGE,
                f"The framing of the reply is too large: {self._where}",
                sent=True,
                status=self.status,
            )
        return self.complete

    def end(self, fault: BaseException | None) -> None:
        """The connection ended. Completes a body that ends there; else raises UpstreamError."""
        if self.complete:
            return
        if self.head_done and fault is None and self.framing.length is None and not self.framing.chunked:
            self._finish_body()
            self.keep = False
            return
        raise errors.lost(fault, where=self._where, status=self.known_status, began=self.began)

    def take(self) -> bytes:
        """The pieces so far as one, which are then forgotten."""
        pieces, self.pieces, self.pending = self.pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # llhttp's callbacks; an exception in one stops the parser, `feed` raises it.

    def on_message_begin(self) -> None:
        if self.complete:
            raise _Surplus
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_done:
            # llhttp leaves blanks behind a value (RFC 9110 5.5: not part of it).
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        status = self.status = parser.get_status_code()
        if parser.get_http_version() not in _VERSIONS:
            raise refused_reply(status, self._where, "has an unknown HTTP version")
        if 100 <= status < 200 and status != 101:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise refused_reply(status, self._where, f"comes after more than {MAX_INTERIM} interim replies")
            return
        if self._fed > MAX_HEAD and sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD:
            raise self._head_too_large()
        framing = self.framing = frame(status, self.headers, self._where, head_request=self._head_request)
        if framing.length is not None and framing.length > self._max_body:
            raise too_large(status, self._max_body, self._where)
        if framing.coding:
            self._decoder = body_decoder(framing.coding, status, self._max_body, self._where)
            if self._decoder is not None:
                self.headers = decoded_headers(self.headers)
        self.head_done = True
        if self._head_request:
            # llhttp does not know of the request and now waits for a body: the next reply gets a new parser.
            self.keep = parser.should_keep_alive()
            self._parser = None
            self.complete = True

    def on_body(self, data: bytes) -> None:
        if self.complete:
            raise _Surplus
        self._body_bytes += len(data)
        if self._body_bytes > self._max_body:
            raise too_large(self.status, self._max_body, self._where)
        if self._decoder is not None:
            data = self._decoder.feed(data)
        self.pieces.append(data)
        self.pending += len(data)

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def on_message_complete(self) -> None:
        if self.complete or not self.head_done:
            return
        parser = self._parser
        assert parser is not None
        self.keep = parser.should_keep_alive()
        self._finish_body()

    def _finish_body(self) -> None:
        if self._decoder is not None:
            self._decoder.finish()
        self.complete = True

    def _framing_allowance(self) -> int:
        return MAX_HEAD + MAX_FRAMING + CHUNK_ALLOWANCE * self._chunks

    def _own_fault(self, fault: Exception) -> UpstreamError:
        own = fault.__context__
        if isinstance(own, UpstreamError):
            return own
        return errors.parser_fault(fault, where=self._where, status=self.known_status)

    def _head_too_large(self) -> UpstreamError:
        return UpstreamError(
            Stage.HEAD, Kind.TOO_LARGE, f"The reply's head is larger than {MAX_HEAD} bytes: {self._where}", sent=True
        )
