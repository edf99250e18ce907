"""The predict routes: find the model, decode, call, encode. Nothing here that a route table would add, and nothing is sent."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping
from functools import lru_cache
from typing import Any

from fairlead.api.answer import Answer
from fairlead.api.body import Fields, Receive, Scope, read_body
from fairlead.api.decode.predict import predict_body
from fairlead.api.encode import encode
from fairlead.api.gate import PERMISSION_CHECK, Gate
from fairlead.api.media import JSON, PLAIN, Shape, shape, unacceptable
from fairlead.api.presence import PRESENCE, Presence
from fairlead.api.reply import VERSION_HEADER, content_type, error_reply, rendered
from fairlead.api.request import boolean, decode_segment, parse_query, refuse_unknown
from fairlead.domain.connector import ActionType
from fairlead.domain.ports import StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.errors import FairleadError, Unavailable
from fairlead.java.json import strict_loads
from fairlead.service.calls.timing import TIMING, Timing
from fairlead.service.house import House

MODELS = b"/_plugins/_ml/models/"
_PREDICT = b"/_plugins/_ml/_predict/"
_SUFFIX = b"/_predict"
_JSON = (b"content-type", b"application/json; charset=UTF-8")
VERSION = (VERSION_HEADER[0].lower().encode(), VERSION_HEADER[1].encode())
_KNOWN = frozenset({"model_id", "algorithm", PERMISSION_CHECK})
_KNOWN_WITHOUT_GATE = _KNOWN - {PERMISSION_CHECK}
TIMING_HEADER = b"fairlead-timing"
"""A request with this header is told where its time went, in `Server-Timing`."""
_SHAPING = frozenset({b"accept", b"content-type"})
_USUAL = frozenset(
    {b"application/json", b"*/*", b"application/json; charset=UTF-8", b"application/json; charset=utf-8"}
)
BY_MODEL = "/_plugins/_ml/models/{model_id}/_predict"
BY_ALGORITHM = "/_plugins/_ml/_predict/{algorithm}/{model_id}"
ACTION = "cluster:admin/opensearch/ml/predict"
"""The privilege of a predict."""


@lru_cache(4096)
def match(path: bytes) -> tuple[str, str] | None:
    """The algorithm and model id of a predict path, else None. A trailing slash is accepted."""
    if path.endswith(b"/"):
        path = path[:-1]
    if path.startswith(MODELS) and path.endswith(_SUFFIX):
        id = path[len(MODELS) : -len(_SUFFIX)]
        return ("remote", decode_segment(id.decode("latin-1"))) if id and b"/" not in id else None
    if path.startswith(_PREDICT):
        parts = path[len(_PREDICT) :].split(b"/")
        if len(parts) == 2 and all(parts):
            return decode_segment(parts[0].decode("latin-1")), decode_segment(parts[1].decode("latin-1"))
    return None


def route_of(path: bytes) -> str:
    """The route table's path for a path that matches."""
    return BY_ALGORITHM if path.startswith(_PREDICT) else BY_MODEL


