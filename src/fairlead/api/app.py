"""The ASGI application: predict routes by themselves, everything else through the router of fairlead.api.routing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVarTuple

from starlette.responses import Response
from starlette.routing import Router

from fairlead.api import predict_route, stream_route
from fairlead.api.access_log import AccessLog
from fairlead.api.answer import LEFT, Answer
from fairlead.api.audit_trail import AuditTrail
from fairlead.api.body import Disconnected, Fields, Receive, Scope, Send
from fairlead.api.coding import GzipSend, shrunk, wants_gzip
from fairlead.api.gate import Gate, Refusal
from fairlead.api.origin import OriginRule
from fairlead.api.refusals import defect, given_up, refused
from fairlead.api.reply import simple_error
from fairlead.api.routing import OPEN_PATHS, PRINCIPAL, router
from fairlead.api.watched import ROUTE, UNROUTED, WatchedSend, method_label
from fairlead.domain.principal import Principal
from fairlead.security.forwarded import Proxies
from fairlead.security.server_tls import ServerTls
from fairlead.service.counts.meter import Meter
from fairlead.service.house import House

log = logging.getLogger("fairlead.api")

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
        try:
            await self._stop()
        finally:
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
            answer = _whole(refused(refusal.reply, scope))
        except asyncio.CancelledError:
            answer = _whole(given_up(scope))
        except Exception:
            answer = _whole(defect(scope))
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
            await refused(refusal.reply, scope)(scope, receive, send)
        except asyncio.CancelledError:
            if watched.status != LEFT:
                raise
            await given_up(scope)(scope, receive, send)
        except Exception:
            await defect(scope)(scope, receive, send)
        route = scope.get(ROUTE, UNROUTED)
        self._meter.answered(method_label(scope["method"]), route, watched.status)
        if self._access is not None:
            self._access.record(scope, route, watched.status, watched.sent, started, scope.get(PRINCIPAL))

    def _dropped(self) -> int:
        return 0 if self._access is None else self._access.dropped


def _whole(response: Response) -> Answer:
    return Answer(response.status_code, response.raw_headers, bytes(response.body))
