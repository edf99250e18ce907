"""A pool opens at most `cap` connections, holds at most `queue` callers, serves them in order and loses none."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.transport.port import Kind, Stage, Upstream, UpstreamError
from transport.calls import call, limits, route
from transport.scripted import Peer, PinnedDialer, echo, ok, scripted


class Held:
    """A provider that answers when told."""

    def __init__(self) -> None:
        self.release = asyncio.Event()

    async def __call__(self, peer: Peer, number: int) -> None:
        while True:
            request = await peer.request()
            await peer.server.notify()
            await self.release.wait()
            await peer.send(ok(request.body))


async def test_ten_calls_on_cap_three_and_queue_five_are_eight_answers_and_two_refusals(upstream: Upstream) -> None:
    held = Held()
    async with scripted(held) as server:
        target = route(server.port, cap=3, queue=5)
        tasks = [asyncio.create_task(upstream.send(target, call(b"%d" % n), limits())) for n in range(10)]
        await server.until(lambda: len(server.requests) == 3)
        held.release.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [r.body for r in results if not isinstance(r, BaseException)] == [b"%d" % n for n in range(8)]
        faults = [r for r in results if isinstance(r, UpstreamError)]
        assert [(f.stage, f.kind, f.sent) for f in faults] == [(Stage.POOL, Kind.FULL, False)] * 2
        assert (server.peak, server.accepted) == (3, 3)


async def test_a_wait_past_the_pool_limit_is_a_pool_timeout_also_while_all_are_connecting(upstream: Upstream) -> None:
    held = Held()
    async with scripted(held) as server:
        target = route(server.port, cap=1, queue=5)
        first = asyncio.create_task(upstream.send(target, call(), limits()))
        await asyncio.sleep(0)
        with pytest.raises(UpstreamError) as caught:
            await upstream.send(target, call(), limits(pool=0.05))
        assert (caught.value.stage, caught.value.kind, caught.value.sent) == (Stage.POOL, Kind.TIMEOUT, False)
        held.release.set()
        await first
        assert len(server.requests) == 1


async def test_waiting_calls_are_served_in_the_order_they_came(upstream: Upstream) -> None:
    held = Held()
    async with scripted(held) as server:
        target = route(server.port, cap=1, queue=20)
        tasks = []
        for number in range(10):
            tasks.append(asyncio.create_task(upstream.send(target, call(b"%d" % number), limits())))
            await asyncio.sleep(0)
        held.release.set()
        await asyncio.gather(*tasks)
        assert [request.body for request in server.requests] == [b"%d" % number for number in range(10)]


async def test_a_cancelled_waiter_leaves_its_place_to_the_next(upstream: Upstream) -> None:
    held = Held()
    async with scripted(held) as server:
        target = route(server.port, cap=1, queue=2)
        first = asyncio.create_task(upstream.send(target, call(b"first"), limits()))
        await server.until(lambda: len(server.requests) == 1)
        waiting = asyncio.create_task(upstream.send(target, call(b"cancelled"), limits()))
        last = asyncio.create_task(upstream.send(target, call(b"last"), limits()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        held.release.set()
        assert (await first).body == b"first"
        assert (await last).body == b"last"
        assert [request.body for request in server.requests] == [b"first", b"last"]


@pytest.mark.parametrize("phase", ["head", "body"])
async def test_cancelling_a_call_closes_its_socket_at_once_and_frees_its_slot(upstream: Upstream, phase: str) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.server.notify()
        if number == 0:
            if phase == "body":
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            await peer.gone()
            return
        await peer.send(ok(b"next"))
        await peer.gone()

    async with scripted(script) as server:
        target = route(server.port, cap=1, queue=0)
        task = asyncio.create_task(upstream.send(target, call(), limits()))
        await server.until(lambda: len(server.requests) == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        await server.until(lambda: server.open == 0)
        assert (await upstream.send(target, call(), limits())).body == b"next"


async def test_cancelling_a_call_whose_body_is_not_taken_closes_its_socket_at_once(upstream: Upstream) -> None:
    async def deaf(peer: Peer, number: int) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.server.requests.append(None)  # type: ignore[arg-type]
        await peer.server.notify()
        peer.writer.transport.pause_reading()
        released.set()
        await asyncio.sleep(0.05)
        peer.writer.transport.resume_reading()
        await peer.gone()

    released = asyncio.Event()
    async with scripted(deaf) as server:
        task = asyncio.create_task(upstream.send(route(server.port), call(b"x" * 50_000_000), limits()))
        await released.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.until(lambda: server.open == 0)


async def test_a_slot_comes_back_after_every_kind_of_failure(upstream: Upstream) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        if number % 3 == 0:
            return
        if number % 3 == 1:
            await peer.send(b"nonsense\r\n\r\n")
            return
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")

    async with scripted(script) as server:
        target = route(server.port, cap=1, queue=0)
        for _ in range(9):
            with pytest.raises(UpstreamError) as caught:
                await upstream.send(target, call(), limits())
            assert caught.value.stage is not Stage.POOL
        assert server.accepted == 9


async def test_routes_do_not_share_connections(upstream: Upstream) -> None:
    async with scripted(echo) as server:
        for cap in (1, 2, 3):
            await upstream.send(route(server.port, cap=cap), call(), limits())
        assert server.accepted == 3


async def test_closing_the_client_closes_every_socket_and_ends_every_call(upstream: Upstream) -> None:
    held = Held()
    async with scripted(held) as server:
        target = route(server.port, cap=2, queue=2)
        tasks = [asyncio.create_task(upstream.send(target, call(), limits())) for _ in range(4)]
        await server.until(lambda: len(server.requests) == 2)
        await upstream.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, UpstreamError) for result in results)
        held.release.set()
        await server.until(lambda: server.open == 0)
        with pytest.raises(UpstreamError, match="closed"):
            await upstream.send(target, call(), limits())


async def test_closing_the_client_while_a_call_is_dialling_sends_nothing(
    upstream: Upstream, dialer: PinnedDialer
) -> None:
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(host: str, port: int, reach: object = None) -> list[str]:
        asked.set()
        await go_on.wait()
        return ["127.0.0.1"]

    dialer.addresses = slow  # type: ignore[method-assign]
    async with scripted(echo) as server:
        task = asyncio.create_task(upstream.send(route(server.port), call(), limits()))
        await asked.wait()
        await upstream.close()
        go_on.set()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, UpstreamError)
        assert not outcome.sent
        assert not server.requests
        await server.until(lambda: server.open == 0)
