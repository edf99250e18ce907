"""Bytes of a stream to events, whatever the cuts between them: server-sent events and lines of JSON; pure, bounded.

It reads no JSON and knows no provider. AWS's binary framing is fairlead.transport.event_stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from fairlead.domain.streaming import Event, Format
from fairlead.errors import StatusFault
from fairlead.transport.event_stream import AwsEvents

MAX_EVENT = 1 << 20
"""The largest event in bytes (spec/06, threat 19)."""

# Numbers, since for bytes that are no number `in` first makes, and throws away, an exception.
_CR, _LF = b"\r\n"


class Decoder(Protocol):
    """`fault`: why it decodes no more, a StatusFault 502 for what is no such stream, and for an event beyond MAX_EVENT. The
    events before it are given, wherever the pieces were cut."""

    fault: StatusFault | None

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete now."""
        ...

    def end(self) -> list[Event]:
        """What the end of the body completes."""
        ...

    @property
    def idle(self) -> bool:
        """Whether it stands between two events and holds nothing of either, so that a whole one may pass it by."""
        ...


class _Lines:
    """Cuts bytes into lines that end with LF, CR LF or CR, without their ends. `full`: a line has no end within
    MAX_EVENT."""

    __slots__ = ("_after_cr", "_parts", "_size", "full")

    def __init__(self) -> None:
        self.full = False
        self._parts: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._after_cr or _CR in data:
            data = self._without_cr(data)
        if _LF not in data:
            self._keep(data)
            return []
        if self._parts:
            data = b"".join([*self._parts, data])
            self._parts.clear()
            self._size = 0
        *lines, rest = data.split(b"\n")
        self._keep(rest)
        return lines

    @property
    def empty(self) -> bool:
        """Whether nothing waits for the rest of its line."""
        return not self._parts and not self._after_cr

    def end(self) -> bytes:
        rest = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return rest

    def _keep(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
            self._size += len(data)
            self.full = self._size > MAX_EVENT

    def _without_cr(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if data.endswith(b"\r"):
            self._after_cr = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class ServerSentEvents:
    """The event stream format of HTML 9.2.6, without `id` and `retry`. An event that the end of the body cuts off is
    given too: whether a stream was whole is for who knows its end."""

    __slots__ = ("_began", "_data", "_lines", "_name", "_size", "fault")

    def __init__(self) -> None:
        self.fault: StatusFault | None = None
        self._lines = _Lines()
        self._began = False
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        # Nearly every read brings one whole event of one line.
        if (
            data.startswith(b"data:")
            and data.endswith(b"\n\n")
            and data.find(b"\n") == len(data) - 2
            and _CR not in data
            and len(data) <= MAX_EVENT
            and self.idle
        ):
            return [Event("", data[5:-2].removeprefix(b" "))]
        return self._read(self._lines.feed(data))

    def end(self) -> list[Event]:
        return self._read([self._lines.end(), b""])

    @property
    def idle(self) -> bool:
        return self._began and not self._data and not self._name and self._lines.empty

    def _read(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            if not self._began:
                self._began = True
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append(Event(self._name, data))
                    self._data = []
                    self._size = 0
                self._name = ""
                continue
            name, _, value = line.partition(b":")
            if name == b"data":
                self._size += len(value) + 1
                if self._size > MAX_EVENT:
                    self.fault = too_large()
                    return events
                self._data.append(value.removeprefix(b" "))
            elif name == b"event":
                self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        if self._lines.full:
            self.fault = too_large()
        return events


class JsonLines:
    """A JSON value a line; blank lines mean nothing."""

    __slots__ = ("_lines", "fault")

    def __init__(self) -> None:
        self.fault: StatusFault | None = None
        self._lines = _Lines()

    def feed(self, data: bytes) -> list[Event]:
        events = self._read(self._lines.feed(data))
        if self._lines.full:
            self.fault = too_large()
        return events

    def end(self) -> list[Event]:
        return self._read([self._lines.end()])

    @property
    def idle(self) -> bool:
        return self._lines.empty

    def _read(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            if len(line) > MAX_EVENT:
                self.fault = too_large()
                break
            if line.strip():
                events.append(Event("", line))
        return events


def too_large() -> StatusFault:
    return StatusFault(f"The provider sent an event of more than {MAX_EVENT} bytes", 502)


DECODERS: Mapping[Format, Callable[[], Decoder]] = {
    Format.SSE: ServerSentEvents,
    Format.NDJSON: JsonLines,
    Format.AWS: lambda: AwsEvents(MAX_EVENT),
}
