"""Differential fuzz: our reading of a reply against h11's, whole against pieces.

FAIRLEAD_FUZZ=full reads 15,000 replies, a number reads as many.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

import h11
import pytest

from fairlead.transport.owned.wire import ReplyParser
from fairlead.transport.port import UpstreamError
from transport.owned.replies import cut, make_reply

_MODE = os.environ.get("FAIRLEAD_FUZZ", "3000")
_COUNT = 15_000 if _MODE == "full" else int(_MODE)
_BATCHES = 6


@dataclass(frozen=True)
class Read:
    """What a parser made of a reply: its status and body, or None when it refused."""

    status: int
    body: bytes
    keep: bool


def ours(pieces: list[bytes], head_request: bool) -> Read | None:
    """Our reading, ended by a close; anything but UpstreamError is a failure of the test."""
    parser = ReplyParser("h:1")
    parser.begin(head_request=head_request, max_body=1 << 20)
    try:
        for piece in pieces:
            if parser.feed(piece):
                break
        parser.end(None)
    except UpstreamError:
        return None
    return Read(parser.status, parser.take(), parser.keep)


def theirs(data: bytes, head_request: bool) -> Read | None:
    """h11's reading."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="HEAD" if head_request else "GET", target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        client.receive_data(data)
        client.receive_data(b"")
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return Read(status, body, client.their_state is h11.DONE)
            elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None


@pytest.mark.parametrize("batch", range(_BATCHES))
def test_whole_and_in_pieces_read_the_same_and_never_differ_from_h11(batch: int) -> None:
    both = 0
    for seed in range(batch, _COUNT, _BATCHES):
        data, head_request = make_reply(seed)
        whole = ours([data], head_request)
        pieces = ours(cut(data, seed), head_request)
        assert (whole is None) == (pieces is None), seed
        if whole is not None and pieces is not None:
            # Surplus in the same packet spoils the connection; in a later one it is the connection's to notice.
            assert (whole.status, whole.body) == (pieces.status, pieces.body), seed
            assert pieces.keep or not whole.keep, seed
        reference = theirs(data, head_request)
        if whole is not None and reference is not None:
            both += 1
            assert (whole.status, whole.body) == (reference.status, reference.body), seed
    assert both > _COUNT // _BATCHES // 5


@pytest.mark.parametrize("batch", range(_BATCHES))
def test_what_h11_refuses_and_we_take_leaves_no_doubt_about_the_framing(batch: int) -> None:
    for seed in range(batch, _COUNT, _BATCHES):
        data, head_request = make_reply(seed)
        taken = ours([data], head_request)
        if taken is None or theirs(data, head_request) is not None:
            continue
        # Whatever h11 dislikes, it may not be where the reply ends: without its last byte it must not be the same.
        # Line ends behind it are no message and no body (RFC 9112 2.2).
        if taken.keep and not data.endswith((b"\r", b"\n")):
            assert ours([data[:-1]], head_request) != taken, seed


def test_random_bytes_are_refused_and_nothing_else_is_raised() -> None:
    for seed in range(300):
        rnd = random.Random(seed)
        data = rnd.randbytes(rnd.randint(1, 200))
        assert ours([data], False) is None
        assert ours([b"HTTP/1.1 " + data], False) is None or data[:3].isdigit()
