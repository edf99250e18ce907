"""The streaming predict route: what fails before the first byte is a plain answer, what fails later an event of the stream.

One write for each batch of events, none while the caller does not read; nothing is held for a caller who has left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import lru_cache
from math import inf

from fairlead.api import stream_events
from fairlead.api.answer import Answer
from fairlead.api.body import Disconnected, Fields, Receive, Scope, Send, read_body
from fairlead.api.decode.predict import predict_body
from fairlead.api.gate import PERMISSION_CHECK, Gate
from fairlead.api.media import PLAIN, Shape, shape
from fairlead.api.predict_route import MODELS, VERSION, check_query, plain_answer
from fairlead.api.presence import PRESENCE, Presence, Writer
from fairlead.api.refusals import STOPS
from fairlead.api.reply import error_reply, rendered
from fairlead.api.request import decode_segment, parse_query
from fairlead.api.turns import Turns
from fairlead.domain.dataset import PredictInput
from fairlead.domain.ports import StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.errors import FairleadError, Unavailable
from fairlead.service.house import House

log = logging.getLogger("fairlead.api")

ACTION = "cluster:admin/opensearch/ml/predict/stream"
"""The privilege, which that of a predict does not include (spec/06 9.1)."""
_SUFFIX = b"/_predict/stream"
_KNOWN = frozenset({"model_id"})
_HEAD: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
    VERSION,
)
"""`X-Accel-Buffering` asks a reverse proxy not to collect events before it hands them on."""
_STAYS = (b"connection", b"keep-alive")
PATH = "/_plugins/_ml/models/{model_id}/_predict/stream"
"""Its path in the route table."""
_OPENED = 16
"""Streams that are opened in one turn of the loop, some milliseconds of work: when a thousand callers come at once, those
whose streams run do not wait for all of them."""
_GRACE = 5.0
"""Seconds that a caller who does not read is given beyond the time of the stream, and for its last event."""


@lru_cache(4096)
def match(path: bytes) -> str | None:
    """The model id of a streaming path, else None. A trailing slash is accepted."""
    path = path.removesuffix(b"/")
    if not (path.startswith(MODELS) and path.endswith(_SUFFIX)):
        return None
    id = path[len(MODELS) : -len(_SUFFIX)]
    return decode_segment(id.decode("latin-1")) if id and b"/" not in id else None


class StreamRoute:
    """Answers one streamed predict."""

    def __init__(self, house: House, max_body: int, gate: Gate | None = None) -> None:
        self._house = house
        self._max_body = max_body
        self._gate = gate
        self._turns = Turns(_OPENED)
        self._known = _KNOWN if gate is None else _KNOWN | {PERMISSION_CHECK}

    async def __call__(
        self,
        scope: Scope,
        fields: Fields,
        principal: Principal | None,
        receive: Receive,
        send: Send,
        model_id: str,
    ) -> Answer | None:
        """The answer, if there was no stream. Raises Disconnected; other faults are the app's."""
        presence: Presence | None = scope.get(PRESENCE)
        stays = scope["http_version"] != "1.0" and b"close" not in fields.get(b"connection", b"").lower()
        out = _Out(send, None if presence is None else presence.writer(scope), stays=stays)
        wanted = PLAIN
        try:
            only_asks = False
            if self._gate is not None:
                assert principal is not None  # the gate lets nobody pass unasked but to open paths
                only_asks = await self._gate.authorize(scope, principal, ACTION, model_id)
            query = parse_query(scope["query_string"].decode("latin-1"))
            wanted = _shape(query)
            body = await read_body(scope["headers"], receive, self._max_body, fields)
            await self._house.predict.require(model_id, principal, stream=True)
            asked = predict_body("remote", body)
            check_query(scope, query, self._known)
            if only_asks and self._gate is not None and principal is not None:
                verdict = self._gate.verdict(principal, ACTION, model_id).body
                return plain_answer(200, rendered(verdict, 200, wanted), wanted)
            # The transport's deadline is the first to pass, unless we wait for the caller to read.
            async with asyncio.timeout(self._house.snapshot.settings["fairlead.stream.total_seconds"] + _GRACE):
                await _present(scope, self._relay(out, model_id, asked, principal))
            if self._gate is not None:
                self._gate.used(scope, principal, ACTION, model_id)
            return None
        except (FairleadError, StoreUnavailable) as fault:
            error = fault if isinstance(fault, FairleadError) else Unavailable(str(fault))
            return await _failed(scope, out, error, wanted)
        except TimeoutError:
            await _leave(scope)
            return None
        except Disconnected:
            raise
        except asyncio.CancelledError:
            # The time for draining is over: nobody is waited for any more.
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            return await _failed(scope, out, Unavailable(STOPS), wanted, 0)
        except Exception:
            if not out.began:
                raise
            log.exception("unexpected fault in the stream of model %s", model_id)
            await _last(scope, out, "Processing failed")
            return None
        finally:
            out.stop()

    async def _relay(self, out: _Out, model_id: str, asked: PredictInput, principal: Principal | None) -> None:
        await self._turns.take()
        async with self._house.predict.stream(model_id, asked, principal) as stream:
            out.beat_every(self._house.snapshot.settings["fairlead.stream.heartbeat_seconds"])
            await stream.into(out)
            await out.end(stream_events.LAST)


