"""The standard analyzer: Unicode word segmentation (UAX #29) and lower case; refuses stemming and stop words."""

from __future__ import annotations

from itertools import pairwise

import regex

MAX_TOKEN = 255
"""Characters; a longer word is cut into pieces, as Lucene's standard tokenizer does."""
ARRAY_GAP = 100
"""Positions between two items of an array, so that no phrase spans them."""

_BOUNDARY = regex.compile(r"\b", regex.WORD | regex.VERSION1)
_WORD = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}]")
_SOUTH_EAST_ASIAN = regex.compile(r"[\p{Line_Break=Complex_Context}\p{M}]+")


def analyze(text: str) -> list[str]:
    """The words of a text, lower case, in order."""
    bounds = [match.start() for match in _BOUNDARY.finditer(text)]
    words: list[str] = []
    joined = -1
    for start, end in pairwise(bounds):
        piece = text[start:end]
        if not _WORD.search(piece):
            continue
        if _SOUTH_EAST_ASIAN.fullmatch(piece):
            # Scripts without blanks: a run is one word.
            if joined == start:
                words[-1] += piece
            else:
                words.append(piece)
            joined = end
        else:
            words.extend(piece[at : at + MAX_TOKEN] for at in range(0, len(piece), MAX_TOKEN))
    return [lower(word) for word in words]


def lower(text: str) -> str:
    """Lower case character by character, without context, as the token filter does."""
    return text.lower() if text.isascii() else "".join(character.lower()[0] for character in text)
