"""The word lists of one process, analysed once and followed live; it reads no store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from fairlead.domain.phrases import Phrases
from fairlead.domain.ports import FORGET, Document
from fairlead.domain.word_list import WordList, require_fields
from fairlead.search.analysis import analyze


class KnownWords:
    """Phrases by list and field, as word sequences of the standard analyzer: what a percolated match_phrase compares."""

    def __init__(self) -> None:
        self._lists: dict[str, Mapping[str, Phrases]] = {}

    async def take(self, id: str, document: Document | None) -> None:
        """A change of the store (fairlead.service.snapshot.Take)."""
        if id == FORGET:
            self._lists.clear()
        elif document is None:
            self._lists.pop(id, None)
        else:
            # Beside the event loop: a large list takes a second.
            self._lists[id] = await asyncio.to_thread(_compiled, WordList.of(document.body))

    def phrases(self, name: str, fields: Sequence[str]) -> list[Phrases]:
        """Those of the named fields. Raises IllegalArgument for a list or a field that is not there."""
        found = self._lists.get(name)
        require_fields(name, fields, found)
        assert found is not None
        return [found[field] for field in fields]


def _compiled(words: WordList) -> dict[str, Phrases]:
    return {field: Phrases(map(analyze, each)) for field, each in words.phrases.items()}
