"""Routes, calls and limits with defaults that suit a test: no deadline that a busy machine could meet."""

from __future__ import annotations

from fairlead.transport.port import Call, Limits, ProxyPlan, Route, TlsPlan


def route(
    port: int,
    *,
    host: str = "provider.test",
    tls: TlsPlan | None = None,
    proxy: ProxyPlan | None = None,
    cap: int = 4,
    queue: int = 8,
) -> Route:
    return Route("https" if tls else "http", host, port, tls, proxy, cap, queue)


def limits(
    *,
    pool: float = 60.0,
    connect: float = 60.0,
    first_byte: float = 60.0,
    idle: float = 60.0,
    total: float = 120.0,
    max_body: int = 1 << 20,
) -> Limits:
    return Limits(pool, connect, first_byte, idle, total, max_body)


def call(
    body: bytes = b"",
    *headers: tuple[bytes, bytes],
    method: bytes = b"POST",
    target: bytes = b"/v1/x",
    replay: bool = False,
) -> Call:
    return Call(method, target, headers, body, replay)
