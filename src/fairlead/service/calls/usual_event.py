"""The event that a stream repeats, known by its bytes: only its text differs, which is read without decoding or parsing it.

It is learned from an event that was decoded and read, and tried on another before it is used. What differs from it by a
byte outside the text, or holds an escape or a character that is not printable, is left to decoder and reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from fairlead.engine.stream_readers import Reader
from fairlead.transport.events import Decoder

_PROBE = "fairlead probes the event"
_BETWEEN = b"\n"
"""Brings a new decoder past the beginning of its stream; no event in any framing."""


@dataclass(frozen=True, slots=True)
class UsualEvent:
    """All bytes of an event, framing included, up to its text and from its end on, quotes included."""

    head: bytes
    tail: bytes

    def read(self, piece: bytes, texts: list[str]) -> int:
        """Adds the texts of the usual events with which the piece begins; how many bytes they take."""
        head, tail, at = self.head, self.tail, 0
        while piece.startswith(head, at):
            begin = at + len(head)
            end = piece.find(b'"', begin)
            if end <= begin or not piece.startswith(tail, end):
                break
            try:
                text = piece[begin:end].decode()
            except UnicodeDecodeError:
                break
            if "\\" in text or not text.isprintable():
                break
            texts.append(text)
            at = end + len(tail)
        return at


def learned(piece: bytes, text: str, decoder: Decoder, reader: Callable[[], Reader]) -> UsualEvent | None:
    """What the piece, which is one whole event that says `text`, has in common with others of its kind; None when its text
    is not all that its meaning depends on. `decoder` is a new one."""
    try:
        token = orjson.dumps(text)
    except TypeError:  # half a surrogate pair
        return None
    if piece.count(token) != 1:
        return None
    head, _, tail = piece.partition(token)
    usual = UsualEvent(head + b'"', b'"' + tail)
    decoder.feed(_BETWEEN)
    events = decoder.feed(usual.head + _PROBE.encode() + usual.tail)
    alone = len(events) == 1 and decoder.idle and decoder.fault is None
    return usual if alone and reader().says_only(events[0], _PROBE) else None
