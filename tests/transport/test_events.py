"""Decoders: every cut of a body gives the same events, and what is no stream is refused within bounds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from fairlead.domain.streaming import Event, Format
from fairlead.errors import StatusFault
from fairlead.transport.events import DECODERS, MAX_EVENT
from streams import aws_message, converse

CASES = json.loads((Path(__file__).parent / "cases" / "events.json").read_text(encoding="utf-8"))
ROWS = [(Format(kind), case) for kind, cases in CASES.items() for case in cases]
CHUNK = aws_message({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":"eyJhIjoxfQ=="}')
AWS = (
    converse("messageStart", {"role": "assistant"})
    + CHUNK
    + converse("throttlingException", {"message": "slow"}, "exception")
    + aws_message({":message-type": "error", ":error-code": "Gone", ":error-message": "away"}, b"")
)
AWS_EVENTS = [
    Event("messageStart", b'{"role": "assistant"}'),
    Event("chunk", b'{"a":1}'),
    Event("throttlingException", b'{"message": "slow"}', fault=True),
    Event("Gone", b"away", fault=True),
]


def decoded(format: Format, pieces: Iterable[bytes]) -> list[Event]:
    decoder = DECODERS[format]()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.end()
    if decoder.fault is not None:
        raise decoder.fault
    return events


@pytest.mark.parametrize(("format", "case"), ROWS, ids=lambda value: value if isinstance(value, str) else value["name"])
def test_every_cut_of_a_body_gives_the_same_events(format: Format, case: dict[str, Any]) -> None:
    body, wanted = case["body"].encode(), [Event(name, data.encode()) for name, data in case["events"]]
    assert decoded(format, [body]) == wanted
    assert decoded(format, [bytes([byte]) for byte in body]) == wanted
    for first in range(len(body) + 1):
        for second in range(first, len(body) + 1):
            assert decoded(format, [body[:first], b"", body[first:second], body[second:]]) == wanted


def test_every_cut_of_a_binary_body_gives_the_same_events() -> None:
    assert decoded(Format.AWS, [AWS]) == AWS_EVENTS
    assert decoded(Format.AWS, [bytes([byte]) for byte in AWS]) == AWS_EVENTS
    for cut in range(len(AWS) + 1):
        assert decoded(Format.AWS, [AWS[:cut], AWS[cut:]]) == AWS_EVENTS


def test_a_changed_byte_anywhere_in_a_binary_message_is_found() -> None:
    message = converse("contentBlockDelta", {"delta": {"text": "hello"}})
    for at in range(len(message)):
        changed = message[:at] + bytes([message[at] ^ 0x41]) + message[at + 1 :]
        with pytest.raises(StatusFault) as caught:
            decoded(Format.AWS, [changed])
        assert caught.value.status == 502


@pytest.mark.parametrize("cut", range(1, len(CHUNK)))
def test_a_binary_body_that_ends_inside_a_message_is_refused(cut: int) -> None:
    with pytest.raises(StatusFault, match="ends inside a message"):
        decoded(Format.AWS, [CHUNK[:cut]])


@pytest.mark.parametrize("block", [b"\x05ab", b"\x01a\x0c", b"\x01a\x07\x00\x09x", b"\x01a"])
def test_headers_that_are_cut_off_or_of_an_unknown_type_are_refused(block: bytes) -> None:
    whole = aws_message({}, block)
    # The same bytes with the block counted as headers: both checksums are right, only the block is not.
    head = whole[:4] + len(block).to_bytes(4, "big")
    with pytest.raises(StatusFault, match="header"):
        decoded(Format.AWS, [resealed(head, block)])


def resealed(prelude: bytes, rest: bytes) -> bytes:
    head = prelude + crc32(prelude).to_bytes(4, "big")
    return head + rest + crc32(head + rest).to_bytes(4, "big")


def test_other_types_of_headers_are_passed_over() -> None:
    block = b"\x01a\x00" + b"\x01b\x04\x00\x00\x00\x07" + b"\x01c\x06\x00\x02hi" + b"\x0b:event-type\x07\x00\x01x"
    prelude = (16 + len(block)).to_bytes(4, "big") + len(block).to_bytes(4, "big")
    assert decoded(Format.AWS, [resealed(prelude, block)]) == [Event("x", b"")]


ENDLESS = {
    "a line of data": (Format.SSE, b"data: ", b"x" * 65_536),
    "many lines of data": (Format.SSE, b"", b"data: " + b"x" * 1000 + b"\n"),
    "a line of JSON": (Format.NDJSON, b'{"a":"', b"x" * 65_536),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_event_without_end_is_refused_when_it_passes_its_bound(name: str) -> None:
    format, first, more = ENDLESS[name]
    decoder = DECODERS[format]()
    decoder.feed(first)
    pieces = [more] * (2 * MAX_EVENT // len(more))
    assert not any(decoder.feed(piece) for piece in pieces if decoder.fault is None)
    assert "more than 1048576 bytes" in str(decoder.fault)


def test_a_binary_message_that_announces_too_much_is_refused_before_it_comes() -> None:
    prelude = (MAX_EVENT + 1).to_bytes(4, "big") + bytes(4)
    decoder = DECODERS[Format.AWS]()
    assert decoder.feed(resealed(prelude, b"")[:12]) == []
    assert f"more than {MAX_EVENT} bytes" in str(decoder.fault)


BROKEN = {
    "text behind the bound": (Format.SSE, b"data: a\n\n", b"data: " + b"x" * MAX_EVENT),
    "lines behind the bound": (Format.SSE, b"data: a\n\n", b"data: " + b"x" * MAX_EVENT + b"\n"),
    "a value behind the bound": (Format.NDJSON, b"1\n", b"x" * MAX_EVENT + b"x\n"),
    "a value without end": (Format.NDJSON, b"1\n", b"x" * MAX_EVENT + b"x"),
    "a wrong checksum": (Format.AWS, CHUNK, CHUNK[:-1] + b"!"),
    "contradicting lengths": (Format.AWS, CHUNK, b"\x00" * 16),
}


@pytest.mark.parametrize("name", BROKEN)
def test_events_before_a_fault_are_given_wherever_the_body_is_cut(name: str) -> None:
    format, good, bad = BROKEN[name]
    wanted = decoded(format, [good])
    for pieces in ([good + bad], [good, bad], [good[:-1], good[-1:] + bad]):
        decoder = DECODERS[format]()
        assert [event for piece in pieces for event in decoder.feed(piece)] == wanted
        assert decoder.fault is not None
