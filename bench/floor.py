"""The floor that predict is measured against: the same server, protocol and transport adapter, and no features.

Relays every POST to one upstream and hands its body back. Run: python -m bench.floor UPSTREAM_PORT ADAPTER [tls] [lane]
"""

from __future__ import annotations

import socket
import sys
from abc import ABC, abstractmethod
from typing import Any

from fairlead.api.answer import Answer
from fairlead.cli.server import serve_here
from fairlead.settings import Settings
from fairlead.transport.choose import open_upstream
from fairlead.transport.port import Call, Limits, Route, TlsPlan, Upstream

_HEADERS = ((b"Authorization", b"Bearer x"), (b"Content-Type", b"application/json"))
_LIMITS = Limits(10, 30, 30, 30, 300, 10**8)


class AnyDialer:
    """Dials what it is told."""

    async def addresses(self, host: str, port: int, reach: object = None) -> list[str]:
        return [host]


class Bare(ABC):
    """An ASGI application with one upstream and nothing else."""

    tls = None

    def __init__(self, route: Route, adapter: Any) -> None:
        self.route = route
        self._adapter = adapter
        self.upstream: Upstream | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self.answer(scope, receive, send)
            return
        await receive()
        self.upstream = open_upstream(self._adapter, AnyDialer())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.upstream.close()
        await send({"type": "lifespan.shutdown.complete"})

    @abstractmethod
    async def answer(self, scope: Any, receive: Any, send: Any) -> None: ...


class Relay(Bare):
    """Ten lines."""

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        answer = await self.predict(scope, receive, "", "")
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def predict(self, scope: Any, receive: Any, algorithm: str, model_id: str) -> Answer:
        """What the fast lane asks for."""
        assert self.upstream is not None
        message = await receive()
        call = Call(b"POST", b"/v1/chat/completions", _HEADERS, message["body"])
        reply = await self.upstream.send(self.route, call, _LIMITS)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(reply.body)).encode())]
        return Answer(200, headers, reply.body)


def main() -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)

    def ready() -> None:
        print(f"floor on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)

    secure = "tls" in sys.argv[3:]
    tls = TlsPlan(verify=False) if secure else None
    route = Route("https" if secure else "http", "127.0.0.1", int(sys.argv[1]), tls, None, 100, 1000)
    app: Any = Relay(route, sys.argv[2])
    return serve_here(app, listener, Settings(fast_lane="lane" in sys.argv[3:]), ready)


if __name__ == "__main__":
    sys.exit(main())
