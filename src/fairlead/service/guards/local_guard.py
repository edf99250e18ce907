"""Guardrails of type `local_regex`: patterns and phrases over a body, within bounds of time that no text can stretch.

A short text is read at once. One that is long, or takes longer than a moment, is read again beside the event loop, where the
pattern engine lets other threads run; there it has a second, then the call is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from fairlead.engine.compiled import Outgoing
from fairlead.engine.jsonpath import Path, compile_path
from fairlead.errors import StatusFault
from fairlead.java.regex import JavaPattern, RegexTimeout
from fairlead.search.analysis import analyze
from fairlead.service.guards import guardrails
from fairlead.service.guards.inspected import inspected
from fairlead.service.guards.judge import Ask
from fairlead.service.guards.known_words import KnownWords

AT_ONCE_BYTES = 8_192
"""The longest body that is read on the event loop."""
AT_ONCE_WORDS_BYTES = 2_048
"""The same where word lists are looked into: taking a text apart is slower, a microsecond a character."""
AT_ONCE_SECONDS = 0.002
"""How long the patterns of a side may hold the event loop, all together."""
SECONDS = 1.0
"""How long they may take beside it."""
WAIT_SECONDS = 5.0
"""How long a text may wait until the one before it at the same guard is read; then the call is told to come back."""
MAX_CHARACTERS = 2_000_000
"""The longest text that is taken apart into words, about two seconds of work; a longer one is refused."""


class GuardBusy(StatusFault):
    """Too many texts that are slow to read have come to one guard."""

    def __init__(self, size: int) -> None:
        reason = f"Too many requests wait for the guardrails of this model; a text of {size} bytes was not looked at."
        super().__init__(reason, 429, headers={"Retry-After": "1"})


@dataclass(frozen=True, slots=True)
class LocalGuard:
    """One side. `words` are names of lists with their fields; the lists are looked up at each call, since they change."""

    patterns: tuple[JavaPattern, ...]
    anywhere: bool
    fields: tuple[Path, ...]
    words: tuple[tuple[str, tuple[str, ...]], ...]
    known: KnownWords
    executor: Executor
    turn: asyncio.Lock
    """Reading beside the event loop is one at a time for each guard, so that no model takes all threads from the others."""

    @classmethod
    def of(cls, side: str, rules: Mapping[str, Any], known: KnownWords, executor: Executor) -> LocalGuard | None:
        """None when nothing is to be checked. Raises IllegalArgument."""
        patterns = tuple(guardrails.pattern(side, text) for text in rules.get("regex", ()))
        entries = [entry for entry in rules.get("stop_words", ()) if guardrails.complete(entry)]
        words = tuple((entry["index_name"], tuple(entry["source_fields"])) for entry in entries)
        for name, fields in words:
            known.phrases(name, fields)
        if not patterns and not words:
            return None
        paths = tuple(compile_path(text) for text in rules.get("fields", ()))
        return cls(patterns, rules.get("match") == guardrails.SEARCH, paths, words, known, executor, asyncio.Lock())

    async def refuses_request(self, outgoing: Outgoing, ask: Ask) -> bool:
        return await self._refuses(outgoing.body, outgoing.parameters.text("charset"))

    async def refuses_reply(self, body: bytes, ask: Ask) -> bool:
        return await self._refuses(body, None)

    async def _refuses(self, body: bytes, charset: str | None) -> bool:
        if len(body) <= (AT_ONCE_WORDS_BYTES if self.words else AT_ONCE_BYTES):
            try:
                return self._finds(body, charset, AT_ONCE_SECONDS)
            except RegexTimeout:
                pass  # read again where it may take its time
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self.turn.acquire()
        except TimeoutError as fault:
            raise GuardBusy(len(body)) from fault
        try:
            return await loop.run_in_executor(self.executor, self._finds, body, charset, SECONDS)
        finally:
            self.turn.release()

    def _finds(self, body: bytes, charset: str | None, seconds: float) -> bool:
        texts = inspected(body, charset, self.fields)
        return self._matches(texts, time.monotonic() + seconds) or self._says(texts)

    def _matches(self, texts: Sequence[str], deadline: float) -> bool:
        for pattern in self.patterns:
            for text in texts:
                bounded = pattern.within(deadline - time.monotonic())
                found = bounded.search(text) if self.anywhere else bounded.fullmatch(text)
                if found is not None:
                    return True
        return False

    def _says(self, texts: Sequence[str]) -> bool:
        phrases = [each for name, fields in self.words for each in self.known.phrases(name, fields)]
        if not phrases:
            return False
        for text in texts:
            if len(text) > MAX_CHARACTERS:
                return True
            words = analyze(text)
            if any(each.occur_in(words) for each in phrases):
                return True
        return False
