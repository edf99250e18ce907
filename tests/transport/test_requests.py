"""What a provider receives is what the call says, byte for byte, or nothing at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.transport.port import Call, Kind, Stage, Upstream, UpstreamError
from transport.calls import call, limits, route
from transport.scripted import PinnedDialer, echo, ok, scripted

_CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases/requests.json").read_text("utf-8"))
_CASES = [case | {"method": case.get("method", "POST"), "target": case.get("target", "/")} for case in _CASES]


def _call(case: dict[str, Any]) -> Call:
    return Call(
        case["method"].encode(),
        case["target"].encode(),
        tuple((name.encode(), value.encode()) for name, value in case.get("headers", [])),
        case.get("body", "").encode(),
    )


def _wire(case: dict[str, Any], port: int) -> bytes:
    default = f"{case['method']} {case['target']} HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: 0\r\n\r\n"
    return str(case.get("wire", default)).replace("{host}", f"provider.test:{port}").encode()


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
async def test_a_request_goes_out_exactly_as_given_or_not_at_all(
    upstream: Upstream, adapter: str, case: dict[str, Any]
) -> None:
    async with scripted(echo) as server:
        sending = upstream.send(route(server.port), _call(case), limits())
        if case.get("refused") or adapter in case.get("refused_by", []):
            with pytest.raises(UpstreamError) as caught:
                await sending
            assert (caught.value.stage, caught.value.kind, caught.value.sent) == (Stage.SEND, Kind.PROTOCOL, False)
            assert server.accepted == 0
            return
        await sending
        request = server.requests[0]
        assert request.head + request.body == _wire(case, server.port)


async def test_header_bytes_that_are_no_utf8_go_out_as_given_or_are_refused(upstream: Upstream, adapter: str) -> None:
    async with scripted(echo) as server:
        sending = upstream.send(route(server.port), call(b"", (b"X-Raw", b"\xff\xfe")), limits())
        if adapter == "aiohttp":
            with pytest.raises(UpstreamError, match="UTF-8"):
                await sending
            assert server.accepted == 0
        else:
            await sending
            assert server.requests[0].header(b"x-raw") == b"\xff\xfe"


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
async def test_a_body_of_any_size_arrives_whole(upstream: Upstream, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    async with scripted(echo) as server:
        reply = await upstream.send(route(server.port), call(body), limits(max_body=4_000_000))
        assert server.requests[0].body == body
        assert reply.body == body


@pytest.mark.parametrize(
    ("scheme_default", "expected"), [(True, b"provider.test"), (False, None)], ids=["default port", "other port"]
)
async def test_the_generated_host_has_a_port_only_when_it_is_not_the_default(
    scheme_default: bool, expected: bytes | None, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    async with scripted(echo) as server:
        if scheme_default:
            monkeypatch.setitem(
                __import__("fairlead.transport.head", fromlist=["x"]).DEFAULT_PORTS, "http", server.port
            )
        await upstream.send(route(server.port), call(), limits())
        assert server.requests[0].header(b"host") == (expected or f"provider.test:{server.port}".encode())


async def test_the_dialer_decides_every_address_also_for_literals(upstream: Upstream, dialer: PinnedDialer) -> None:
    async with scripted(echo) as server:
        for host in ("provider.test", "192.0.2.7", "2001:db8::1"):
            await upstream.send(route(server.port, host=host), call(), limits())
        assert dialer.asked == [(host, server.port) for host in ("provider.test", "192.0.2.7", "2001:db8::1")]
        hosts = [request.header(b"host") for request in server.requests]
        port = b":%d" % server.port
        assert hosts == [b"provider.test" + port, b"192.0.2.7" + port, b"[2001:db8::1]" + port]


async def test_the_next_address_is_tried_when_one_refuses(upstream: Upstream, dialer: PinnedDialer) -> None:
    dialer.answer = ["127.0.0.77", "127.0.0.1"]
    async with scripted(echo) as server:
        assert (await upstream.send(route(server.port), call(b"x"), limits())).body == b"x"


async def test_cookies_of_a_reply_are_not_kept(upstream: Upstream) -> None:
    async def script(peer: Any, number: int) -> None:
        while True:
            await peer.request()
            await peer.send(ok(b"", b"Set-Cookie: a=b; Path=/"))

    async with scripted(script) as server:
        for _ in range(2):
            await upstream.send(route(server.port), call(), limits())
        assert [request.header(b"cookie") for request in server.requests] == [None, None]


async def test_a_redirect_is_a_reply(upstream: Upstream) -> None:
    async def script(peer: Any, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        await peer.gone()

    async with scripted(script) as server:
        reply = await upstream.send(route(server.port), call(), limits())
        assert (reply.status, server.accepted, len(server.requests)) == (302, 1, 1)


async def test_proxy_variables_are_not_read(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with scripted(echo) as server:
        assert (await upstream.send(route(server.port), call(b"x"), limits())).body == b"x"


async def test_two_hundred_calls_share_one_connection(upstream: Upstream) -> None:
    async with scripted(echo) as server:
        for number in range(200):
            body = b"%d" % number
            assert (await upstream.send(route(server.port), call(body), limits())).body == body
        assert server.accepted == 1
