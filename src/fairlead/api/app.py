"""The ASGI application: predict routes by themselves, everything else through one router built from the route table."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeVarTuple

from starlette.responses import Response
from starlette.routing import Route as PathRoute
from starlette.routing import Router

from fairlead.api import predict_route, stream_route
from fairlead.api.access_log import AccessLog
from fairlead.api.answer import LEFT, Answer
from fairlead.api.audit_trail import AuditTrail, change_category
from fairlead.api.body import Disconnected, Fields, Receive, Send, read_body
from fairlead.api.coding import GzipSend, shrunk, wants_gzip
from fairlead.api.gate import PERMISSION_CHECK, Gate, Refusal
from fairlead.api.media import PLAIN, Shape, shape, unacceptable
from fairlead.api.origin import OriginRule
from fairlead.api.reply import VERSION_HEADER, Reply, error_reply, respond, simple_error
from fairlead.api.request import Request, decode_segment, parse_query, refuse_unknown
from fairlead.api.route import Access, Route
from fairlead.api.routes import ROUTES
from fairlead.api.security_routes import SECURITY_ROUTES
from fairlead.api.watched import ROUTE, UNROUTED, WatchedSend, method_label
from fairlead.domain.audit import Category
from fairlead.domain.ports import StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.errors import BadParameter, FairleadError, Unavailable
from fairlead.security.forwarded import Proxies
from fairlead.security.server_tls import ServerTls
from fairlead.service.counts.meter import Meter
from fairlead.service.house import House
from fairlead.service.remote_inference import require_remote_inference

log = logging.getLogger("fairlead.api")

Scope = MutableMapping[str, Any]
PRINCIPAL = "fairlead.principal"
"""Where the scope holds who asks."""
OPEN_PATHS = frozenset(
    path.encode()
    for route in (*ROUTES, *SECURITY_ROUTES)
    if route.access is Access.OPEN
    for path in (route.path, f"{route.path}/")
)
"""As they stand in a request line; none has ids in it."""
Start = Callable[[], Awaitable[House]]
Stop = Callable[[], Awaitable[None]]
Arguments = TypeVarTuple("Arguments")


class App:
    """One worker's application. `start` builds the house inside the worker's loop, `stop` closes it; `tls` is what its
    port speaks, `origins` what a request's `Host` may be while nobody has to log in."""

    def __init__(
        self,
        start: Start,
        stop: Stop,
        max_body: int,
        tls: ServerTls | None = None,
        origins: OriginRule | None = None,
        proxies: Proxies | None = None,
        *,
        clear_text: bool = False,
        fail_closed: bool = True,
        access: AccessLog | None = None,
    ) -> None:
        self.tls = tls
        self._proxies = proxies
        self._clear_text = clear_text
        self._fail_closed = fail_closed
        self._origins = origins
        self._start = start
        self._stop = stop
        self._max_body = max_body
        self._predict: predict_route.PredictRoute | None = None
        self._stream: stream_route.StreamRoute | None = None
        self._meter = Meter()
        self._access = access
        self._router: Router | None = None
        self._gate: Gate | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            if scope["method"] == "POST" and (found := predict_route.match(scope["raw_path"])) is not None:
                answer = await self.predict(scope, receive, *found)
                if answer is not None:
                    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                    await send({"type": "http.response.body", "body": answer.body})
            elif scope["method"] == "POST" and (id := stream_route.match(scope["raw_path"])) is not None:
                await self._stream_predict(scope, receive, send, id)
            else:
                await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            house = await self._start()
        except Exception as fault:
            log.critical("cannot start: %s", fault)
            await send({"type": "lifespan.startup.failed", "message": str(fault)})
            return
        if house.security is not None:
            self._gate = Gate(house.security, OPEN_PATHS, self._proxies, clear_text=self._clear_text)
        trail = AuditTrail(house.audit, fail_closed=self._fail_closed)
        self._meter = house.meter
        if self._access is not None:
            house.meter.dropped = self._dropped
        self._predict = predict_route.PredictRoute(house, self._max_body, self._gate)
        self._stream = stream_route.StreamRoute(house, self._max_body, self._gate)
        self._router = router(house, self._max_body, self._gate, trail)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        if self._access is not None:
            await asyncio.to_thread(self._access.close)
        await send({"type": "lifespan.shutdown.complete"})

    def predict(
        self, scope: Scope, receive: Receive, algorithm: str, model_id: str
    ) -> Coroutine[Any, Any, Answer | None]:
        """The answer to a predict, for whichever server asks; None: the caller left."""
        assert self._predict is not None
        path = predict_route.route_of(scope["raw_path"])
        return self._admitted(scope, path, self._predict, receive, algorithm, model_id)

    async def _stream_predict(self, scope: Scope, receive: Receive, send: Send, model_id: str) -> None:
        assert self._stream is not None
        found = await self._admitted(scope, stream_route.PATH, self._stream, receive, send, model_id)
        if found is not None:
            await send({"type": "http.response.start", "status": found.status, "headers": found.headers})
            await send({"type": "http.response.body", "body": found.body})

    async def _admitted(
        self,
        scope: Scope,
        path: str,
        route: Callable[[Scope, Fields, Principal | None, *Arguments], Awaitable[Answer | None]],
        *arguments: *Arguments,
    ) -> Answer | None:
        """What a route outside the table answers; None: the caller left, or has its answer, a stream. `path` is that of
        the table; the route is asked with scope, headers by name, caller and `arguments`."""
        answer: Answer | None
        principal = None
        fields = dict(scope["headers"])  # one pass in C for all who look at a predict's headers
        started = 0.0 if self._access is None else self._access.now()
        try:
            if self._origins is not None and (reason := self._origins.refusal(scope["headers"], fields)) is not None:
                raise Refusal(simple_error(reason, 403))
            principal = await self._gate.admit(scope, fields) if self._gate is not None else None
            answer = await route(scope, fields, principal, *arguments)
        except Disconnected:
            self._told(scope, path, LEFT, 0, started, principal)
            return None
        except Refusal as refusal:
            answer = _whole(respond(refusal.reply, _wished(scope)))
        except Exception:
            answer = _whole(_defect(scope))
        if answer is None:
            self._told(scope, path, 200, 0, started, principal)
            return None
        if wants_gzip(fields):
            answer = await shrunk(answer)
        size = len(answer.body)
        self._meter.sent += size
        self._told(scope, path, answer.status, size, started, principal)
        return answer

    def _told(
        self, scope: Scope, path: str, status: int, size: int, started: float, principal: Principal | None
    ) -> None:
        self._meter.answered("POST", path, status)
        if self._access is not None:
            self._access.record(scope, path, status, size, started, principal)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but predicts."""
        assert self._router is not None
        send = watched = WatchedSend(send)
        started = 0.0 if self._access is None else self._access.now()
        fields = dict(scope["headers"])
        if wants_gzip(fields):
            send = GzipSend(send)
        try:
            if self._origins is not None and (reason := self._origins.refusal(scope["headers"], fields)) is not None:
                raise Refusal(simple_error(reason, 403))
            principal = await self._gate.admit(scope, fields) if self._gate is not None else None
            path = scope["raw_path"].decode("latin-1")
            # One trailing slash is accepted; ids are percent-decoded after routing, so that %2F stays in one.
            scope["path"] = path[:-1] if len(path) > 1 and path.endswith("/") else path
            scope[PRINCIPAL] = principal
            await self._router(scope, receive, send)
        except Disconnected:
            pass
        except Refusal as refusal:
            await respond(refusal.reply, _wished(scope))(scope, receive, send)
        except Exception:
            await _defect(scope)(scope, receive, send)
        route = scope.get(ROUTE, UNROUTED)
        self._meter.answered(method_label(scope["method"]), route, watched.status)
        if self._access is not None:
            self._access.record(scope, route, watched.status, watched.sent, started, scope.get(PRINCIPAL))

    def _dropped(self) -> int:
        return 0 if self._access is None else self._access.dropped


def _defect(scope: Scope) -> Response:
    """The answer to a fault of ours that is being handled; the log learns all of it."""
    path = scope["raw_path"].decode("latin-1")
    log.exception("unexpected fault while answering %s %s", scope["method"], path)
    return _refusal(FairleadError("Internal error; the server's log says more"), scope)


def _whole(response: Response) -> Answer:
    return Answer(response.status_code, response.raw_headers, bytes(response.body))


def _refusal(fault: FairleadError, scope: Scope) -> Response:
    wished = _wished(scope)
    return respond(error_reply(fault, wished), wished)


def _wished(scope: Scope) -> Shape:
    """How a reply without a request to it is written: the caller's wishes, so far as they can be read."""
    headers = _headers(scope)
    try:
        query = parse_query(scope["query_string"].decode("latin-1"))
    except BadParameter:
        query = {}
    wanted = shape(query, headers.get("accept"), headers.get("content-type"))
    return PLAIN if unacceptable(wanted) else wanted


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def router(house: House, max_body: int, gate: Gate | None = None, trail: AuditTrail | None = None) -> Router:
    """One path route per path of the table, literal segments first, so that nothing falls through to an id."""
    by_path: dict[str, dict[str, Route]] = defaultdict(dict)
    for route in ROUTES if gate is None else (*ROUTES, *SECURITY_ROUTES):
        by_path[route.path][route.method] = route
    paths = sorted(by_path, key=lambda path: (path.count("{"), path))
    endpoints = [PathRoute(path, _Path(house, by_path[path], max_body, gate, trail)) for path in paths]
    return Router(endpoints, redirect_slashes=False, default=_no_route)


