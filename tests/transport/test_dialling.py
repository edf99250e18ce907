"""What can go wrong before a request is out: each fault has its stage and kind, and `sent` is False."""

from __future__ import annotations

import asyncio
import socket

import pytest

from fairlead.errors import IllegalArgument, UnknownHost
from fairlead.transport.port import Kind, Stage, Upstream, UpstreamError
from sockets import silent_port
from transport.calls import call, limits, route
from transport.scripted import Peer, PinnedDialer, echo, ok, scripted


async def _fault(upstream: Upstream, port: int) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await upstream.send(route(port), call(), limits())
    assert not caught.value.sent
    return caught.value


async def test_a_closed_port_is_refused(upstream: Upstream) -> None:
    with silent_port() as port:
        fault = await _fault(upstream, port)
    assert (fault.stage, fault.kind, fault.reason) == (
        Stage.CONNECT,
        Kind.REFUSED,
        f"Connection refused: provider.test:{port}",
    )


async def test_no_address_at_all_is_unresolved(upstream: Upstream, dialer: PinnedDialer) -> None:
    dialer.answer = []
    fault = await _fault(upstream, 9)
    assert (fault.stage, fault.kind) == (Stage.DNS, Kind.UNRESOLVED)


async def test_a_resolver_failure_is_unresolved(upstream: Upstream, dialer: PinnedDialer) -> None:
    dialer.fault = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    fault = await _fault(upstream, 9)
    assert (fault.stage, fault.kind) == (Stage.DNS, Kind.UNRESOLVED)


async def test_an_address_without_a_route_is_unreachable(upstream: Upstream, dialer: PinnedDialer) -> None:
    dialer.answer = ["255.255.255.255"]
    fault = await _fault(upstream, 9)
    assert (fault.stage, fault.kind) == (Stage.CONNECT, Kind.UNREACHABLE)


@pytest.mark.parametrize("refusal", [IllegalArgument("private address"), UnknownHost("h: Name or service not known")])
async def test_what_the_guard_raises_passes_unchanged_and_frees_its_slot(
    upstream: Upstream, dialer: PinnedDialer, refusal: Exception
) -> None:
    async with scripted(echo) as server:
        dialer.fault = refusal
        for _ in range(3):
            with pytest.raises(type(refusal)) as caught:
                await upstream.send(route(server.port, cap=1, queue=0), call(), limits())
            assert caught.value is refusal
        assert server.accepted == 0
        dialer.fault = None
        await upstream.send(route(server.port, cap=1, queue=0), call(), limits())


async def test_a_stale_connection_is_a_reset_after_sending_unless_replay_is_allowed(upstream: Upstream) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(ok(b"%d" % number))
        if number == 0:
            # Read the next request, then close without an answer: it may have run.
            await peer.request()

    for replay in (False, True):
        async with scripted(script) as server:
            target = route(server.port)
            await upstream.send(target, call(), limits())
            if replay:
                assert (await upstream.send(target, call(replay=True), limits())).body == b"1"
                assert len(server.requests) == 3
                continue
            with pytest.raises(UpstreamError) as caught:
                await upstream.send(target, call(method=b"PUT"), limits())
            fault = caught.value
            assert (fault.stage, fault.kind, fault.sent, fault.status) == (Stage.HEAD, Kind.RESET, True, None)
            assert len(server.requests) == 2


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"POST"])
@pytest.mark.parametrize("replay", [False, True])
async def test_a_call_on_a_new_connection_is_never_sent_twice(upstream: Upstream, method: bytes, replay: bool) -> None:
    async def closes(peer: Peer, number: int) -> None:
        await peer.request()

    async with scripted(closes) as server:
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(route(server.port), call(method=method, replay=replay), limits())
        assert (caught.value.kind, caught.value.sent) == (Kind.RESET, True)
        assert len(server.requests) == 1


async def test_several_stale_connections_in_a_row_are_passed_over_by_a_replayable_call(upstream: Upstream) -> None:
    release = asyncio.Event()

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        if number < 3:
            await release.wait()
            await peer.send(ok(b"%d" % number))
            await peer.request()
        else:
            await peer.send(ok(b"fresh"))
            await peer.gone()

    async with scripted(script) as server:
        target = route(server.port)
        calls = [asyncio.create_task(upstream.send(target, call(), limits())) for _ in range(3)]
        await server.until(lambda: server.accepted == 3)
        release.set()
        await asyncio.gather(*calls)
        assert (await upstream.send(target, call(replay=True), limits())).body == b"fresh"


async def test_an_idle_connection_that_the_provider_closed_is_not_used(upstream: Upstream) -> None:
    async def once(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(ok(b"%d" % number))

    async with scripted(once) as server:
        for number in range(5):
            assert (await upstream.send(route(server.port), call(), limits())).body == b"%d" % number
            await server.until(lambda: server.open == 0)
            # Let the client's loop see the end that is already in its socket.
            await asyncio.sleep(0.05)
