"""The fast lane: predicts are answered by the HTTP protocol itself, every other request by uvicorn on the same connection.

Heads, bodies, limits, time-outs, pipelining and refusals are those of fairlead.api.server; the predict is that of
fairlead.api.app. The lane has neither rules of its own for what a request is nor for what its answer says.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from fairlead.api.answer import Answer
from fairlead.api.body import Message, Receive
from fairlead.api.joined_writes import JoinedWrites
from fairlead.api.predict_route import match
from fairlead.api.server import BoundedProtocol
from fairlead.api.sources import Sources

log = logging.getLogger("fairlead.api")

_TARGET = re.compile(rb"(/_plugins/_ml/[A-Za-z0-9/_.~%-]+)(?:\?([A-Za-z0-9/_.~%=&,:*+-]*))?", re.ASCII)
"""Targets about which no two parsers differ; any other is uvicorn's to read."""
_LONGEST = 512
"""Bytes of a target that is remembered."""
_CLOSE = b"connection: close\r\n"
_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header value may hold: it would end the line, or be read in two ways (RFC 9110 5.5)."""
_FAILED = Answer(
    500,
    (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"21"),
        (b"connection", b"close"),
    ),
    b"Internal Server Error",
)
"""What uvicorn says when an application fails."""


class Target(NamedTuple):
    """A request target that asks for a predict, taken apart."""

    path: bytes
    query: bytes
    algorithm: str
    model_id: str


@lru_cache(1024)
def target(url: bytes) -> Target | None:
    """None: not a predict, or not plain enough to be read here."""
    parts = _TARGET.fullmatch(url)
    found = match(parts[1]) if parts is not None else None
    return Target(parts[1], parts[2] or b"", *found) if parts is not None and found is not None else None


@lru_cache(1024)
def _line(name: bytes, value: bytes) -> bytes:
    """A header's line. Raises ValueError for a value that would end it."""
    if _UNSAFE.search(value):
        raise ValueError(f"the value of header {name.decode('latin-1')} holds a control character")
    return name + b": " + value + b"\r\n"


class PredictApp(Protocol):
    """What answers; fairlead.api.app.App is one."""

    def predict(
        self, scope: MutableMapping[str, Any], receive: Receive, algorithm: str, model_id: str
    ) -> Awaitable[Answer | None]: ...


class PredictCycle:
    """One predict on a connection, with the attributes by which uvicorn's protocol steers its own cycles.

    `waits`: the caller asked to be told to go on before it sends the body (RFC 9110 10.1.1).
    """

    __slots__ = (
        "_found",
        "_protocol",
        "_waiter",
        "_waits",
        "_writes",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
        "response_started",
        "scope",
    )

    def __init__(
        self,
        protocol: LaneProtocol,
        writes: JoinedWrites,
        scope: MutableMapping[str, Any],
        found: Target,
        *,
        waits: bool,
        keep_alive: bool,
    ) -> None:
        self._protocol = protocol
        self._writes = writes
        self._found = found
        self._waits = waits
        self.scope = scope
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self._waiter: asyncio.Future[None] | None = None
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    @property
    def message_event(self) -> PredictCycle:
        """What uvicorn sets when more of the body came, or the caller left."""
        return self

    def set(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run_asgi(self, app: PredictApp) -> None:
        """Answers; the name is the one that uvicorn calls."""
        try:
            answer = await app.predict(self.scope, self.receive, self._found.algorithm, self._found.model_id)
            if answer is not None:
                await self._send(answer)
        except BaseException as fault:
            # Also when it is cancelled: the time for draining is over.
            log.error("a predict was not answered to its end", exc_info=fault)
            if self.response_started:
                self._writes.close()
            else:
                await self._send(_FAILED)

    async def receive(self) -> Message:
        """What has come of the body since the last time, as ASGI has it."""
        if self._waits and not self._writes.is_closing():
            self._writes.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._waits = False
        self._protocol.flow.resume_reading()  # who does not read does not see its caller leave
        if self.more_body and not self.body and not self.disconnected:
            self._waiter = self._protocol.loop.create_future()
            await self._waiter
            self._waiter = None
        if self.disconnected:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _send(self, answer: Answer) -> None:
        flow = self._protocol.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        self.response_started, self._waits = True, False
        lines = [STATUS_LINE[answer.status]]
        for name, value in answer.headers:
            lines.append(_line(name, value))
            if name == b"connection":
                self.keep_alive = False
        if not self.keep_alive and _CLOSE not in lines:
            lines.append(_CLOSE)
        lines.append(b"\r\n")
        self._writes.whole(b"".join(lines), answer.body)
        self.response_complete = True
        if not self.keep_alive:
            self._writes.close()
        self._protocol.on_response_complete()


class LaneProtocol(BoundedProtocol):
    """Answers predicts itself."""

    def _begin(self) -> None:
        if len(self.url) <= _LONGEST and (found := target(self.url)) is not None:
            parser = self.parser
            if parser.get_method() == b"POST" and parser.get_http_version() == "1.1":
                self._predict(found)
                return
        super()._begin()

    def _predict(self, found: Target) -> None:
        assert self._writes is not None  # since connection_made
        scope: Any = self.scope
        scope["method"], scope["raw_path"], scope["query_string"] = "POST", found.path, found.query
        before: Any = self.cycle
        cycle: Any = PredictCycle(
            self, self._writes, scope, found, waits=self.expect_100_continue, keep_alive=self.parser.should_keep_alive()
        )
        self.cycle = cycle
        app: Any = self.app
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, app)
        else:  # answered in order (RFC 9112 9.3.2); nothing more is read until then
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))


def lane_class(body_seconds: float, sources: Sources | None = None) -> type[LaneProtocol]:
    """The protocol with the body's time-out of the settings, and what counts its connections."""
    return type("LaneProtocol", (LaneProtocol,), {"body_seconds": body_seconds, "sources": sources})
