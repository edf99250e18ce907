"""What only the owned client does: parallel dials, withdrawn addresses, idle eviction, drain, events, HEAD, sweep."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from fairlead.errors import IllegalArgument
from fairlead.transport.owned import adapter, dial, pool
from fairlead.transport.owned.adapter import OwnedUpstream
from fairlead.transport.owned.connection import Connection
from fairlead.transport.owned.pool import PoolEvent
from fairlead.transport.port import Kind, Limits, Stage, UpstreamError
from sockets import silent_port
from transport.calls import call, limits, route
from transport.scripted import Peer, PinnedDialer, echo, ok, scripted


@pytest.fixture
def events() -> list[PoolEvent]:
    return []


@pytest_asyncio.fixture
async def owned(dialer: PinnedDialer, events: list[PoolEvent]) -> AsyncIterator[OwnedUpstream]:
    client = OwnedUpstream(dialer, observe=events.append)
    yield client
    await client.close()


async def test_an_address_that_does_not_answer_costs_its_head_start_only(
    owned: OwnedUpstream, dialer: PinnedDialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "_STAGGER_SECONDS", 0.02)
    async with scripted(echo) as live:
        with contextlib.ExitStack() as stack:
            deaf = stack.enter_context(socket.socket())
            deaf.bind(("127.0.0.2", live.port))
            deaf.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(deaf.getsockname())
            dialer.answer = ["127.0.0.2", "127.0.0.1"]
            assert (await owned.send(route(live.port), call(b"live"), limits(connect=30.0))).body == b"live"


async def test_when_every_address_fails_the_first_ones_fault_is_told(
    owned: OwnedUpstream, dialer: PinnedDialer
) -> None:
    dialer.answer = ["127.0.0.1", "255.255.255.255"]
    with silent_port() as port, pytest.raises(UpstreamError) as caught:
        await owned.send(route(port), call(), limits())
    assert (caught.value.stage, caught.value.kind) == (Stage.CONNECT, Kind.REFUSED)


@pytest.mark.parametrize("refused", [False, True])
async def test_a_kept_connection_to_a_withdrawn_address_is_dropped_at_the_next_look(
    owned: OwnedUpstream,
    dialer: PinnedDialer,
    events: list[PoolEvent],
    monkeypatch: pytest.MonkeyPatch,
    refused: bool,
) -> None:
    monkeypatch.setattr(pool, "REFRESH_SECONDS", -1.0)
    monkeypatch.setattr(pool, "FORGET_SECONDS", -1.0)
    async with scripted(echo) as server:
        target = route(server.port)
        await owned.send(target, call(), limits())
        if refused:
            dialer.fault = IllegalArgument("no longer")
        else:
            dialer.answer = ["127.0.0.9"]
        await owned.send(target, call(), limits())
        await server.until(lambda: server.open == 0)
        assert [event.name for event in events] == ["dialled", "withdrawn"]
        assert len(server.requests) == 2


async def test_a_name_service_that_is_away_withdraws_nothing(
    owned: OwnedUpstream, dialer: PinnedDialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "REFRESH_SECONDS", -1.0)
    async with scripted(echo) as server:
        target = route(server.port)
        await owned.send(target, call(), limits())
        dialer.fault = socket.gaierror(socket.EAI_AGAIN, "later")
        for _ in range(3):
            await owned.send(target, call(), limits())
            await asyncio.sleep(0)
        assert server.accepted == 1


async def test_a_connection_idle_for_too_long_is_closed_and_its_pool_forgotten(
    owned: OwnedUpstream, events: list[PoolEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "KEEP_IDLE_SECONDS", 0.02)
    monkeypatch.setattr(adapter, "_IDLE_TICK_SECONDS", 0.05)
    async with scripted(echo) as server:
        await owned.send(route(server.port), call(), limits())
        assert [(stats.open, stats.idle) for stats in owned.stats()] == [(1, 1)]
        await server.until(lambda: server.open == 0)
        assert events[-1].name == "expired"
        async with asyncio.timeout(10):
            while owned.stats():  # noqa: ASYNC110 -- nothing tells of it
                await asyncio.sleep(0.01)
        await owned.send(route(server.port), call(), limits())
        assert server.accepted == 2


async def test_a_drain_refuses_new_calls_lets_the_others_end_and_closes(owned: OwnedUpstream) -> None:
    release = asyncio.Event()

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.server.notify()
        await release.wait()
        await peer.send(ok(b"late"))
        await peer.gone()

    async with scripted(script) as server:
        target = route(server.port)
        task = asyncio.create_task(owned.send(target, call(), limits()))
        await server.until(lambda: len(server.requests) == 1)
        draining = asyncio.create_task(owned.drain(5.0))
        await asyncio.sleep(0)
        with pytest.raises(UpstreamError, match="closed"):
            await owned.send(target, call(), limits())
        release.set()
        assert (await task).body == b"late"
        await draining
        await server.until(lambda: server.open == 0)


async def test_a_drain_ends_calls_that_outlast_its_grace(owned: OwnedUpstream) -> None:
    async def silent(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.server.notify()
        await peer.gone()

    async with scripted(silent) as server:
        task = asyncio.create_task(owned.send(route(server.port), call(), limits()))
        await server.until(lambda: len(server.requests) == 1)
        await owned.drain(0.0)
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, UpstreamError)
        assert outcome.sent


async def test_closing_in_a_reply_that_ends_with_the_connection_is_no_whole_reply(owned: OwnedUpstream) -> None:
    async def endless(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await peer.server.notify()
        await peer.gone()

    async with scripted(endless) as server:
        task = asyncio.create_task(owned.send(route(server.port), call(), limits()))
        await server.until(lambda: len(server.requests) == 1)
        await owned.close()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, UpstreamError)


async def test_a_server_that_closes_at_once_is_no_call_sent_or_a_reset(owned: OwnedUpstream) -> None:
    async def closes(peer: Peer, number: int) -> None:
        peer.reset()

    async with scripted(closes) as server:
        for _ in range(20):
            with pytest.raises(UpstreamError) as caught:
                await owned.send(route(server.port, cap=1, queue=0), call(), limits())
            assert caught.value.kind is Kind.RESET


async def test_an_observer_hears_of_dials_and_failed_dials_and_of_no_kept_call(
    owned: OwnedUpstream, events: list[PoolEvent], dialer: PinnedDialer
) -> None:
    async with scripted(echo) as server:
        for _ in range(5):
            await owned.send(route(server.port), call(), limits())
        assert [event.name for event in events] == ["dialled"]
        assert events[0].seconds >= 0
        (stats,) = owned.stats()
        assert (stats.dialled, stats.reused, stats.idle, stats.waiting) == (1, 4, 1, 0)
        dialer.fault = IllegalArgument("no")
        with pytest.raises(IllegalArgument):
            await owned.send(route(server.port, cap=1), call(), limits())
        assert events[-1].name == "dial_failed"


async def test_two_hundred_calls_that_wait_for_a_first_byte_all_end(owned: OwnedUpstream) -> None:
    async def silent(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.gone()

    async with scripted(silent) as server:
        target = route(server.port, cap=200, queue=0)
        results = await asyncio.gather(
            *(owned.send(target, call(), limits(first_byte=0.3)) for _ in range(200)), return_exceptions=True
        )
        kinds = {result.kind for result in results if isinstance(result, UpstreamError)}
        assert kinds == {Kind.TIMEOUT}
        assert len(results) == 200


async def test_a_call_that_follows_a_closed_one_dials_only_when_its_socket_is_gone(
    owned: OwnedUpstream, dialer: PinnedDialer
) -> None:
    seen = []

    async def counts(host: str, port: int, reach: object = None) -> list[str]:
        seen.append([stats.open for stats in owned.stats()])
        return ["127.0.0.1"]

    dialer.addresses = counts  # type: ignore[method-assign]

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(ok(b"body"))
        await peer.gone()

    async with scripted(script) as server:
        target = route(server.port, cap=1, queue=0)
        for _ in range(5):
            async with owned.stream(target, call(), limits()):
                pass
        assert seen == [[1]] * 5


async def test_a_new_connection_that_is_gone_before_its_call_is_a_reset_before_sending(
    owned: OwnedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = dial.Dial.connect

    async def lost(self: dial.Dial, wanted: Limits, total: float, make: Callable[[], Connection]) -> object:
        connection, addresses = await connect(self, wanted, total, make)
        connection.abort()
        for _ in range(5):
            await asyncio.sleep(0)
        return connection, addresses

    async with scripted(echo) as server:
        target = route(server.port, cap=1, queue=0)
        with monkeypatch.context() as patched:
            patched.setattr(dial.Dial, "connect", lost)
            for _ in range(3):
                with pytest.raises(UpstreamError) as caught:
                    await owned.send(target, call(), limits())
                assert (caught.value.kind, caught.value.sent) == (Kind.RESET, False)
        assert (await owned.send(target, call(b"x"), limits())).body == b"x"


async def test_a_kept_connection_that_is_being_closed_is_not_taken(owned: OwnedUpstream) -> None:
    async with scripted(echo) as server:
        target = route(server.port, cap=1, queue=0)
        await owned.send(target, call(), limits())
        owned._lanes[target].pool._idle[0].abort()
        assert (await owned.send(target, call(b"x"), limits())).body == b"x"
        assert server.accepted == 2
