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


class Decoder(Protocol):
    """Raises StatusFault 502 for what is no such stream, and for an event beyond MAX_EVENT."""

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
    """Cuts bytes into lines that end with LF, CR LF or CR, without their ends."""

    __slots__ = ("_after_cr", "_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._after_cr or b"\r" in data:
            data = self._without_cr(data)
        if b"\n" not in data:
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
            if self._size > MAX_EVENT:
                raise too_large()

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

    __slots__ = ("_began", "_data", "_lines", "_name", "_size")

    def __init__(self) -> None:
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
            and b"\r" not in data
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
                    raise too_large()
                self._data.append(value.removeprefix(b" "))
            elif name == b"event":
                self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        return events


class JsonLines:
    """A JSON value a line; blank lines mean nothing."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines = _Lines()

    def feed(self, data: bytes) -> list[Event]:
        return [_line(line) for line in self._lines.feed(data) if line.strip()]

    def end(self) -> list[Event]:
        rest = self._lines.end()
        return [_line(rest)] if rest.strip() else []

    @property
    def idle(self) -> bool:
        return self._lines.empty


def _line(line: bytes) -> Event:
    if len(line) > MAX_EVENT:
        raise too_large()
    return Event("", line)


def too_large() -> StatusFault:
    return StatusFault(f"The provider sent an event of more than {MAX_EVENT} bytes", 502)


DECODERS: Mapping[Format, Callable[[], Decoder]] = {
    Format.SSE: ServerSentEvents,
    Format.NDJSON: JsonLines,
    Format.AWS: lambda: AwsEvents(MAX_EVENT),
}
