"""A request body in pieces goes out as it is made, no faster than it is taken, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fairlead.transport.port import Call, Kind, Limits, Reply, Route, Stage, Upload, Upstream, UpstreamError
from transport.calls import limits, route
from transport.scripted import Peer, ok, scripted


def upload(pieces: AsyncIterator[bytes], length: int | None, *headers: tuple[bytes, bytes]) -> Call:
    return Call(b"POST", b"/v1/x", headers, b"", replay=True, upload=Upload(pieces, length))


async def of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65536


async def outcome(upstream: Upstream, target: Route, call: Call, wanted: Limits) -> Reply | BaseException:
    (result,) = await asyncio.gather(upstream.send(target, call, wanted), return_exceptions=True)
    return result


async def chunks(peer: Peer) -> list[bytes]:
    """A chunked body as its chunks."""
    found = []
    while size := int(await peer.reader.readuntil(b"\r\n"), 16):
        found.append(await peer.reader.readexactly(size))
        assert await peer.reader.readexactly(2) == b"\r\n"
    assert await peer.reader.readexactly(2) == b"\r\n"
    return found


async def takes_length(peer: Peer, number: int) -> None:
    while True:
        request = await peer.request()
        await peer.send(ok(request.body))


async def takes_chunks(peer: Peer, number: int) -> None:
    while True:
        await peer.request()
        await peer.send(ok(b"|".join(await chunks(peer))))


async def never_answers(peer: Peer, number: int) -> None:
    await peer.gone()


async def test_an_upload_of_known_length_is_framed_by_it_and_keeps_the_connection(upstream: Upstream) -> None:
    async with scripted(takes_length) as server:
        target = route(server.port)
        for _ in range(2):
            reply = await upstream.send(target, upload(of(b"one", b"", b"two"), 6, (b"X-A", b"b")), limits())
            assert reply.body == b"onetwo"
        assert server.accepted == 1
        head = server.requests[0]
        assert head.header(b"content-length") == b"6"
        assert head.header(b"transfer-encoding") is None


async def test_an_upload_of_unknown_length_goes_in_chunks_and_keeps_the_connection(upstream: Upstream) -> None:
    async with scripted(takes_chunks) as server:
        target = route(server.port)
        for _ in range(2):
            reply = await upstream.send(target, upload(of(b"one", b"", b"three"), None), limits())
            assert reply.body.replace(b"|", b"") == b"onethree"
        assert server.accepted == 1
        head = server.requests[0]
        assert head.header(b"transfer-encoding") == b"chunked"
        assert head.header(b"content-length") is None


async def test_a_streamed_reply_may_follow_an_upload(upstream: Upstream) -> None:
    async with (
        scripted(takes_chunks) as server,
        upstream.stream(route(server.port), upload(of(b"one"), None), limits()) as reply,
    ):
        assert b"".join([piece async for piece in reply]) == b"one"


async def test_each_piece_is_sent_when_it_is_made(upstream: Upstream) -> None:
    came = asyncio.Event()

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.reader.readexactly(len(b"3\r\none\r\n"))
        came.set()
        await chunks(peer)
        await peer.send(ok())
        await peer.gone()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        await came.wait()
        yield b"two"

    async with scripted(script) as server:
        assert (await upstream.send(route(server.port), upload(pieces(), None), limits())).status == 200


async def test_pieces_are_not_asked_for_while_the_provider_takes_none(upstream: Upstream) -> None:
    made = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal made
        async for piece in endless():
            made += len(piece)
            yield piece

    async def holds(peer: Peer, number: int) -> None:
        peer.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with scripted(holds) as server:
        result = await outcome(upstream, route(server.port), upload(counted(), None), limits(first_byte=0.3))
        assert isinstance(result, UpstreamError)
        assert (result.kind, result.sent) == (Kind.TIMEOUT, True)
        assert 0 < made < 50_000_000


async def test_time_that_the_caller_takes_for_a_piece_is_not_the_providers(upstream: Upstream) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for piece in (b"a", b"b"):
            await asyncio.sleep(0.9)
            yield piece

    async with scripted(takes_length) as server:
        reply = await upstream.send(route(server.port), upload(slow(), 2), limits(first_byte=0.8))
        assert reply.body == b"ab"


async def test_the_first_byte_is_waited_for_from_the_end_of_the_upload(upstream: Upstream) -> None:
    async with scripted(never_answers) as server:
        result = await outcome(upstream, route(server.port), upload(of(b"a"), 1), limits(first_byte=0.1))
        assert isinstance(result, UpstreamError)
        assert (result.stage, result.kind, result.sent) == (Stage.HEAD, Kind.TIMEOUT, True)
        await server.until(lambda: server.open == 0)


@pytest.mark.parametrize("length", [None, 10])
async def test_what_the_pieces_raise_the_call_raises_and_the_socket_is_closed(
    upstream: Upstream, length: int | None
) -> None:
    async def fails() -> AsyncIterator[bytes]:
        yield b"abc"
        raise LookupError("mine")

    async with scripted(never_answers) as server:
        target = route(server.port, cap=1, queue=0)
        assert isinstance(await outcome(upstream, target, upload(fails(), length), limits()), LookupError)
        await server.until(lambda: server.open == 0)


@pytest.mark.parametrize(("pieces", "length"), [((b"abc",), 2), ((b"abc",), 4), ((), 1)])
async def test_pieces_that_are_not_as_long_as_announced_are_a_fault_and_no_request(
    upstream: Upstream, pieces: tuple[bytes, ...], length: int
) -> None:
    async def reads(peer: Peer, number: int) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        body = await peer.reader.read()
        assert (b"Content-Length: %d" % length) in head
        assert len(body) < length or pieces == (b"abc",)

    async with scripted(reads) as server:
        result = await outcome(upstream, route(server.port), upload(of(*pieces), length), limits())
        assert isinstance(result, UpstreamError)
        assert (result.stage, result.kind, result.sent) == (Stage.SEND, Kind.PROTOCOL, True)
        await server.until(lambda: server.open == 0)


async def test_an_early_reply_ends_an_upload_and_its_connection(upstream: Upstream) -> None:
    async def refuses(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await peer.gone()

    async with scripted(refuses) as server:
        reply = await upstream.send(route(server.port), upload(endless(), None), limits())
        assert (reply.status, reply.body) == (413, b"no")
        await server.until(lambda: server.open == 0)


async def test_cancelling_an_upload_closes_the_socket_and_the_pieces(upstream: Upstream) -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with scripted(never_answers) as server:
        task = asyncio.create_task(upstream.send(route(server.port), upload(pieces(), None), limits()))
        await asyncio.wait_for(begun.wait(), 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        await server.until(lambda: server.open == 0)
        await asyncio.wait_for(closed.wait(), 30)


async def test_an_upload_is_never_sent_twice(upstream: Upstream) -> None:
    async def once(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(ok())
        await peer.request()

    async with scripted(once) as server:
        target = route(server.port)
        await upstream.send(target, upload(of(b"a"), 1), limits())
        result = await outcome(upstream, target, upload(of(b"a"), 1), limits())
        assert isinstance(result, UpstreamError)
        assert (result.kind, result.sent, len(server.requests)) == (Kind.RESET, True, 2)


@pytest.mark.parametrize(
    "call",
    [
        Call(b"POST", b"/", (), b"body", upload=Upload(of(b"x"), 1)),
        Call(b"POST", b"/", ((b"Content-Length", b"1"),), b"", upload=Upload(of(b"x"), None)),
    ],
    ids=["a body besides", "a length that is not known"],
)
async def test_an_upload_with_two_readings_is_refused_before_sending(upstream: Upstream, call: Call) -> None:
    async with scripted(never_answers) as server:
        result = await outcome(upstream, route(server.port), call, limits())
        assert isinstance(result, UpstreamError)
        assert (result.stage, result.sent, server.accepted) == (Stage.SEND, False, 0)
