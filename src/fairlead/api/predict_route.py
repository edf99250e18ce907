"""The predict routes on raw ASGI: find the model, decode, call, encode. Nothing here that a route table would add."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from fairlead.api.body import Receive, Send, read_body
from fairlead.api.decode.predict import predict_body
from fairlead.api.encode import encode
from fairlead.api.filter_path import apply_filter
from fairlead.api.gate import PERMISSION_CHECK, Gate
from fairlead.api.reply import VERSION_HEADER, Reply, dumps, error_reply, simple_error
from fairlead.api.request import boolean, content_type_fault, decode_segment, parse_query, refuse_unknown
from fairlead.domain.ports import StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.errors import FairleadError, Unavailable
from fairlead.java.json import strict_loads
from fairlead.service.house import House

_MODELS = b"/_plugins/_ml/models/"
_PREDICT = b"/_plugins/_ml/_predict/"
_SUFFIX = b"/_predict"
_JSON = (b"content-type", b"application/json; charset=UTF-8")
_VERSION = (VERSION_HEADER[0].lower().encode(), VERSION_HEADER[1].encode())
_KNOWN = frozenset({"model_id", "algorithm", PERMISSION_CHECK})
_KNOWN_WITHOUT_GATE = _KNOWN - {PERMISSION_CHECK}
ACTION = "cluster:admin/opensearch/ml/predict"
"""The privilege of a predict."""

Scope = MutableMapping[str, Any]


def match(path: bytes) -> tuple[str, str] | None:
    """The algorithm and model id of a predict path, else None. A trailing slash is accepted."""
    if path.endswith(b"/"):
        path = path[:-1]
    if path.startswith(_MODELS) and path.endswith(_SUFFIX):
        id = path[len(_MODELS) : -len(_SUFFIX)]
        return ("remote", decode_segment(id.decode("latin-1"))) if id and b"/" not in id else None
    if path.startswith(_PREDICT):
        parts = path[len(_PREDICT) :].split(b"/")
        if len(parts) == 2 and all(parts):
            return decode_segment(parts[0].decode("latin-1")), decode_segment(parts[1].decode("latin-1"))
    return None


class PredictRoute:
    """Answers one predict."""

    def __init__(self, house: House, max_body: int, gate: Gate | None = None) -> None:
        self._house = house
        self._max_body = max_body
        self._gate = gate
        self._known = _KNOWN_WITHOUT_GATE if gate is None else _KNOWN

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        algorithm: str,
        model_id: str,
        principal: Principal | None = None,
    ) -> None:
        """Raises nothing of ours; anything else is a defect and the app's to report. `principal`: None = security is off."""
        only_asks = False
        try:
            if self._gate is not None:
                assert principal is not None  # the gate lets nobody pass unasked but to open paths
                only_asks = self._gate.authorize(scope, principal, ACTION, model_id)
            body = await read_body(receive, self._max_body)
            refused = _refused(scope, body)
            if refused is not None:
                await _send(send, refused.status, dumps(refused.body))
                return
            payload = await self._predict(scope, algorithm, model_id, body, principal, only_asks)
        except (FairleadError, StoreUnavailable) as fault:
            reply = error_reply(fault if isinstance(fault, FairleadError) else Unavailable(str(fault)))
            await _send(send, reply.status, dumps(reply.body), reply)
            return
        await _send(send, 200, payload)

    async def _predict(
        self,
        scope: Scope,
        algorithm: str,
        model_id: str,
        body: bytes,
        principal: Principal | None,
        only_asks: bool,
    ) -> bytes:
        predict = self._house.predict
        await predict.require(model_id)
        asked = predict_body(algorithm, body)
        query = parse_query(scope["query_string"].decode("latin-1")) if scope["query_string"] else {}
        if query:
            refuse_unknown(scope["raw_path"].decode("latin-1"), query, self._known)
        if only_asks and self._gate is not None and principal is not None:
            return dumps(self._gate.verdict(principal, ACTION, model_id).body)
        payload = encode(await predict.predict(model_id, asked, principal))
        return _shaped(payload, query) if query else payload


def _shaped(payload: bytes, query: dict[str, str]) -> bytes:
    """`pretty` and `filter_path`, which few callers use."""
    body = strict_loads(payload)
    if query.get("filter_path"):
        body = apply_filter(body, query["filter_path"])
    return dumps(body, pretty=boolean(query.get("pretty", "false")))


def _refused(scope: Scope, body: bytes) -> Reply | None:
    if not body:
        return None
    header = None
    for name, value in scope["headers"]:
        if name == b"content-type":
            if value == b"application/json":
                return None
            header = value.decode("latin-1")
    fault = content_type_fault(header)
    if isinstance(fault, FairleadError):
        raise fault
    return None if fault is None else simple_error(fault, 406)


async def _send(send: Send, status: int, body: bytes, reply: Reply | None = None) -> None:
    headers = [_JSON, _VERSION, (b"content-length", str(len(body)).encode())]
    if reply is not None:
        headers += [
            (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()
        ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
