"""Through an explicit proxy: CONNECT for https, absolute form for http; the guard is asked for both ends."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from fairlead.errors import IllegalArgument
from fairlead.transport.port import Kind, ProxyPlan, Reply, Stage, TlsPlan, Upstream, UpstreamError
from sockets import silent_port
from transport.calls import call, limits, route
from transport.certificates import Authority, Pair, server_context
from transport.scripted import Peer, PinnedDialer, Scripted, echo, ok, scripted

_KEY = b"Basic dTpw"


class Tunnel:
    """A proxy that tunnels every CONNECT to one port."""

    def __init__(self, to: Scripted, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.to = to
        self.answer = answer

    async def __call__(self, peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(self.answer)
        if b" 200 " not in self.answer:
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self.to.port)
        try:
            await asyncio.gather(self._pump(peer.reader, writer), self._pump(reader, peer.writer))
        finally:
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()


async def test_https_goes_through_a_tunnel_with_the_providers_name_and_certificate(
    upstream: Upstream, dialer: PinnedDialer, authority: Authority, server_pair: Pair
) -> None:
    async with scripted(echo, tls=server_context(server_pair)) as server, scripted(Tunnel(server)) as proxy:
        plan = ProxyPlan("proxy.test", proxy.port, _KEY)
        target = route(server.port, tls=TlsPlan(ca_pem=authority.pem), proxy=plan)
        for body in (b"one", b"two"):
            assert (await upstream.send(target, call(body, (b"X-Key", b"secret")), limits())).body == body
        connect = proxy.requests[0]
        assert connect.line == b"CONNECT provider.test:%d HTTP/1.1" % server.port
        assert connect.header(b"host") == b"provider.test:%d" % server.port
        assert connect.header(b"proxy-authorization") == _KEY
        assert connect.header(b"x-key") is None
        assert server.requests[0].header(b"proxy-authorization") is None
        assert (proxy.accepted, server.accepted) == (1, 1)
        assert dialer.asked == [("provider.test", server.port), ("proxy.test", proxy.port)]


async def test_http_goes_to_the_proxy_in_absolute_form(upstream: Upstream, dialer: PinnedDialer) -> None:
    async with scripted(echo) as proxy:
        target = route(8080, proxy=ProxyPlan("proxy.test", proxy.port, _KEY))
        for _ in range(2):
            reply = await upstream.send(target, call(b"x", target=b"/a/../b?q=%2F"), limits())
            assert reply.body == b"x"
        request = proxy.requests[0]
        assert request.line == b"POST http://provider.test:8080/a/../b?q=%2F HTTP/1.1"
        assert request.header(b"host") == b"provider.test:8080"
        assert request.header(b"proxy-authorization") == _KEY
        assert proxy.accepted == 1
        assert dialer.asked == [("provider.test", 8080), ("proxy.test", proxy.port)]


async def test_a_target_that_the_guard_refuses_is_not_reached_through_a_proxy(
    upstream: Upstream, dialer: PinnedDialer
) -> None:
    async def only_proxy(host: str, port: int, reach: object = None) -> list[str]:
        if host != "proxy.test":
            raise IllegalArgument("private address")
        return ["127.0.0.1"]

    dialer.addresses = only_proxy  # type: ignore[method-assign]
    async with scripted(echo) as proxy:
        target = route(80, host="169.254.169.254", proxy=ProxyPlan("proxy.test", proxy.port))
        with pytest.raises(IllegalArgument):
            await upstream.send(target, call(), limits())
        assert proxy.accepted == 0


@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"403 Forbidden", b"502 Bad Gateway"])
async def test_a_proxy_that_refuses_the_tunnel_is_a_proxy_fault_before_sending(
    upstream: Upstream, status: bytes
) -> None:
    async def refuses(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await peer.gone()

    async with scripted(refuses) as proxy:
        target = route(443, tls=TlsPlan(), proxy=ProxyPlan("proxy.test", proxy.port))
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(target, call(), limits())
        fault = caught.value
        assert (fault.stage, fault.kind, fault.sent, fault.status) == (Stage.PROXY, Kind.REFUSED, False, None)
        await proxy.until(lambda: proxy.open == 0)


async def test_a_proxy_that_does_not_listen_is_named_before_sending(upstream: Upstream) -> None:
    for tls in (None, TlsPlan()):
        with silent_port() as port, pytest.raises(UpstreamError) as caught:
            await upstream.send(route(80, tls=tls, proxy=ProxyPlan("proxy.test", port)), call(), limits())
        assert (caught.value.stage, caught.value.kind, caught.value.sent) == (Stage.PROXY, Kind.REFUSED, False)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 20"])
async def test_a_proxy_that_answers_nonsense_or_closes_is_a_fault_before_sending(
    upstream: Upstream, answer: bytes
) -> None:
    async def nonsense(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(answer)

    async with scripted(nonsense) as proxy:
        target = route(443, tls=TlsPlan(), proxy=ProxyPlan("proxy.test", proxy.port))
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(target, call(), limits())
        assert caught.value.kind in (Kind.RESET, Kind.PROTOCOL)
        assert (caught.value.stage, caught.value.sent) == (Stage.PROXY, False)


async def test_a_proxy_that_never_answers_is_a_timeout_before_sending(upstream: Upstream) -> None:
    async def silent(peer: Peer, number: int) -> None:
        await peer.gone()

    async with scripted(silent) as proxy:
        target = route(443, tls=TlsPlan(), proxy=ProxyPlan("proxy.test", proxy.port))
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(target, call(), limits(connect=0.1))
        assert (caught.value.kind, caught.value.sent) == (Kind.TIMEOUT, False)
        await proxy.until(lambda: proxy.open == 0)


@pytest.mark.parametrize("surplus", [ok(b"evil"), b"junk"])
async def test_bytes_that_a_proxy_sends_behind_its_answer_never_reach_the_tls_or_the_reply(
    upstream: Upstream, adapter: str, authority: Authority, server_pair: Pair, surplus: bytes
) -> None:
    async with scripted(echo, tls=server_context(server_pair)) as server:
        answer = b"HTTP/1.1 200 OK\r\n\r\n" + surplus
        async with scripted(Tunnel(server, answer)) as proxy:
            plan = ProxyPlan("proxy.test", proxy.port)
            target = route(server.port, tls=TlsPlan(ca_pem=authority.pem), proxy=plan)
            sending = upstream.send(target, call(b"mine"), limits(connect=1.0) if adapter == "aiohttp" else limits())
            (result,) = await asyncio.gather(sending, return_exceptions=True)
            if adapter == "owned":
                assert isinstance(result, UpstreamError)
                assert (result.stage, result.kind) == (Stage.PROXY, Kind.PROTOCOL)
            assert result.body == b"mine" if isinstance(result, Reply) else not result.sent  # type: ignore[union-attr]


@pytest.fixture
def proxy_pair(authority: Authority) -> Pair:
    return authority.issue("proxy.test")


async def test_a_tunnel_through_a_proxy_with_tls_is_tls_inside_tls(
    upstream: Upstream, adapter: str, authority: Authority, server_pair: Pair, proxy_pair: Pair
) -> None:
    async with (
        scripted(echo, tls=server_context(server_pair)) as server,
        scripted(Tunnel(server), tls=server_context(proxy_pair)) as proxy,
    ):
        trust = TlsPlan(ca_pem=authority.pem)
        target = route(server.port, tls=trust, proxy=ProxyPlan("proxy.test", proxy.port, _KEY, trust))
        if adapter == "aiohttp":
            with pytest.raises(UpstreamError, match="no TLS to a proxy"):
                await upstream.send(target, call(b"x"), limits())
            assert proxy.accepted == 0
            return
        for body in (b"one", b"x" * 300_000):
            assert (await upstream.send(target, call(body, (b"X-Key", b"secret")), limits())).body == body
        assert proxy.requests[0].header(b"x-key") is None
        assert server.requests[0].header(b"proxy-authorization") is None
        assert (proxy.accepted, server.accepted) == (1, 1)


@pytest.mark.parametrize("adapter", ["owned"], indirect=True)
async def test_plain_http_through_a_proxy_with_tls_shows_the_call_to_the_proxy_only(
    upstream: Upstream, authority: Authority, proxy_pair: Pair
) -> None:
    async with scripted(echo, tls=server_context(proxy_pair)) as proxy:
        target = route(8080, proxy=ProxyPlan("proxy.test", proxy.port, _KEY, TlsPlan(ca_pem=authority.pem)))
        assert (await upstream.send(target, call(b"x"), limits())).body == b"x"
        assert proxy.requests[0].line == b"POST http://provider.test:8080/v1/x HTTP/1.1"


@pytest.mark.parametrize("adapter", ["owned"], indirect=True)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_whose_certificate_is_not_trusted_hears_nothing_of_the_call(
    upstream: Upstream, stranger: Authority, proxy_pair: Pair, scheme: str
) -> None:
    async with scripted(echo, tls=server_context(proxy_pair)) as proxy:
        plan = ProxyPlan("proxy.test", proxy.port, _KEY, TlsPlan(ca_pem=stranger.pem))
        target = route(443, tls=TlsPlan() if scheme == "https" else None, proxy=plan)
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(target, call(), limits())
        assert (caught.value.kind, caught.value.sent) == (Kind.CERTIFICATE, False)
        assert proxy.requests == []


@pytest.mark.parametrize("adapter", ["owned"], indirect=True)
async def test_a_provider_inside_tls_of_a_proxy_must_have_a_certificate_of_its_own(
    upstream: Upstream, authority: Authority, stranger: Authority, server_pair: Pair, proxy_pair: Pair
) -> None:
    async with (
        scripted(echo, tls=server_context(server_pair)) as server,
        scripted(Tunnel(server), tls=server_context(proxy_pair)) as proxy,
    ):
        plan = ProxyPlan("proxy.test", proxy.port, None, TlsPlan(ca_pem=authority.pem))
        target = route(server.port, tls=TlsPlan(ca_pem=stranger.pem), proxy=plan)
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(target, call(), limits())
        assert (caught.value.stage, caught.value.kind, caught.value.sent) == (Stage.TLS, Kind.CERTIFICATE, False)
        assert server.requests == []
        await proxy.until(lambda: proxy.open == 0)
