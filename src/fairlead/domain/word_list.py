"""Word lists: phrases by field that guardrails name as `stop_words`; kept here in the place of a percolator index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.domain.ports import Json
from fairlead.errors import IllegalArgument

KIND = "word_list"

MAX_PHRASES = 10_000
"""In one list, all fields together."""
MAX_PHRASE = 1_000
"""Characters."""
MAX_CHARACTERS = 500_000
"""In one list; every worker takes each of them apart."""


@dataclass(frozen=True, slots=True)
class WordList:
    """A stored list; its document's id is the `index_name` that guardrails use."""

    phrases: Mapping[str, tuple[str, ...]]

    def document(self) -> Json:
        return {"phrases": {field: list(phrases) for field, phrases in self.phrases.items()}}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> WordList:
        return cls({field: tuple(phrases) for field, phrases in document["phrases"].items()})

    def check(self) -> None:
        """Raises IllegalArgument for a list without fields or beyond the bounds."""
        if not self.phrases:
            raise IllegalArgument("phrases is required: an object with a list of phrases for each field")
        if sum(map(len, self.phrases.values())) > MAX_PHRASES:
            raise IllegalArgument(f"phrases holds more than {MAX_PHRASES} phrases")
        if sum(len(phrase) for phrases in self.phrases.values() for phrase in phrases) > MAX_CHARACTERS:
            raise IllegalArgument(f"phrases holds more than {MAX_CHARACTERS} characters")
        for field, phrases in self.phrases.items():
            if any(len(phrase) > MAX_PHRASE for phrase in phrases):
                raise IllegalArgument(f"phrases.{field} holds a phrase of more than {MAX_PHRASE} characters")


def require_fields(name: str, wanted: Iterable[str], present: Collection[str] | None) -> None:
    """Raises IllegalArgument for a list that is not there, `present` None, or lacks a field: a name that is spelled wrong
    must not open a guard."""
    if present is None:
        raise IllegalArgument(
            f"Guardrails name the word list [{name}], which does not exist. Make it with PUT /_fairlead/word_lists/{name}"
        )
    for field in wanted:
        if field not in present:
            raise IllegalArgument(f"Guardrails name the field [{field}], which the word list [{name}] does not have")
