"""What a reply's bytes mean: the reply as it is, or one fault with its stage, kind and status; never something else."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from fairlead.transport.port import Upstream, UpstreamError
from transport.calls import call, limits, route
from transport.scripted import Peer, ok, scripted

_CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases/replies.json").read_text("utf-8"))["cases"]


def _bytes(part: Any) -> bytes:
    if isinstance(part, str):
        return part.encode("latin-1")
    if "repeat" in part:
        text, times = part["repeat"]
        return str(text).encode("latin-1") * int(times)
    if "gzip" in part:
        return gzip.compress(_bytes(part["gzip"]), mtime=0)[: part.get("cut")]
    if "zlib" in part:
        return zlib.compress(_bytes(part["zlib"]))
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(_bytes(part["deflate"])) + deflater.flush()


def _fits(case: dict[str, Any], pieces: str) -> bool:
    if pieces == "whole":
        return True
    # A reply that nobody asked for can only be told from the next one while no call is out.
    return not case["name"].startswith(("junk", "a second")) and sum(len(_bytes(part)) for part in case["send"]) < 2000


@pytest.mark.parametrize("pieces", ["whole", "bytes"])
@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
async def test_a_reply_is_read_as_its_case_says(
    upstream: Upstream, adapter: str, case: dict[str, Any], pieces: str
) -> None:
    if adapter not in case.get("only", [adapter]) or not _fits(case, pieces):
        pytest.skip("not for this adapter or size")
    case = case | case.get(adapter, {})
    data = b"".join(_bytes(part) for part in case["send"])

    async def script(peer: Peer, number: int) -> None:
        while await peer.request():
            if len(peer.server.requests) > 1:
                await peer.send(ok(b"next"))
                continue
            await (peer.send(data) if pieces == "whole" else peer.send_in_pieces(data))
            if case.get("end") == "reset":
                peer.reset()
            if "end" in case:
                break

    async with scripted(script) as server:
        target = route(server.port, cap=1)
        sending = upstream.send(
            target,
            call(method=case.get("method", "POST").encode()),
            limits(max_body=case.get("max_body", 1 << 20)),
        )
        if "fault" in case:
            with pytest.raises(UpstreamError) as caught:
                await sending
            fault = caught.value
            assert [fault.stage, fault.kind] in case["fault"]
            assert fault.sent
            if fault.stage == "body":
                assert fault.status == case["fault_status"]
        else:
            reply = await sending
            assert (reply.status, reply.body) == (case["status"], case["body"].encode("latin-1"))
            if "headers" in case:
                wanted = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in case["headers"]]
                assert reply.headers == wanted
        after = await upstream.send(target, call(b"again"), limits())
        assert after.body == b"next"
        if "fault" not in case:
            assert (server.accepted == 1) == case["keeps"]
        elif adapter == "owned" or caught.value.stage == "head":
            assert server.accepted == 2


async def test_two_hundred_thousand_chunks_of_one_byte_are_one_body(upstream: Upstream) -> None:
    count = 200_000

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * count, b"0\r\n\r\n")
        await peer.gone()

    async with scripted(script) as server:
        reply = await upstream.send(route(server.port), call(), limits())
        assert reply.body == b"x" * count


async def test_an_early_reply_to_a_body_that_is_still_being_sent_is_the_reply(upstream: Upstream) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await peer.gone()

    async with scripted(script) as server:
        target = route(server.port, cap=1)
        for _ in range(2):
            reply = await upstream.send(target, call(b"x" * 20_000_000), limits())
            assert (reply.status, reply.body) == (413, b"big")
        assert server.accepted == 2


async def test_junk_in_a_later_packet_ends_an_idle_connection_and_reaches_no_call(
    upstream: Upstream, adapter: str
) -> None:
    first_is_read, junk_is_sent = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(ok(b"%d" % number))
        if number == 0:
            await first_is_read.wait()
            await peer.send(ok(b"evil"))
            junk_is_sent.set()
            await peer.gone()
        else:
            await peer.request()
            await peer.send(ok(b"late"))

    async with scripted(script) as server:
        target = route(server.port, cap=1)
        assert (await upstream.send(target, call(), limits())).body == b"0"
        first_is_read.set()
        await junk_is_sent.wait()
        for _ in range(3):
            # What is in the socket is read in the next turn of the loop.
            await asyncio.sleep(0)
        if adapter == "owned":
            await server.until(lambda: server.open == 0)
        assert (await upstream.send(target, call(), limits())).body == b"1"
        assert (await upstream.send(target, call(), limits())).body == b"late"


@pytest.mark.parametrize("size", [65_536, 65_537, 350_000, 9_000_000])
async def test_a_large_body_of_known_length_arrives_whole_and_keeps_the_connection(
    upstream: Upstream, size: int
) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]

    async def script(peer: Peer, number: int) -> None:
        while await peer.request():
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            await peer.send(body[:10], body[10:])

    async with scripted(script) as server:
        for _ in range(3):
            reply = await upstream.send(route(server.port), call(), limits(max_body=size))
            assert reply.body == body
            assert type(reply.body) is bytes
        assert server.accepted == 1


@pytest.mark.parametrize("end", ["close", "reset", "stall", "surplus"])
async def test_a_large_body_that_goes_wrong_is_the_same_fault_as_a_small_one(
    upstream: Upstream, adapter: str, end: str
) -> None:
    if end == "surplus" and adapter == "aiohttp":
        pytest.skip("aiohttp looks for surplus only when it takes the socket out again")

    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        if number:
            await peer.send(ok(b"next"))
            await peer.gone()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", b"x" * 150_000)
        if end == "reset":
            peer.reset()
        elif end == "stall":
            await peer.gone()
        elif end == "surplus":
            await peer.send(b"x" * 50_000 + ok(b"evil"))
            await peer.gone()

    async with scripted(script) as server:
        target = route(server.port, cap=1)
        sending = upstream.send(target, call(), limits(idle=0.2) if end == "stall" else limits())
        if end == "surplus":
            assert (await sending).body == b"x" * 200_000
            await server.until(lambda: server.open == 0)
        else:
            with pytest.raises(UpstreamError) as caught:
                await sending
            assert caught.value.kind == ("timeout" if end == "stall" else "reset")
            if end != "reset":
                assert (caught.value.stage, caught.value.status) == ("body", 200)
        assert (await upstream.send(target, call(), limits())).body == b"next"
