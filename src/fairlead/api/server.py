"""The HTTP protocol in front of the application: uvicorn's, with bounds on the head's size and on the time that a whole
request may take to arrive."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fairlead.api.presence import PRESENCE, Presence
from fairlead.domain.identity import CERTIFICATE

MAX_HEAD = 64 * 1024
HEAD_SECONDS = 15.0


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 to a head that is too large and 408 to a request that does not arrive in time, and closes.

    Timers exist only while a request has begun and is not complete, which for most is never.
    """

    body_seconds = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = False
        self._in_body = False
        self._head_size = 0
        self._many = False
        self._certificate: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._presence = Presence()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # The peer's certificate is the connection's: read once, before its first request (uvicorn passes none on).
        connection = transport.get_extra_info("ssl_object")
        self._certificate = None if connection is None else connection.getpeercert(binary_form=True)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def data_received(self, data: bytes) -> None:
        self._many = len(data) > MAX_HEAD
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(431, "The request head is larger than 64 kB")
        if self._timer is None and (self._in_head or self._in_body):
            self._timer = self.loop.call_later(HEAD_SECONDS if self._in_head else self.body_seconds, self._late)

    def on_message_begin(self) -> None:
        self._stop_timer()
        self._in_head, self._head_size = True, 0
        super().on_message_begin()
        self.scope[PRESENCE] = self._presence  # type: ignore[literal-required]
        if self._certificate is not None:
            self.scope[CERTIFICATE] = self._certificate  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._in_head, self._in_body = False, True
        if self._many and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            self._refuse(431, "The request head is larger than 64 kB")
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._in_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._presence.leave()
        super().connection_lost(exc)

    def _late(self) -> None:
        self._timer = None
        if self._in_body:
            self._refuse(408, f"The request body did not arrive within {self.body_seconds:g} seconds")
        elif self._in_head:
            self._refuse(408, f"The request head did not arrive within {HEAD_SECONDS:g} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: int, text: str) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = f'{{"error":"{text}","status":{status}}}'.encode()
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json; charset=UTF-8\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol_class(body_seconds: float) -> type[BoundedProtocol]:
    """The protocol with the body's time-out of the settings."""
    return type("BoundedProtocol", (BoundedProtocol,), {"body_seconds": body_seconds})
