"""Which characters names and descriptions may hold (spec/01 1.4), one rule for every resource."""

from __future__ import annotations

import unicodedata

_ASCII_SPACE = frozenset(" \t\n\x0b\f\r")
_PUNCTUATION = frozenset(".,!?():@-_'/\"")
_TAIL = "can only contain letters, numbers, spaces, and basic punctuation (.,!?():@-_'/\")"


def legible(text: str) -> bool:
    """Whether `text` has only letters and numbers of any script, ASCII white space and basic punctuation."""
    return all(c in _ASCII_SPACE or c in _PUNCTUATION or unicodedata.category(c)[0] in "LN" for c in text)


def name_faults(what: str, label: str, text: str | None, *, required: bool) -> list[str]:
    """The validation messages for one text field; `what` as in "Model connector", `label` as in "name"."""
    if text is None or not text.strip():
        return [f"{what} {label} is required and cannot be null or blank"] if required else []
    return [] if legible(text) else [f"{what} {label} {_TAIL}"]
