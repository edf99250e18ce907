"""The router of the route table: who may call a route, what it is asked with, and what the audit log hears of it.

Predicts do not come here; what a route answers is its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from starlette.responses import Response
from starlette.routing import Route as PathRoute
from starlette.routing import Router

from fairlead.api.audit_trail import AuditTrail, change_category
from fairlead.api.body import Receive, read_body
from fairlead.api.gate import PERMISSION_CHECK, Gate
from fairlead.api.media import shape, unacceptable
from fairlead.api.refusals import faulted, header_texts, refused
from fairlead.api.reply import VERSION_HEADER, Reply, respond, simple_error
from fairlead.api.request import Request, decode_segment, parse_query, refuse_unknown
from fairlead.api.route import Access, Route
from fairlead.api.routes import ROUTES
from fairlead.api.security_routes import SECURITY_ROUTES
from fairlead.api.watched import ROUTE
from fairlead.domain.audit import Category
from fairlead.domain.ports import StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.errors import FairleadError, Unavailable
from fairlead.service.house import House
from fairlead.service.remote_inference import require_remote_inference

PRINCIPAL = "fairlead.principal"
"""Where the scope holds who asks."""
OPEN_PATHS = frozenset(
    path.encode()
    for route in (*ROUTES, *SECURITY_ROUTES)
    if route.access is Access.OPEN
    for path in (route.path, f"{route.path}/")
)
"""As they stand in a request line; none has ids in it."""
MAX_CONTROL_BYTES = 2 * 1024 * 1024
"""Largest body of a request that is no predict: they are read token by token, a second for a megabyte of numbers."""


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
    await refused(reply, scope)(scope, receive, send)


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
            response = faulted(fault, scope)
        except StoreUnavailable as fault:
            self._house.meter.store_faults += 1
            response = faulted(Unavailable(str(fault)), scope)
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
        checks = () if self._gate is None else (PERMISSION_CHECK,)
        refuse_unknown(request.path, request.query, frozenset((*route.parameters, *request.ids, *checks)))
        for name in ("pretty", "human", "error_trace"):
            request.flag(name)
        if only_asks and self._gate is not None and request.principal is not None:
            return self._gate.verdict(request.principal, route.action, request.ids.get("model_id"))
        return await route.run(self._house, request, decoded)

    async def _request(self, scope: Any, receive: Receive, ids: dict[str, str]) -> Request:
        query_text = scope["query_string"].decode("latin-1")
        headers, query = header_texts(scope), parse_query(query_text)
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
        return refused(simple_error(text, 405, headers=allow), scope)
