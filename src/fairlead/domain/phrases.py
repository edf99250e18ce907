"""Phrases as sequences of words, looked for in a longer sequence; it takes no text apart and knows no analyzer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_END = ""
"""Marks where a phrase ends; no analyzer makes an empty word."""


class Phrases:
    """Many phrases in one tree: a look-up costs the words of the text times the longest phrase, however many there are."""

    __slots__ = ("_root",)

    def __init__(self, phrases: Iterable[Sequence[str]]) -> None:
        self._root: dict[str, Any] = {}
        for phrase in phrases:
            node = self._root
            for word in phrase:
                node = node.setdefault(word, {})
            if phrase:  # an empty phrase would be found everywhere
                node[_END] = {}

    def occur_in(self, words: Sequence[str]) -> bool:
        """Whether one of the phrases stands in `words`, whole and in order."""
        root = self._root
        count = len(words)
        for start, first in enumerate(words):
            node = root.get(first)
            at = start + 1
            while node is not None:
                if _END in node:
                    return True
                if at == count:
                    break
                node = node.get(words[at])
                at += 1
        return False
