"""AWS's binary event stream to events: lengths, headers, payload, and both checksums looked at; pure, bounded.

Framing as in the AWS event stream encoding (application/vnd.amazon.eventstream). A message that breaks a rule ends the stream.
"""

from __future__ import annotations

import struct
from binascii import Error as Base64Fault
from binascii import a2b_base64
from collections.abc import Mapping
from zlib import crc32

import orjson

from fairlead.domain.streaming import Event
from fairlead.errors import StatusFault

_PRELUDE = struct.Struct(">III")
_OVERHEAD = 16
"""Prelude of 12 bytes and a checksum of 4."""
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Lengths of header values by their type; the others say theirs."""
_BYTES, _TEXT = 6, 7


class AwsEvents:
    """Events are named by `:event-type`; messages of type exception or error are faults, named by their kind. The payload
    of Bedrock's `chunk` events is unpacked from its Base64."""

    __slots__ = ("_buffer", "_max", "fault")

    def __init__(self, max_message: int) -> None:
        self.fault: StatusFault | None = None
        self._buffer = bytearray()
        self._max = max_message

    def feed(self, data: bytes) -> list[Event]:
        self._buffer += data
        events: list[Event] = []
        try:
            self._read(events)
        except StatusFault as fault:
            self.fault = fault
        return events

    def end(self) -> list[Event]:
        if self._buffer and self.fault is None:
            self.fault = _broken("it ends inside a message")
        return []

    def _read(self, events: list[Event]) -> None:
        """Adds the messages that are whole."""
        buffer, start = self._buffer, 0
        while len(buffer) - start >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(buffer, start)
            if crc32(buffer[start : start + 8]) != checksum:
                raise _broken("the checksum of a message's lengths is wrong")
            if total < _OVERHEAD + headers:
                raise _broken("the lengths of a message contradict each other")
            if total > self._max:
                raise StatusFault(f"The provider sent an event of more than {self._max} bytes", 502)
            if len(buffer) - start < total:
                break
            events.append(_event(bytes(buffer[start : start + total]), headers))
            start += total
        if start:
            del buffer[:start]

    @property
    def idle(self) -> bool:
        """Never: a checksum goes over all of a message, so none may pass it by."""
        return False


def _event(message: bytes, length: int) -> Event:
    if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
        raise _broken("the checksum of a message is wrong")
    headers = _headers(message[12 : 12 + length])
    payload = message[12 + length : -4]
    kind = headers.get(":message-type", "event")
    if kind == "event":
        name = headers.get(":event-type", "")
        return Event(name, _chunk(payload) if name == "chunk" else payload)
    if kind == "error":
        name = headers.get(":error-code", "error")
        return Event(name, payload or headers.get(":error-message", "").encode(), fault=True)
    return Event(headers.get(":exception-type", kind), payload, fault=True)


def _chunk(payload: bytes) -> bytes:
    """What InvokeModelWithResponseStream wraps: `{"bytes": Base64}`."""
    try:
        value = orjson.loads(payload)
        return a2b_base64(value["bytes"]) if isinstance(value, dict) and "bytes" in value else payload
    except (orjson.JSONDecodeError, Base64Fault, TypeError, ValueError):
        return payload


def _headers(block: bytes) -> Mapping[str, str]:
    """The headers that are texts."""
    found: dict[str, str] = {}
    at = 0
    while at < len(block):
        name_end = at + 1 + block[at]
        if name_end >= len(block):
            raise _broken("a header is cut off")
        name, kind = block[at + 1 : name_end].decode("utf-8", "replace"), block[name_end]
        at = name_end + 1
        if kind in (_BYTES, _TEXT):
            length = int.from_bytes(block[at : at + 2], "big")
            at += 2
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise _broken(f"a header has the unknown type {kind}")
        if at + length > len(block):
            raise _broken("a header is cut off")
        if kind == _TEXT:
            found[name] = block[at : at + length].decode("utf-8", "replace")
        at += length
    return found


def _broken(what: str) -> StatusFault:
    return StatusFault(f"The provider's event stream is broken: {what}", 502)
