"""The body of one streamed reply to pieces of text, as far as it has come: decoded, read, bounded. It never waits."""

from __future__ import annotations

from fairlead.engine.streaming import Dialect
from fairlead.engine.surrogates import Surrogates
from fairlead.errors import StatusFault
from fairlead.service.calls.usual_event import UsualEvent, learned
from fairlead.transport.events import DECODERS, MAX_EVENT

_LESSONS = 3
"""How often a stream is looked at for what its events have in common; in some it changes all the time."""


class StreamReading:
    """`fault`: why no more comes; what was read before it is good."""

    __slots__ = (
        "_between",
        "_decoder",
        "_dialect",
        "_lessons",
        "_reader",
        "_surrogates",
        "_usual",
        "any_event",
        "fault",
    )

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._decoder = DECODERS[dialect.format]()
        self._reader = dialect.reader()
        self._surrogates = Surrogates()
        self._usual: UsualEvent | None = None
        self._between = False
        self._lessons = _LESSONS
        self.any_event = False
        self.fault: StatusFault | None = None

    @property
    def ended(self) -> bool:
        """Whether the event that ends the stream has come."""
        return self._reader.ended

    @property
    def over(self) -> bool:
        """Whether nothing is read any more."""
        return self._reader.ended or self.fault is not None

    def feed(self, piece: bytes | None) -> list[str]:
        """The texts that the piece completes; None is the end of the body."""
        texts: list[str] = []
        usual = self._usual if self._between and not self._surrogates.waiting else None
        if usual is not None and piece is not None and len(piece) <= MAX_EVENT:
            at = usual.read(piece, texts)
            if at == len(piece):
                return texts
            piece = piece[at:]
        read: list[str] = []
        try:
            self._read(piece, read)
        except StatusFault as fault:
            self.fault = fault
        except RecursionError:
            self.fault = StatusFault("The provider sent an event that is nested too deeply", 502)
        texts += self._surrogates.joined(read)
        if piece is None or self.over:
            texts += self._surrogates.left()
        return texts

    def _read(self, piece: bytes | None, texts: list[str]) -> None:
        decoder, reader = self._decoder, self._reader
        events = decoder.end() if piece is None else decoder.feed(piece)
        self.any_event = self.any_event or bool(events)
        for event in events:
            texts += reader.read(event)
            if reader.ended:
                return
        if decoder.fault is not None:
            raise decoder.fault
        alone, self._between = self._between and len(events) == 1, decoder.idle
        if piece is not None and alone and self._between and self._lessons and len(texts) == 1:
            self._lessons -= 1
            self._usual = learned(piece, texts[0], DECODERS[self._dialect.format](), self._dialect.reader)