class _Out:
    """The caller's side of a stream: its head goes out with its first bytes, and silence is filled with comments.

    `writer` is the quick way, where the server has one: it is taken while nothing else is being sent. `stays`: the
    connection is one for further requests, too.
    """

    __slots__ = ("_every", "_loop", "_send", "_sign", "_stays", "_timer", "_writer", "_wrote", "began")

    def __init__(self, send: Send, writer: Writer | None, *, stays: bool) -> None:
        self._send = send
        self._stays = stays
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._every = 0.0
        self._wrote = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sign: asyncio.Task[None] | None = None
        self.began = False

    def beat_every(self, seconds: float) -> None:
        """From now on, while there is silence."""
        if seconds:
            self._every, self._wrote = seconds, self._loop.time()
            self._timer = self._loop.call_later(seconds, self._beat)

    def take(self, texts: list[str]) -> bool:
        """See fairlead.service.text_stream."""
        if not self.began or self._sign is not None or self._writer is None:
            return False
        if not self._writer(stream_events.content(texts)):
            return False
        self._wrote = self._loop.time()
        return True

    async def put(self, texts: list[str]) -> None:
        await self.write(stream_events.content(texts))

    async def write(self, data: bytes, *, more: bool = True) -> None:
        if self._sign is not None:  # a sign of life that waits for the caller to read
            await self._sign
        await self._send_now(data, more=more)

    async def end(self, data: bytes) -> None:
        self.stop()
        await self.write(data, more=False)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _send_now(self, data: bytes, *, more: bool) -> None:
        self._wrote = inf  # while the caller does not read, there is no silence to fill
        if not self.began:
            self.began = True
            headers = [*_HEAD, _STAYS] if self._stays else list(_HEAD)
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self._wrote = self._loop.time()

    def _beat(self) -> None:
        """The timer runs on and looks how long there was silence, instead of being set anew with every event."""
        left = self._wrote + self._every - self._loop.time()
        if left <= 0:
            self._sign = self._loop.create_task(self._send_now(stream_events.HEARTBEAT, more=True))
            self._sign.add_done_callback(self._signed)
            left = self._every
        self._timer = self._loop.call_later(min(left, self._every), self._beat)

    def _signed(self, sign: asyncio.Task[None]) -> None:
        self._sign = None
        if not sign.cancelled() and (fault := sign.exception()) is not None:
            log.debug("a sign of life did not go out: %s", type(fault))


async def _failed(
    scope: Scope, out: _Out, fault: FairleadError, wanted: Shape, seconds: float = _GRACE
) -> Answer | None:
    """The answer that tells of a fault; of a stream that has begun, its last event."""
    if out.began:
        await _last(scope, out, fault.reason, seconds)
        return None
    reply = error_reply(fault, wanted)
    return plain_answer(reply.status, rendered(reply.body, reply.status, wanted), wanted, reply.headers)


async def _last(scope: Scope, out: _Out, reason: str | None, seconds: float = _GRACE) -> None:
    """The event that tells of a fault, which a caller has so many seconds to read."""
    try:
        async with asyncio.timeout(seconds):
            await _present(scope, out.end(stream_events.failed(reason)))
    except TimeoutError:
        await _leave(scope)


async def _leave(scope: Scope) -> None:
    """Ends the connection of a caller who has not read for the whole time of the stream: nothing can be told any more."""
    presence: Presence | None = scope.get(PRESENCE)
    if presence is not None and presence.abort is not None:
        presence.abort()
        for _ in range(20):  # TLS takes a few turns of the loop
            await asyncio.sleep(0)
    raise Disconnected


async def _present(scope: Scope, work: Awaitable[None]) -> None:
    """Does the work while the caller is there."""
    presence: Presence | None = scope.get(PRESENCE)
    await (work if presence is None else presence.needed(work))


def _shape(query: dict[str, str]) -> Shape:
    """How an error is written: `Accept` asks for the stream, so only the query says more."""
    return shape(query, None, None)
