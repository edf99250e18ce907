"""How many guesses a password would take: a small estimate from common words, names, keyboard runs, repeats and sequences.

It errs on the side of the attacker and knows no language; zxcvbn is the idea, not the word list (spec/06 6.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LONGEST = 128
"""Characters that are looked at."""

_COMMON = """
password passwort passwd pass admin administrator root user guest test login welcome letmein changeme secret default
qwerty azerty dragon monkey master shadow sunshine princess football baseball superman batman trustno iloveyou love
hello freedom whatever ninja mustang access flower starwars computer michael jennifer jordan hunter killer soccer
charlie andrew thomas daniel robert george summer winter spring autumn january february march april june july august
september october november december monday tuesday wednesday thursday friday saturday sunday london berlin paris
weak strong hack hacker server system manager service oracle mysql postgres database opensearch elastic kibana
fairlead gateway model predict cluster security company money bitcoin internet google amazon windows linux ubuntu
apple samsung orange banana cookie pepper ginger cheese coffee chocolate silver golden diamond purple yellow black
white green blue abc asdf zxcv qwer qaz wsx aaa xxx god sex temp temporary demo sample example
"""
"""Words that attackers try first, the likeliest in front."""
_RANKS = {word: rank for rank, word in enumerate(_COMMON.split(), 1)}
_ROWS = (
    "qwertzuiop",
    "qwertyuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc",
    "1234567890",
    "0987654321",
)
_LEET = str.maketrans("430157$@!8", "aeoistsaib")
_BRUTE = 1.0
"""log10 of the guesses for one character that nothing explains."""
_LEVELS = (3.0, 6.0, 8.0, 10.0)
"""log10 of the guesses from which a password scores 1, 2, 3 and 4."""


@dataclass(frozen=True, slots=True)
class Strength:
    """`score` from 0 to 4; `similar`: the best guess starts from the context, such as the user's name."""

    score: int
    similar: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """An explanation of the characters from `start` to `end`; `guesses` as log10."""

    start: int
    end: int
    guesses: float
    context: bool = False


def estimate(password: str, context: str = "") -> Strength:
    """The strength of a password of somebody called `context`."""
    text = password[:LONGEST]
    parts: list[list[_Part]] = [[] for _ in range(len(text) + 1)]
    for part in _explanations(text, context):
        parts[part.end].append(part)
    best: list[tuple[float, int, bool]] = [(0.0, 0, False)]  # guesses, explained parts, whether the context is in it
    for end in range(1, len(text) + 1):
        guesses, count, similar = best[end - 1]
        options = [(guesses + _BRUTE, count, similar)]
        for part in parts[end]:
            guesses, count, similar = best[part.start]
            # The attacker does not know the order of the parts.
            options.append((guesses + part.guesses + math.log10(count + 1), count + 1, similar or part.context))
        best.append(min(options))
    guesses, _, similar = best[-1]
    return Strength(sum(guesses >= level for level in _LEVELS), similar)


def _explanations(text: str, context: str) -> list[_Part]:
    found = [*_words(text, context), *_runs(text), *_repeats(text)]
    found.extend(
        _Part(start, start + 4, math.log10(120))
        for start in range(len(text) - 3)
        if text[start : start + 4].isdecimal() and text[start : start + 2] in ("19", "20")
    )
    return found


def _words(text: str, context: str) -> list[_Part]:
    lower = text.lower()
    found = []
    name = context.lower()
    for start in range(len(text)):
        for end in range(start + 3, min(len(text), start + 40) + 1):
            piece = lower[start:end]
            plain = piece.translate(_LEET)
            for word, cost in ((piece, 1), (plain, 4), (piece[::-1], 2), (plain[::-1], 8)):
                rank, own = (1, True) if word == name else (_RANKS.get(word, 0), False)
                if rank:
                    cased = 1 if piece == text[start:end] else 2
                    found.append(_Part(start, end, math.log10(max(rank, 1) * cost * cased), own))
    return found


def _runs(text: str) -> list[_Part]:
    """Alphabetic and numeric sequences, and runs along a row of keys."""
    lower = text.lower()
    found = []
    for start in range(len(lower)):
        for step in (1, -1):
            end = start + 1
            while end < len(lower) and ord(lower[end]) - ord(lower[end - 1]) == step:
                end += 1
            if end - start >= 3:
                found.append(_Part(start, end, math.log10(26 * (end - start))))
        for row in _ROWS:
            end = start + 4
            while end <= len(lower) and (lower[start:end] in row or lower[start:end][::-1] in row):
                found.append(_Part(start, end, math.log10(40 * (end - start))))
                end += 1
    return found


def _repeats(text: str) -> list[_Part]:
    """The same one to four characters over and over."""
    found = []
    for start in range(len(text)):
        for size in range(1, 5):
            unit = text[start : start + size]
            end = start + size
            while text[end : end + size] == unit and len(unit) == size:
                end += size
            if end - start >= max(3, 2 * size):
                found.append(_Part(start, end, size * _BRUTE + math.log10((end - start) // size)))
    return found
