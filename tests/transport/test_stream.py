"""A streamed reply comes as it is sent; leaving it closes the socket, reading it whole keeps it."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from fairlead.transport.port import Kind, Limits, Route, Stage, Upstream, UpstreamError
from transport.calls import call, limits, route
from transport.scripted import Peer, echo, ok, scripted

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _collect(
    upstream: Upstream, target: Route, wanted: Limits, got: list[bytes], told: asyncio.Event | None = None
) -> None:
    """Read a stream to its end; what came is in `got` even when it fails."""
    async with upstream.stream(target, call(), wanted) as reply:
        async for piece in reply:
            got.append(piece)
            if told is not None:
                told.set()


async def test_the_head_is_there_before_the_body_and_each_piece_as_it_is_sent(upstream: Upstream) -> None:
    step = asyncio.Event()

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD)
        for piece in (b"one", b"two"):
            await step.wait()
            step.clear()
            await peer.send(_chunk(piece))
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    async with scripted(script) as server, upstream.stream(route(server.port), call(), limits()) as reply:
        assert reply.status == 200
        assert reply.headers[0] == (b"Content-Type", b"text/event-stream")
        pieces = aiter(reply)
        for expected in (b"one", b"two"):
            step.set()
            assert await anext(pieces) == expected
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)


async def test_a_stream_read_to_its_end_keeps_the_connection(upstream: Upstream) -> None:
    async with scripted(echo) as server:
        for _ in range(3):
            async with upstream.stream(route(server.port), call(b"abc"), limits()) as reply:
                assert b"".join([piece async for piece in reply]) == b"abc"
        assert server.accepted == 1


@pytest.mark.parametrize("read", [0, 1])
async def test_leaving_a_stream_early_closes_the_socket(upstream: Upstream, read: int) -> None:
    async def endless(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await peer.gone()

    async with scripted(endless) as server:
        async with upstream.stream(route(server.port, cap=1, queue=0), call(), limits()) as reply:
            if read:
                assert await anext(aiter(reply)) == b"one"
        await server.until(lambda: server.open == 0)


async def test_an_exception_in_the_reader_passes_and_closes_the_socket(upstream: Upstream) -> None:
    async def endless(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await peer.gone()

    async with scripted(endless) as server:

        async def fails() -> None:
            async with upstream.stream(route(server.port), call(), limits()) as reply:
                async for _ in reply:
                    raise LookupError

        with pytest.raises(LookupError):
            await fails()
        await server.until(lambda: server.open == 0)


async def test_cancelling_a_reader_closes_the_socket(upstream: Upstream) -> None:
    async def endless(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await peer.gone()

    started = asyncio.Event()

    async with scripted(endless) as server:

        async def read() -> None:
            async with upstream.stream(route(server.port), call(), limits()) as reply:
                async for _ in reply:
                    started.set()

        task = asyncio.create_task(read())
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        await server.until(lambda: server.open == 0)


async def test_a_provider_is_held_back_while_nobody_reads(upstream: Upstream) -> None:
    sent = 0
    full = asyncio.Event()

    async def floods(peer: Peer, number: int) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        block = b"x" * 65536
        try:
            while sent < 200_000_000:
                async with asyncio.timeout(0.3):
                    await peer.send(block)
                sent += len(block)
        except TimeoutError:
            full.set()
        await peer.gone()

    async with scripted(floods) as server:
        wanted = limits(max_body=1 << 30)
        async with upstream.stream(route(server.port), call(), wanted) as reply:
            assert len(await anext(aiter(reply))) > 0
            await asyncio.wait_for(full.wait(), 30)
            assert sent < 50_000_000


async def test_a_held_back_stream_goes_on_when_read_again(upstream: Upstream) -> None:
    size = 30_000_000

    async def sends(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, b"x" * size)
        await peer.request()
        await peer.send(ok(b"kept"))

    async with scripted(sends) as server:
        target = route(server.port)
        total = 0
        async with upstream.stream(target, call(), limits(max_body=size)) as reply:
            async for piece in reply:
                if total == 0:
                    await asyncio.sleep(0.05)
                total += len(piece)
        assert total == size
        assert (await upstream.send(target, call(), limits())).body == b"kept"


async def test_time_that_the_reader_takes_is_not_idle_time(upstream: Upstream) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"), _chunk(b"two"), b"0\r\n\r\n")
        await peer.gone()

    async with scripted(script) as server:
        got = b""
        async with upstream.stream(route(server.port), call(), limits(idle=0.8)) as reply:
            async for piece in reply:
                await asyncio.sleep(0.9)
                got += piece
        assert got == b"onetwo"


async def test_a_pause_of_the_provider_ends_a_stream_after_what_came(upstream: Upstream) -> None:
    async def stalls(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await peer.gone()

    async with scripted(stalls) as server:
        got: list[bytes] = []
        with pytest.raises(UpstreamError) as caught:
            await _collect(upstream, route(server.port), limits(idle=0.5), got)
        assert got == [b"one"]
        assert (caught.value.stage, caught.value.kind, caught.value.status) == (Stage.BODY, Kind.TIMEOUT, 200)
        await server.until(lambda: server.open == 0)


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_stream_cut_short_gives_what_came_and_then_the_fault(upstream: Upstream, end: str) -> None:
    read = asyncio.Event()

    async def cuts(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await read.wait()
        if end == "reset":
            peer.reset()

    async with scripted(cuts) as server:
        got: list[bytes] = []
        with pytest.raises(UpstreamError) as caught:
            await _collect(upstream, route(server.port), limits(), got, read)
        assert got == [b"one"]
        fault = caught.value
        assert (fault.stage, fault.sent, fault.status) == (Stage.BODY, True, 200)
        assert fault.kind in (Kind.RESET, Kind.PROTOCOL)


async def test_a_stream_past_the_body_limit_ends_with_too_large(upstream: Upstream) -> None:
    async def floods(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD)
        while True:
            await peer.send(_chunk(b"x" * 1000))

    async with scripted(floods) as server:
        got: list[bytes] = []
        with pytest.raises(UpstreamError) as caught:
            await _collect(upstream, route(server.port), limits(max_body=10_000), got)
        assert sum(map(len, got)) <= 10_000
        assert (caught.value.stage, caught.value.kind) == (Stage.BODY, Kind.TOO_LARGE)


async def test_a_compressed_stream_is_decoded_as_it_comes(upstream: Upstream) -> None:
    step = asyncio.Event()
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.send(_chunk(packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH)))
        await step.wait()
        await peer.send(_chunk(packer.compress(b"two") + packer.flush()), b"0\r\n\r\n")
        await peer.gone()

    async with scripted(script) as server, upstream.stream(route(server.port), call(), limits()) as reply:
        pieces = aiter(reply)
        assert await anext(pieces) == b"one"
        step.set()
        assert b"".join([piece async for piece in pieces]) == b"two"
        assert all(name.lower() != b"content-encoding" for name, _ in reply.headers)


async def test_a_fault_before_the_head_is_raised_on_entering(upstream: Upstream) -> None:
    async def closes(peer: Peer, number: int) -> None:
        await peer.request()

    async with scripted(closes) as server:
        with pytest.raises(UpstreamError) as caught:
            await _collect(upstream, route(server.port), limits(), [])
        assert caught.value.stage is Stage.HEAD


async def test_an_unread_empty_reply_neither_harms_nor_blocks_the_next_call(upstream: Upstream) -> None:
    async def empty(peer: Peer, number: int) -> None:
        while True:
            request = await peer.request()
            await peer.send(ok(request.body))

    async with scripted(empty) as server:
        target = route(server.port, cap=1, queue=4)

        async def other(number: int) -> bytes:
            return (await upstream.send(target, call(b"%d" % number), limits())).body

        for _ in range(5):
            async with upstream.stream(target, call(), limits()):
                tasks = [asyncio.create_task(other(number)) for number in range(3)]
                await asyncio.sleep(0)
            assert await asyncio.gather(*tasks) == [b"0", b"1", b"2"]


async def test_leaving_an_unread_empty_reply_does_not_end_the_call_that_has_its_connection_now(
    upstream: Upstream,
) -> None:
    release = asyncio.Event()

    async def script(peer: Peer, number: int) -> None:
        while True:
            request = await peer.request()
            await peer.server.notify()
            if request.body:
                await release.wait()
            await peer.send(ok(request.body))

    async with scripted(script) as server:
        target = route(server.port, cap=2)
        async with upstream.stream(target, call(), limits()):
            task = asyncio.create_task(upstream.send(target, call(b"other"), limits()))
            await server.until(lambda: len(server.requests) == 2)
        release.set()
        assert (await task).body == b"other"


async def test_leaving_a_reply_that_came_before_the_request_was_out_drops_the_rest_of_the_request(
    upstream: Upstream,
) -> None:
    left = asyncio.Event()
    size = 50_000_000
    received = 0

    async def script(peer: Peer, number: int) -> None:
        nonlocal received
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(_HEAD, _chunk(b"one"))
        peer.writer.transport.pause_reading()
        await left.wait()
        peer.writer.transport.resume_reading()
        while data := await peer.reader.read(1 << 20):
            received += len(data)

    async with scripted(script) as server:
        async with upstream.stream(route(server.port), call(b"x" * size), limits()) as reply:
            assert await anext(aiter(reply)) == b"one"
        left.set()
        await server.until(lambda: server.open == 0)
        assert received < size


async def _spoken(peer: Peer, number: int) -> None:
    """A reply in three pieces and its end."""
    await peer.request()
    await peer.send(_HEAD)
    for piece in (b"one", b"two", b"three"):
        await peer.send(_chunk(piece))
        await asyncio.sleep(0)
    await peer.send(b"0\r\n\r\n")
    await peer.gone()


async def test_pumping_gives_every_byte_and_keeps_the_connection(upstream: Upstream) -> None:
    async with scripted(echo) as server:
        for _ in range(2):
            got: list[bytes] = []

            def take(piece: bytes, got: list[bytes] = got) -> bool:
                got.append(piece)
                return True

            async with upstream.stream(route(server.port), call(b"abc" * 1000), limits()) as reply:
                assert await reply.pump(take) is False
            assert b"".join(got) == b"abc" * 1000
        assert server.accepted == 1


async def test_pumping_stops_when_the_taker_says_so_and_goes_on_where_it_stopped(upstream: Upstream) -> None:
    async with scripted(_spoken) as server, upstream.stream(route(server.port), call(), limits()) as reply:
        got: list[bytes] = []

        def one(piece: bytes) -> bool:
            got.append(piece)
            return False

        turns = 0
        while await reply.pump(one):
            turns += 1
            assert len(got) == turns, "nothing is taken between two pumps"
            await asyncio.sleep(0.01)
        assert b"".join(got) == b"onetwothree"


async def test_a_pump_can_stop_and_the_rest_be_read_piece_by_piece(upstream: Upstream) -> None:
    async with scripted(_spoken) as server, upstream.stream(route(server.port), call(), limits()) as reply:
        got: list[bytes] = []

        def first(piece: bytes) -> bool:
            got.append(piece)
            return False

        assert await reply.pump(first) is True
        got += [piece async for piece in reply]
        assert b"".join(got) == b"onetwothree"


async def test_what_the_taker_raises_is_raised_and_closes_the_socket(upstream: Upstream) -> None:
    async def endless(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await peer.gone()

    def fails(piece: bytes) -> bool:
        raise LookupError

    async with scripted(endless) as server:
        with pytest.raises(LookupError):
            async with upstream.stream(route(server.port), call(), limits()) as reply:
                await reply.pump(fails)
        await server.until(lambda: server.open == 0)


async def test_a_fault_behind_a_piece_comes_after_it(upstream: Upstream) -> None:
    came = asyncio.Event()

    async def cut(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await came.wait()
        await peer.send(b"zz\r\n")
        await peer.gone()

    got: list[bytes] = []

    def take(piece: bytes) -> bool:
        got.append(piece)
        came.set()
        return True

    async with scripted(cut) as server, upstream.stream(route(server.port), call(), limits()) as reply:
        with pytest.raises(UpstreamError) as caught:
            await reply.pump(take)
        assert (got, caught.value.stage) == ([b"one"], Stage.BODY)


async def test_a_provider_that_falls_silent_under_a_pump_is_late(upstream: Upstream) -> None:
    async def silent(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(_HEAD, _chunk(b"one"))
        await peer.gone()

    async with scripted(silent) as server, upstream.stream(route(server.port), call(), limits(idle=0.2)) as reply:
        with pytest.raises(UpstreamError) as caught:
            await reply.pump(lambda piece: True)
        assert (caught.value.stage, caught.value.kind) == (Stage.BODY, Kind.TIMEOUT)