async def _no_route(scope: Any, receive: Any, send: Any) -> None:
    method, path = scope["method"], scope["raw_path"].decode("latin-1")
    if method == "OPTIONS":
        await Response(b"", 200, dict([VERSION_HEADER]), "text/plain")(scope, receive, send)
        return
    reply = simple_error(f"no handler found for uri [{path}] and method [{method}]", 400, with_status=False)
    await respond(reply, _wished(scope))(scope, receive, send)


MAX_CONTROL_BYTES = 2 * 1024 * 1024
"""Largest body of a request that is no predict: they are read token by token, a second for a megabyte of numbers."""


class _Path:
    """Answers every method of one path."""

    def __init__(
        self, house: House, routes: dict[str, Route], max_body: int, gate: Gate | None, trail: AuditTrail | None
    ) -> None:
        self._house = house
        self._trail = trail
        self._routes = routes
        self._path = next(iter(routes.values())).path
        self._max_body = min(max_body, MAX_CONTROL_BYTES)
        self._gate = gate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        change: Category | None = None
        body, answered = b"", None
        scope[ROUTE] = self._path
        try:
            method = "GET" if scope["method"] == "HEAD" and scope["path"] == "/" else scope["method"]
            route = self._routes.get(method)
            if route is None:
                await self._other_method(scope)(scope, receive, send)
                return
            ids = {name: decode_segment(value) for name, value in scope["path_params"].items()}
            only_asks = await self._authorized(scope, route, ids)
            change = None if only_asks else self._change(route)
            request = await self._request(scope, receive, ids)
            body = request.body
            reply = await self._answer(route, request, only_asks)
            answered = reply.body
            response = respond(reply, request.shape)
        except FairleadError as fault:
            response = _refusal(fault, scope)
        except StoreUnavailable as fault:
            self._house.meter.store_faults += 1
            response = _refusal(Unavailable(str(fault)), scope)
        if change is not None and route is not None and self._trail is not None:
            principal = scope[PRINCIPAL]
            self._trail.changed(change, scope, principal, route.action, ids, body, response.status_code, answered)
        await response(scope, receive, send)

    def _change(self, route: Route) -> Category | None:
        """What the route changes, if the audit log takes it. Raises Unavailable if it must and cannot."""
        change = change_category(route.method, route.path, route.action)
        if change is not None and self._trail is not None:
            self._trail.require(change)
        return change

    async def _authorized(self, scope: Any, route: Route, ids: dict[str, str]) -> bool:
        """Raises SecurityFault; True: the caller only asks whether the privilege is there."""
        principal: Principal | None = scope[PRINCIPAL]
        if self._gate is None or route.access in (Access.OPEN, Access.AUTHENTICATED):
            return False
        assert principal is not None  # the gate lets nobody pass unasked but to open paths
        if route.access is Access.REST_API:
            self._gate.require_rest_api(scope, principal, route.action, route.path)
            return False
        return await self._gate.authorize(scope, principal, route.action, ids.get("model_id"))

    async def _answer(self, route: Route, request: Request, only_asks: bool) -> Reply:
        assert route.run is not None
        await self._house.refresh()
        if route.remote:
            require_remote_inference(self._house.snapshot)
        decoded = route.decode(request)
        known = (
            (*route.parameters, *request.ids)
            if self._gate is None
            else (*route.parameters, *request.ids, PERMISSION_CHECK)
        )
        refuse_unknown(request.path, request.query, frozenset(known))
        for name in ("pretty", "human", "error_trace"):
            request.flag(name)
        if only_asks and self._gate is not None and request.principal is not None:
            return self._gate.verdict(request.principal, route.action, request.ids.get("model_id"))
        return await route.run(self._house, request, decoded)

    async def _request(self, scope: Any, receive: Receive, ids: dict[str, str]) -> Request:
        query_text = scope["query_string"].decode("latin-1")
        headers, query = _headers(scope), parse_query(query_text)
        wanted = shape(query, headers.get("accept"), headers.get("content-type"))
        if (fault := unacceptable(wanted)) is not None:
            raise fault
        body = await read_body(scope["headers"], receive, self._max_body)
        path = scope["raw_path"].decode("latin-1")
        client = tuple(scope["client"] or ("", 0))
        principal = scope[PRINCIPAL]
        return Request(scope["method"], path, query_text, ids, query, headers, body, principal, wanted, client, scope)

    def _other_method(self, scope: Any) -> Response:
        allowed = list(self._routes)
        allow = {"Allow": ",".join(allowed)}
        if scope["method"] == "OPTIONS":
            return Response(b"", 200, {**dict([VERSION_HEADER]), **allow}, "text/plain")
        query = scope["query_string"].decode("latin-1")
        uri = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        text = f"Incorrect HTTP method for uri [{uri}] and method [{scope['method']}], allowed: [{', '.join(allowed)}]"
        return respond(simple_error(text, 405, headers=allow), _wished(scope))
