"""A storm of calls, cancels, resets and lies: every call ends, gets its own reply or a fault, and nothing is left.

FAIRLEAD_STORM gives the number of calls for each adapter and loop.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from fairlead.errors import FairleadError
from fairlead.transport.owned.adapter import OwnedUpstream
from fairlead.transport.port import Route, Upload, Upstream, UpstreamError
from transport.calls import call, limits, route
from transport.scripted import Peer, Request, ok, scripted

_CALLS = int(os.environ.get("FAIRLEAD_STORM", "400"))
_CAP = 4
_QUEUE = 40


async def _stormy(peer: Peer, number: int) -> None:
    rnd = random.Random(number)
    while True:
        request = await peer.request()
        behaviour = rnd.randrange(20)
        if behaviour < 8:
            await peer.send(ok(request.body))
        elif not await _misbehave(peer, request, behaviour, rnd):
            return


async def _misbehave(peer: Peer, request: Request, behaviour: int, rnd: random.Random) -> bool:
    """Whether the connection goes on."""
    whole = ok(request.body)
    match behaviour:
        case 8:
            peer.reset()
        case 9:
            pass
        case 10:
            await peer.send(whole[: rnd.randrange(len(whole))])
        case 11:
            # A lie: kept by its words, closed at once.
            await peer.send(whole)
        case 12:
            await peer.send(whole[:-1])
            peer.reset()
        case 13:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n")
        case 14:
            await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + request.body)
        case 15:
            await peer.gone()
        case 16:
            await peer.send_in_pieces(whole, 3)
            return True
        case 17:
            size = b"%x\r\n" % len(request.body)
            await peer.send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", size, request.body, b"\r\n0\r\n\r\n"
            )
            return True
        case 18:
            await asyncio.sleep(rnd.random() * 0.02)
            await peer.send(whole)
            return True
        case _:
            await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n", whole)
            return True
    return False


async def _pieces(body: bytes, rnd: random.Random) -> AsyncIterator[bytes]:
    size = max(1, len(body) // 3)
    for at in range(0, len(body), size):
        if rnd.random() < 0.5:
            await asyncio.sleep(0)
        yield body[at : at + size]


async def _one(upstream: Upstream, target: Route, number: int) -> str:
    rnd = random.Random(number)
    body = b"call-%d" % number * rnd.choice([1, 1, 1, 5000])
    wanted = limits(pool=rnd.choice([0.05, 1.0]), first_byte=0.15, idle=0.15, total=1.0)
    asked = call(body, replay=rnd.random() < 0.3)
    if rnd.random() < 0.2:
        asked = msgspec.structs.replace(asked, body=b"", upload=Upload(_pieces(body, rnd), len(body)))
    try:
        async with asyncio.timeout(rnd.choice([None, None, None, 0.001, 0.01, 0.05])):
            if rnd.random() < 0.3:
                async with upstream.stream(target, asked, wanted) as reply:
                    if rnd.random() < 0.3:
                        return "left"
                    got = b"".join([piece async for piece in reply])
            else:
                got = (await upstream.send(target, asked, wanted)).body
    except UpstreamError as fault:
        return f"{fault.stage}/{fault.kind}"
    except TimeoutError:
        return "cancelled"
    return "answered" if got == body else f"wrong: {got[:40]!r}"


async def _storm(upstream: Upstream, target: Route) -> dict[str, int]:
    rnd = random.Random(1)
    tasks = []
    for number in range(_CALLS):
        tasks.append(asyncio.create_task(_one(upstream, target, number)))
        if rnd.random() < 0.2:
            await asyncio.sleep(rnd.random() * 0.01)
    async with asyncio.timeout(60):
        outcomes = await asyncio.gather(*tasks)
    return {outcome: outcomes.count(outcome) for outcome in set(outcomes)}


async def test_every_call_ends_with_its_own_reply_or_a_fault_and_nothing_is_left(upstream: Upstream) -> None:
    async with scripted(_stormy) as server:
        target = route(server.port, cap=_CAP, queue=_QUEUE)
        outcomes = await _storm(upstream, target)
        assert not [outcome for outcome in outcomes if outcome.startswith("wrong")]
        assert outcomes["answered"] > _CALLS // 20
        assert len(outcomes) > 5
        await upstream.close()
        await server.until(lambda: server.open == 0)


async def test_every_slot_is_free_after_a_storm(upstream: Upstream) -> None:
    held = asyncio.Event()
    calm = False
    stormy = 0

    async def script(peer: Peer, number: int) -> None:
        nonlocal stormy
        if not calm:
            stormy += 1
            try:
                return await _stormy(peer, number)
            finally:
                stormy -= 1
        request = await peer.request()
        await peer.server.notify()
        await held.wait()
        await peer.send(ok(request.body))
        return await peer.gone()

    async with scripted(script) as server:
        target = route(server.port, cap=_CAP, queue=_QUEUE)
        await _storm(upstream, target)
        calm = True
        # Kept connections still run the storm's script, which ends each of them sooner or later.
        async with asyncio.timeout(60):
            while stormy:
                await asyncio.gather(upstream.send(target, call(), limits(first_byte=0.2)), return_exceptions=True)
        before = len(server.requests)
        tasks = [asyncio.create_task(upstream.send(target, call(b"x"), limits())) for _ in range(_CAP)]
        await server.until(lambda: len(server.requests) >= before + _CAP)
        held.set()
        assert [reply.body for reply in await asyncio.gather(*tasks)] == [b"x"] * _CAP


@pytest.mark.parametrize("adapter", ["owned"], indirect=True)
async def test_the_cap_is_never_passed_at_any_turn_of_the_loop(upstream: OwnedUpstream) -> None:
    most = 0
    ended = False

    async def sample() -> None:
        nonlocal most
        while not ended:
            most = max([most, *(pool.open for pool in upstream.stats())])
            await asyncio.sleep(0)

    async with scripted(_stormy) as server:
        sampler = asyncio.create_task(sample())
        await _storm(upstream, route(server.port, cap=_CAP, queue=_QUEUE))
        ended = True
        await sampler
        assert most == _CAP
        await upstream.close()
        assert upstream.stats() == []


async def test_a_guard_that_refuses_now_and_then_costs_no_slot(upstream: Upstream, dialer: Any) -> None:
    rnd = random.Random(3)

    async def moody(host: str, port: int, reach: object = None) -> list[str]:
        await asyncio.sleep(0)
        if rnd.random() < 0.5:
            raise FairleadError("refused")
        return ["127.0.0.1"]

    dialer.addresses = moody

    async def once(peer: Peer, number: int) -> None:
        request = await peer.request()
        await peer.send(ok(request.body, b"Connection: close"))

    async with scripted(once) as server:
        target = route(server.port, cap=2, queue=200)
        results = await asyncio.gather(
            *(upstream.send(target, call(b"%d" % n), limits()) for n in range(100)), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, FairleadError)]
        assert 0 < len(refused) < 100
        assert all(isinstance(r, FairleadError) or r.body == b"%d" % n for n, r in enumerate(results))  # type: ignore[union-attr]
        dialer.addresses = dialer.__class__.addresses.__get__(dialer)
        assert (await upstream.send(route(server.port, cap=2, queue=0), call(b"x"), limits())).body == b"x"
