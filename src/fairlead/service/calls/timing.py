"""Where one predict's time went, for a caller who asks (`fairlead-timing: 1`). Nobody else's predict is timed by it."""

from __future__ import annotations

from contextvars import ContextVar

TIMING: ContextVar[Timing | None] = ContextVar("fairlead.timing", default=None)
"""The timing of the predict that runs, if its caller asked; calls that run at once share it."""


class Timing:
    """Seconds by part. Calls to providers that ran at once are added up, so that a part may be longer than the whole."""

    __slots__ = ("decode", "interpret", "prepare", "started", "upstream")

    def __init__(self, started: float) -> None:
        self.started = started
        self.decode = self.prepare = self.upstream = self.interpret = 0.0

    def header(self, now: float) -> str:
        """The value of `Server-Timing`, in milliseconds (W3C Server Timing 3.1)."""
        parts = {
            "decode": self.decode,
            "prepare": self.prepare,
            "upstream": self.upstream,
            "interpret": self.interpret,
            "total": now - self.started,
        }
        return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in parts.items())
