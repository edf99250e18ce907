"""A guard over a stream: text leaves only after it was checked together with what follows it. It closes when in doubt.

Each check reads a window: what waits, and some of what has left, so that a phrase cut into pieces is still one. At the end
the whole text is read once more, as far as it is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from fairlead.service.guards.guard import Watch
from fairlead.service.guards.judge import Judge
from fairlead.service.text_stream import Sink, TextStream

LOOK_BACK = 4
"""How many times the held back length a window reaches back beyond what waits."""
MAX_WHOLE = 65_536
"""The longest text in characters that is kept to be read whole at the end."""
JUDGED_STEP = 512
"""New characters after which a judging model is asked; patterns are read with every batch."""


class GuardedStream:
    """A stream of text behind a guard that looks at replies, of which the last `hold` characters wait."""

    __slots__ = ("_hold", "_stream", "_watch")

    def __init__(self, stream: TextStream, watch: Watch, hold: int) -> None:
        self._stream = stream
        self._watch = watch
        self._hold = hold

    def batches(self) -> AsyncGenerator[list[str], None]:
        return guarded(self._stream.batches(), self._watch, self._hold)

    async def into(self, sink: Sink) -> None:
        async with aclosing(self.batches()) as batches:
            async for texts in batches:
                await sink.put(texts)


async def guarded(batches: AsyncGenerator[list[str], None], watch: Watch, hold: int) -> AsyncGenerator[list[str], None]:
    """The same pieces of text, later: the last `hold` characters wait for more. Raises IllegalArgument of the guard; what
    waited then is dropped."""
    try:
        window = _Window(hold, JUDGED_STEP if isinstance(watch.guard.reply, Judge) else 1)
        async for texts in batches:
            window.add(texts)
            if window.due:
                await _check(watch, window.text())
                if free := window.release(hold):
                    yield free
        await _check(watch, window.whole())
        if free := window.release(0):
            yield free
    finally:
        await batches.aclose()


async def _check(watch: Watch, text: str) -> None:
    if text:
        # As the text of a JSON value, which a provider's whole reply would be: the guard knows how to read that.
        await watch.reply(orjson.dumps(text.encode("utf-8", "replace").decode()))


class _Window:
    """What waits, what has left a moment ago, and the whole text while it is short."""

    __slots__ = ("_behind", "_kept", "_look_back", "_step", "_total", "_unchecked", "_waiting", "_waiting_size")

    def __init__(self, hold: int, step: int) -> None:
        self._look_back = hold * LOOK_BACK
        self._step = step
        self._behind = ""
        self._waiting: deque[str] = deque()
        self._waiting_size = 0
        self._unchecked = 0
        self._kept: list[str] = []
        self._total = 0

    def add(self, texts: list[str]) -> None:
        size = sum(map(len, texts))
        self._waiting.extend(texts)
        self._waiting_size += size
        self._unchecked += size
        self._total += size
        if self._total <= MAX_WHOLE:
            self._kept += texts
        else:
            self._kept.clear()

    @property
    def due(self) -> bool:
        return self._unchecked >= self._step

    def text(self) -> str:
        self._unchecked = 0
        return self._behind + "".join(self._waiting)

    def whole(self) -> str:
        return "".join(self._kept) if self._total <= MAX_WHOLE else self.text()

    def release(self, hold: int) -> list[str]:
        """Whole pieces of the checked text, all but the last `hold` characters."""
        free: list[str] = []
        while self._waiting and self._waiting_size - len(self._waiting[0]) >= hold:
            piece = self._waiting.popleft()
            self._waiting_size -= len(piece)
            free.append(piece)
        if free:
            self._behind = (self._behind + "".join(free))[-self._look_back :]
        return free
