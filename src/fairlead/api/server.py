"""The HTTP protocol in front of the application: uvicorn's, with bounds on a request's head, on the time in which it must
arrive, and on what is dropped unread; requests that two parsers could read in two ways are refused.

What httptools refuses by itself is listed with the rest in tests/e2e/cases/http.json.
"""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fairlead.api.head_rules import FRAMING, HEAD_TOO_LARGE, MAX_HEAD, head_fault
from fairlead.api.joined_writes import JoinedWrites
from fairlead.api.presence import PRESENCE, Presence, Writer
from fairlead.api.sources import Sources
from fairlead.api.undelivered import undelivered
from fairlead.api.unframed import unframed
from fairlead.domain.identity import CERTIFICATE

HEAD_SECONDS = 15.0
LAST_SECONDS = 1.0
"""How long a connection that is new or was used as recently may take to begin one more request when the server stops."""
MAX_DROPPED = 8 << 20
"""Bytes of a body that are read and dropped after its request was answered, so that the caller can read the answer:
closing at once would reset the connection under it (RFC 9112 9.6)."""

_UPGRADING = frozenset({b"upgrade", b"connection", b"http2-settings"})


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 or 414 to a head that is too large, 408 to a request that does not arrive in time, 400 to what is no
    HTTP, and closes.

    Timers exist only while a request has begun and is not complete, which for most is never.
    """

    body_seconds = 30.0
    sources: Sources | None = None
    """Of this worker; None: a source may hold any number of connections."""
    stopping = False
    """The server takes no more connections; those that it had accepted already are made even so."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = False
        self._in_body = False
        self._refused = False
        self._head_size = 0
        self._dropped = 0
        self._large = False
        self._framing: list[tuple[bytes, bytes]] = []
        self._idle_since = 0.0
        self._data = b""
        self._unread: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._presence = Presence()
        self._certificate: bytes | None = None
        self._writes: JoinedWrites | None = None
        self._source = ""
        self._last_words = b""
        """What refuses a request while earlier ones are still to be answered."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._writes = JoinedWrites(transport, self.loop)
        self._presence.abort = transport.abort
        self._presence.writer = self._writer
        # The peer's certificate is the connection's: read once, before its first request (uvicorn passes none on).
        connection = transport.get_extra_info("ssl_object")
        self._certificate = None if connection is None else connection.getpeercert(binary_form=True)
        if self.sources is not None and self.client is not None:
            source = self.sources.enter(self.client[0])
            if source is None:
                self._refuse(429, "Too many connections from this address")
                return
            self._source = source
        self._timer = self.loop.call_later(HEAD_SECONDS, self._late)
        if self.stopping:
            self.shutdown()

    def shutdown(self) -> None:
        """The server stops: requests that were begun are answered, and so is the one that may be on the way already, which
        the answer says to be the last."""
        cycle: Any = self.cycle
        idle = cycle is not None and cycle.response_complete and self.loop.time() - self._idle_since >= LAST_SECONDS
        busy = cycle is not None and not cycle.response_complete
        if self._refused or ((idle or busy) and not self._in_head):
            super().shutdown()
            return
        self._begin = self._begin_last  # type: ignore[method-assign]  # so that no request before the stop looks for one
        if cycle is not None:
            cycle.keep_alive = False
        if not self._in_head:
            self._stop_timer()
            self._timer = self.loop.call_later(LAST_SECONDS, self._late)

    def _begin_last(self) -> None:
        type(self)._begin(self)
        self.cycle.keep_alive = False

    def leave_deaf(self) -> None:
        """Ends a connection that is being closed and whose peer has everything: over TLS it would be waited for, which it
        need not be (RFC 8446 6.1)."""
        if self.transport.is_closing() and not undelivered(self.transport):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._large = len(data) > MAX_HEAD
        unread: bytes | None = data
        while unread is not None:
            self._data, self._unread = unread, None
            super().data_received(unread)
            unread = self._unread
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(*HEAD_TOO_LARGE)
        if self._timer is None and (self._in_head or self._in_body):
            self._timer = self.loop.call_later(HEAD_SECONDS if self._in_head else self.body_seconds, self._late)

    def on_message_begin(self) -> None:
        self._stop_timer()
        self._in_head, self._head_size, self._dropped = True, 0, 0
        self._framing = []
        super().on_message_begin()
        self.scope[PRESENCE] = self._presence  # type: ignore[literal-required]
        if self._certificate is not None:
            self.scope[CERTIFICATE] = self._certificate  # type: ignore[literal-required]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are dropped (RFC 9110 6.5.1): merged, they would change a head that was judged already."""
        if self._in_body:
            return
        name = name.lower()
        field = (name, value)
        self.headers.append(field)
        if name in FRAMING:
            self._framing.append(field)
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        self._stop_timer()
        fault = None
        if not self._refused:
            fault = head_fault(self.parser, self.url, self.headers, self._framing, large=self._large)
        if fault is not None:
            self._refuse(*fault)
        if not self._refused and not self.parser.should_upgrade():
            self._begin()
        self._in_head, self._in_body = False, True

    def _begin(self) -> None:
        """Has the request answered whose head was found good."""
        super().on_headers_complete()
        # The cycle only writes, closes and asks whether it is closing.
        self.cycle.transport = self._writes  # type: ignore[assignment]
        if self.scope["http_version"] == "1.0":
            self.cycle.send = unframed(self.cycle)  # type: ignore[assignment, method-assign]

    def _writer(self, scope: object) -> Writer | None:
        """For streams: one call instead of a coroutine, a message and a turn of the loop for each event."""
        cycle, flow, writes, transport = self.cycle, self.flow, self._writes, self.transport
        if writes is None or cycle.scope is not scope:  # the next request of a pipeline has come meanwhile
            return None

        def write(data: bytes) -> bool:
            if flow.write_paused or cycle.disconnected or not cycle.chunked_encoding or transport.is_closing():
                return False
            writes.flush()
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))
            return True

        return write

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        if self.cycle.response_complete:
            self._dropped += len(body)
            if self._dropped > MAX_DROPPED:
                self._refused = True
                self.transport.close()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._in_body = False
        if not self._refused and not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The keep-alive timer runs on and looks how long nothing was going on, instead of being set and cancelled for
        every request; empty lines do not stop it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        if self._last_words:
            self._close_with(self._last_words)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_alive(self.timeout_keep_alive)

    def _keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if not self.cycle.response_complete:
            return  # set anew when it is
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._in_head or self._in_body:  # other timers watch it
            left = self.timeout_keep_alive
        if left > 0:
            self._keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """What is read does not end the keep-alive timer: see `on_response_complete`."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super()._unset_keepalive_if_required()
        self._presence.leave()
        if self.sources is not None:
            self.sources.leave(self._source)
            self._source = ""
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What the parser refused."""
        self._refuse(400, msg)

    def _unsupported_upgrade_warning(self) -> None:
        """A wish for another protocol is ignored (RFC 9110 7.8), as by a server that never heard of it: Java's client asks
        with every request for h2c, and httptools would take the body for the other protocol."""
        fault = sys.exception()
        if self._refused or fault is None:
            return
        rest = self._data[fault.args[0] :]
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()]
        lines += [name + b": " + value for name, value in self.headers if name not in _UPGRADING]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self.headers):
            lines.append(b"connection: close")
        self.parser = httptools.HttpRequestParser(self)
        self._unread = b"\r\n".join(lines) + b"\r\n\r\n" + rest

    def _late(self) -> None:
        self._timer = None
        if self._in_body:
            self._refuse(408, f"The request body did not arrive within {self.body_seconds:g} seconds")
        elif self._in_head:
            self._refuse(408, f"The request head did not arrive within {HEAD_SECONDS:g} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: int, text: str) -> None:
        """Answers what was asked before in its turn (RFC 9112 9.3.2), then this; reads no more, and closes."""
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        if self.transport.is_closing():
            return
        body = f'{{"error":"{text}","status":{status}}}'.encode()
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json; charset=UTF-8\r\n"
        words = f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
        if self._in_body and self.pipeline:  # the request that is refused waits for its turn itself, and is the newest
            self.pipeline.popleft()
            self._last_words = words
        elif self._in_body:  # of an answer that has begun there can be no other
            self._close_with(b"" if self.cycle is None or self.cycle.response_started else words)
        elif self.cycle is None or self.cycle.response_complete:
            self._close_with(words)
        else:
            self._last_words = words

    def _close_with(self, words: bytes) -> None:
        if self._writes is not None:
            self._writes.flush()
        if words:
            self.transport.write(words)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol_class(body_seconds: float, sources: Sources | None = None) -> type[BoundedProtocol]:
    """The protocol with the body's time-out of the settings, and what counts its connections."""
    return type("BoundedProtocol", (BoundedProtocol,), {"body_seconds": body_seconds, "sources": sources})