class PredictRoute:
    """Answers one predict."""

    def __init__(self, house: House, max_body: int, gate: Gate | None = None) -> None:
        self._house = house
        self._max_body = max_body
        self._meter = house.meter
        self._now = house.ports.monotonic
        self._gate = gate
        self._known = _KNOWN_WITHOUT_GATE if gate is None else _KNOWN

    def __call__(
        self,
        scope: Scope,
        fields: Fields,
        principal: Principal | None,
        receive: Receive,
        algorithm: str,
        model_id: str,
    ) -> Coroutine[Any, Any, Answer]:
        """Raises Disconnected and nothing else of ours; other faults are defects and the app's to report. `fields` are the
        headers by name; `principal`: None = security is off."""
        answering = self._answered(scope, fields, principal, receive, algorithm, model_id)
        return self._timed(answering) if fields.get(TIMING_HEADER) == b"1" else answering

    async def _timed(self, answering: Coroutine[Any, Any, Answer]) -> Answer:
        timing = Timing(self._now())
        token = TIMING.set(timing)
        try:
            answer = await answering
        finally:
            TIMING.reset(token)
        header = (b"server-timing", timing.header(self._now()).encode())
        return Answer(answer.status, [*answer.headers, header], answer.body)

    async def _answered(
        self,
        scope: Scope,
        fields: Fields,
        principal: Principal | None,
        receive: Receive,
        algorithm: str,
        model_id: str,
    ) -> Answer:
        wanted = PLAIN
        try:
            headers = scope["headers"]
            only_asks = False
            if self._gate is not None:
                assert principal is not None  # the gate lets nobody pass unasked but to open paths
                only_asks = await self._gate.authorize(scope, principal, ACTION, model_id)
            query: dict[str, str] = {}
            if scope["query_string"] or not _usual(fields):
                query = parse_query(scope["query_string"].decode("latin-1"))
                wanted = _shape(headers, query)
            body = await read_body(headers, receive, self._max_body, fields)
            self._meter.received += len(body)
            predict = self._house.predict
            await predict.require(model_id, principal)
            asked = predict_body(algorithm, body)
            if query:
                check_query(scope, query, self._known)
            if only_asks and self._gate is not None and principal is not None:
                payload = rendered(self._gate.verdict(principal, ACTION, model_id).body, 200, wanted)
            else:
                if asked.action == ActionType.BATCH_PREDICT:
                    # Started even if its caller leaves: no presence is asked.
                    started = await self._house.batches.start(model_id, asked, principal)
                    payload = rendered(started.shown(), 200, PLAIN)
                else:
                    if (timing := TIMING.get()) is not None:
                        timing.decode = self._now() - timing.started
                    work = predict.predict(model_id, asked, principal)
                    presence: Presence | None = scope.get(PRESENCE)
                    payload = encode(await (work if presence is None else presence.needed(work)))
                if self._gate is not None:
                    self._gate.used(scope, principal, ACTION, model_id)
                if wanted is not PLAIN:
                    payload = rendered(strict_loads(payload), 200, wanted)
        except (FairleadError, StoreUnavailable) as fault:
            if isinstance(fault, StoreUnavailable):
                self._meter.store_faults += 1
            error = fault if isinstance(fault, FairleadError) else Unavailable(str(fault))
            reply = error_reply(error, wanted)
            return plain_answer(reply.status, rendered(reply.body, reply.status, wanted), wanted, reply.headers)
        return plain_answer(200, payload, wanted)


def check_query(scope: Scope, query: dict[str, str], known: frozenset[str]) -> None:
    """Before anything is sent to the provider."""
    refuse_unknown(scope["raw_path"].decode("latin-1"), query, known)
    for name in ("pretty", "human", "error_trace"):
        boolean(query.get(name, "false"))


def _usual(fields: Fields) -> bool:
    """Whether no header asks for another form than JSON."""
    return fields.get(b"accept", b"*/*") in _USUAL and fields.get(b"content-type", b"*/*") in _USUAL


def _shape(headers: Iterable[tuple[bytes, bytes]], query: dict[str, str]) -> Shape:
    named = {name: value.decode("latin-1") for name, value in headers if name in _SHAPING}
    wanted = shape(query, named.get(b"accept"), named.get(b"content-type"))
    if (fault := unacceptable(wanted)) is not None:
        raise fault
    return PLAIN if wanted == PLAIN else wanted


def plain_answer(status: int, body: bytes, shape: Shape, more: Mapping[str, str] | None = None) -> Answer:
    kind = _JSON if shape.form == JSON else (b"content-type", content_type(shape).encode())
    headers = [kind, VERSION, (b"content-length", b"%d" % len(body))]
    if more:
        headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in more.items()]
    return Answer(status, headers, body)
