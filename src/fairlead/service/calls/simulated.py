"""Every provider played by the simulator: the same calls, sent to one local port with the provider's name in Host."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import msgspec

from fairlead.transport.port import Call, Limits, PoolStats, Reply, Route, StreamReply, Upstream


class SimulatedUpstream:
    """An Upstream that never leaves the machine. The simulator sees the host a request was meant for."""

    def __init__(self, inner: Upstream, host: str, port: int) -> None:
        self._inner = inner
        self._host = host
        self._port = port

    async def send(self, route: Route, call: Call, limits: Limits) -> Reply:
        return await self._inner.send(self._route(route), self._call(route, call), limits)

    def stream(self, route: Route, call: Call, limits: Limits) -> AbstractAsyncContextManager[StreamReply]:
        return self._inner.stream(self._route(route), self._call(route, call), limits)

    def stats(self) -> Sequence[PoolStats]:
        return self._inner.stats()

    async def close(self) -> None:
        await self._inner.close()

    def _route(self, route: Route) -> Route:
        return replace(route, scheme="http", host=self._host, port=self._port, tls=None, proxy=None)

    def _call(self, route: Route, call: Call) -> Call:
        if any(name.lower() == b"host" for name, _ in call.headers):
            return call
        usual = {"http": 80, "https": 443}[route.scheme]
        host = f"[{route.host}]" if ":" in route.host else route.host
        value = host if route.port == usual else f"{host}:{route.port}"
        return msgspec.structs.replace(call, headers=((b"Host", value.encode()), *call.headers))


class LocalDialer:
    """Dials the simulator and nothing else."""

    def __init__(self, host: str) -> None:
        self._host = host

    async def addresses(self, host: str, port: int, reach: object = None) -> list[str]:
        return [self._host]
