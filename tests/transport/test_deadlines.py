"""Each deadline is told apart by the stage that it ended, and `sent` says whether the request may have run."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from fairlead.transport.deadlines import seconds_of, timed_out
from fairlead.transport.port import Kind, Stage, TlsPlan, Upstream, UpstreamError
from transport.calls import call, limits, route
from transport.scripted import Peer, PinnedDialer, echo, ok, scripted

_SHORT = 0.1


async def _fails(upstream: Upstream, target: object, wanted: object, body: bytes = b"") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await upstream.send(target, call(body), wanted)  # type: ignore[arg-type]
    assert caught.value.kind is Kind.TIMEOUT
    return caught.value


@contextlib.contextmanager
def _deaf_port() -> Iterator[int]:
    """A port whose listener accepts nobody more: further connects stay unanswered."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_name_that_is_not_resolved_in_time_is_a_dns_timeout_before_sending(
    upstream: Upstream, dialer: PinnedDialer
) -> None:
    async def never(host: str, port: int, reach: object = None) -> list[str]:
        await asyncio.Event().wait()
        return []

    dialer.addresses = never  # type: ignore[method-assign]
    fault = await _fails(upstream, route(9), limits(connect=_SHORT))
    assert (fault.stage, fault.sent, fault.status) == (Stage.DNS, False, None)


async def test_a_connect_that_is_not_answered_is_a_connect_timeout_before_sending(upstream: Upstream) -> None:
    with _deaf_port() as port:
        fault = await _fails(upstream, route(port), limits(connect=_SHORT))
    assert (fault.stage, fault.sent) == (Stage.CONNECT, False)
    assert fault.reason.startswith("Connection timed out")


async def test_a_tls_handshake_that_is_not_answered_times_out_before_sending(upstream: Upstream) -> None:
    async def silent(peer: Peer, number: int) -> None:
        await peer.gone()

    async with scripted(silent) as server:
        fault = await _fails(upstream, route(server.port, tls=TlsPlan()), limits(connect=_SHORT))
        assert fault.stage in (Stage.CONNECT, Stage.TLS)
        assert not fault.sent
        await server.until(lambda: server.open == 0)


async def test_no_first_byte_in_time_is_a_head_timeout_after_sending(upstream: Upstream) -> None:
    async def silent(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.gone()

    async with scripted(silent) as server:
        fault = await _fails(upstream, route(server.port), limits(first_byte=_SHORT))
        assert (fault.stage, fault.sent, fault.status) == (Stage.HEAD, True, None)
        assert fault.reason == f"Read timed out: no reply from provider.test:{server.port} within 0.1 s"
        await server.until(lambda: server.open == 0)


async def test_a_pause_inside_the_body_is_an_idle_timeout_with_the_status(upstream: Upstream) -> None:
    async def stalls(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhello")
        await peer.gone()

    async with scripted(stalls) as server:
        fault = await _fails(upstream, route(server.port), limits(idle=_SHORT))
        assert (fault.stage, fault.sent, fault.status) == (Stage.BODY, True, 201)
        assert "sent nothing for" in fault.reason
        await server.until(lambda: server.open == 0)


async def test_a_body_may_take_longer_than_the_first_byte_while_it_keeps_coming(upstream: Upstream) -> None:
    async def drips(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            await asyncio.sleep(0.1)
            await peer.send(b"x")
        await peer.gone()

    async with scripted(drips) as server:
        reply = await upstream.send(route(server.port), call(), limits(first_byte=1.0))
        assert reply.body == b"x" * 12


async def test_a_body_that_drips_within_the_idle_time_ends_at_the_total(upstream: Upstream) -> None:
    async def drips(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.01)

    async with scripted(drips) as server:
        fault = await _fails(upstream, route(server.port), limits(total=1.0))
        assert (fault.stage, fault.status) == (Stage.BODY, 200)
        assert "took longer than" in fault.reason


async def test_the_total_governs_the_first_byte_too(upstream: Upstream) -> None:
    async def silent(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.gone()

    async with scripted(silent) as server:
        fault = await _fails(upstream, route(server.port), limits(total=1.0))
        assert (fault.stage, fault.sent) == (Stage.HEAD, True)
        assert "took longer than" in fault.reason


async def test_a_request_that_the_provider_does_not_take_times_out(upstream: Upstream) -> None:
    async def deaf(peer: Peer, number: int) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with scripted(deaf) as server:
        fault = await _fails(upstream, route(server.port), limits(first_byte=_SHORT), b"x" * 20_000_000)
        assert (fault.stage in (Stage.SEND, Stage.HEAD), fault.sent) == (True, True)


async def test_interim_replies_do_not_move_the_first_byte_deadline(upstream: Upstream) -> None:
    async def hints(peer: Peer, number: int) -> None:
        await peer.request()
        for _ in range(16):
            await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await asyncio.sleep(0.05)
        await peer.gone()

    async with scripted(hints) as server:
        fault = await _fails(upstream, route(server.port), limits(first_byte=0.3))
        assert fault.stage is Stage.HEAD


async def test_a_call_within_its_deadlines_leaves_no_timer_that_ends_a_later_one(upstream: Upstream) -> None:
    async def slower(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(ok())
        await peer.request()
        await asyncio.sleep(1.1)
        await peer.send(ok())

    async with scripted(slower) as server:
        for within in (1, 10):  # the second call is waiting when the first one's time would be over
            wanted = limits(first_byte=within, idle=within, total=within)
            reply = await upstream.send(route(server.port), call(), wanted)
            assert reply.body == b"ok"
        assert server.accepted == 1


async def test_an_idle_connection_outlives_the_deadlines_of_its_last_call(upstream: Upstream) -> None:
    async with scripted(echo) as server:
        await upstream.send(route(server.port), call(), limits(first_byte=1.0, idle=1.0, total=1.0))
        await asyncio.sleep(1.1)
        await upstream.send(route(server.port), call(), limits())
        assert server.accepted == 1


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_has_words_and_a_deadline(stage: Stage) -> None:
    wanted = limits(pool=1, connect=2, first_byte=3, idle=4, total=5)
    fault = timed_out(stage, "h:1", wanted, total=False, sent=False)
    assert (fault.stage, fault.kind) == (stage, Kind.TIMEOUT)
    assert "h:1" in fault.reason
    assert f"{seconds_of(stage, wanted):g} s" in fault.reason
    assert "5 s" in timed_out(stage, "h:1", wanted, total=True, sent=True).reason
