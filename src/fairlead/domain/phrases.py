"""Phrases as sequences of words, looked for in a longer sequence; it takes no text apart and knows no analyzer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence


class Phrases:
    """Many phrases in one automaton (Aho and Corasick, 1975): a look-up costs the words of the text, whatever the phrases are."""

    __slots__ = ("_ends", "_following", "_shorter")

    def __init__(self, phrases: Iterable[Sequence[str]]) -> None:
        self._following: list[dict[str, int]] = [{}]
        self._ends = [False]
        for phrase in phrases:
            self._add(phrase)
        self._shorter = [0] * len(self._ends)
        waiting = deque(self._following[0].values())
        while waiting:
            state = waiting.popleft()
            for word, child in self._following[state].items():
                self._shorter[child] = self._step(self._shorter[state], word)
                self._ends[child] |= self._ends[self._shorter[child]]
                waiting.append(child)

    def _add(self, phrase: Sequence[str]) -> None:
        state = 0
        for word in phrase:
            if word not in self._following[state]:
                self._following[state][word] = len(self._ends)
                self._following.append({})
                self._ends.append(False)
            state = self._following[state][word]
        self._ends[state] = bool(state)  # an empty phrase would be found everywhere

    def _step(self, state: int, word: str) -> int:
        """The longest beginning of a phrase that ends with this word."""
        while (found := self._following[state].get(word)) is None and state:
            state = self._shorter[state]
        return found or 0

    def occur_in(self, words: Sequence[str]) -> bool:
        """Whether one of the phrases stands in `words`, whole and in order."""
        state = 0
        for word in words:
            state = self._step(state, word)
            if self._ends[state]:
                return True
        return False
