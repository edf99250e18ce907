"""Content codings: what is inflated and how far, which replies are compressed."""

from __future__ import annotations

import gzip
import os
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.coding import FREE_BYTES, MAX_MEMBERS, MIN_REPLY, GzipSend, Message, decoded, inflate, wants_gzip
from fairlead.errors import FairleadError, PlainFault, StatusFault

MEGABYTE = 1 << 20
OBJECT = gzip.compress(b"{}", mtime=0)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
@pytest.mark.parametrize("size", [0, 1, 100_000])
async def test_a_coded_body_comes_out_as_it_went_in(coding: str, pack: Any, size: int) -> None:
    data = os.urandom(size)
    assert await decoded(pack(data), coding, MEGABYTE) == data


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
async def test_no_coding_is_the_body_itself(coding: str) -> None:
    assert await decoded(b"x", coding, 10) == b"x"


async def test_an_unknown_coding_is_a_415_and_an_empty_body_has_none() -> None:
    assert await decoded(b"", "br", 10) == b""
    with pytest.raises(PlainFault) as caught:
        await decoded(b"x", "br", 10)
    assert caught.value.status == 415


def test_several_gzip_members_are_one_body_but_not_without_end() -> None:
    member = gzip.compress(b"ab")
    assert inflate(member * MAX_MEMBERS, "gzip", 1000) == b"ab" * MAX_MEMBERS
    with pytest.raises(StatusFault) as caught:
        inflate(member * (MAX_MEMBERS + 1), "gzip", 1000)
    assert caught.value.status == 400


def test_a_body_that_grows_past_the_limit_is_a_413() -> None:
    assert len(inflate(gzip.compress(b"a" * 5000), "gzip", 5000)) == 5000
    with pytest.raises(StatusFault) as caught:
        inflate(gzip.compress(b"a" * 5001), "gzip", 5000)
    assert (caught.value.status, caught.value.reason) == (
        413,
        "The request body is larger than 5000 bytes without its gzip coding",
    )


def test_a_bomb_is_a_400_long_before_the_limit() -> None:
    with pytest.raises(StatusFault) as caught:
        inflate(gzip.compress(bytes(64 * MEGABYTE)), "gzip", 1024 * MEGABYTE)
    assert (caught.value.status, caught.value.reason) == (
        400,
        "The request body expands to more than 200 times its size",
    )


def test_small_bodies_may_grow_as_they_like() -> None:
    assert len(inflate(gzip.compress(bytes(FREE_BYTES)), "gzip", 1024 * MEGABYTE)) == FREE_BYTES


@pytest.mark.parametrize(
    "body",
    [b"{}", OBJECT[:-1], OBJECT + b"x", zlib.compress(b"{}"), OBJECT[:-8] + bytes(8)],
)  # fmt: skip
def test_what_is_no_gzip_is_a_400(body: bytes) -> None:
    with pytest.raises(StatusFault) as caught:
        inflate(body, "gzip", 1000)
    assert caught.value.status == 400


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60), coding=st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_inflated_or_refused(body: bytes, coding: str) -> None:
    status = 200
    try:
        inflate(body, coding, 1000)
    except FairleadError as fault:
        status = fault.status
    assert status in (200, 400, 413)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"gzip", True),
        (b"GZIP", True),
        (b"gzip, deflate, br", True),
        (b"br;q=1.0, gzip;q=0.8", True),
        (b"x-gzip", True),
        (b"*", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"*, gzip;q=0", False),
        (b"*;q=0", False),
        (b"identity", False),
        (b"br", False),
        (b"", False),
    ],
)
def test_gzip_is_for_who_takes_it(header: bytes, wanted: bool) -> None:
    assert wants_gzip({b"host": b"x", b"accept-encoding": header}) is wanted


def test_nobody_gets_gzip_unasked() -> None:
    assert wants_gzip({b"host": b"x"}) is False


async def replied(*messages: Message) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    wrapped = GzipSend(send)
    for message in messages:
        await wrapped(message)
    return sent


def start(*headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


@pytest.mark.parametrize("size", [MIN_REPLY, 200_000])
async def test_a_whole_reply_that_is_worth_it_is_compressed(size: int) -> None:
    body = b"1," * (size // 2)
    head, tail = await replied(
        start((b"Content-Length", str(size).encode())), {"type": "http.response.body", "body": body}
    )
    headers = dict(head["headers"])
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"vary"] == b"Accept-Encoding"
    assert headers[b"content-length"] == str(len(tail["body"])).encode()
    assert b"Content-Length" not in headers
    assert gzip.decompress(tail["body"]) == body


@pytest.mark.parametrize(
    "messages",
    [
        (start((b"content-length", b"2")), {"type": "http.response.body", "body": b"{}"}),
        (start((b"content-length", b"5000"), (b"content-encoding", b"br")), {"type": "http.response.body", "body": b"x" * 5000}),
        (start(), {"type": "http.response.body", "body": b"x" * 5000, "more_body": True}, {"type": "http.response.body"}),
        (start((b"content-length", b"5000")), {"type": "http.response.body", "body": b"x" * 4000, "more_body": True}, {"type": "http.response.body", "body": b"x" * 1000}),
        (start((b"content-length", b"5000")), {"type": "http.response.body"}),
    ],
)  # fmt: skip
async def test_small_coded_and_streaming_replies_pass_untouched(messages: tuple[Message, ...]) -> None:
    assert await replied(*messages) == list(messages)


async def test_the_head_of_a_stream_does_not_wait_for_its_body() -> None:
    assert await replied(start()) == [start()]
