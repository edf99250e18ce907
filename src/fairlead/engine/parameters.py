"""The merged parameters of one call: what the connector owns and what was given to it.

The two stay apart to the end, since owned texts are templates and given values are data (D-10).
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from fairlead.domain.dataset import Value

_RAW = "no_escape_params"
_NONE: frozenset[str] = frozenset()


class Parameters(msgspec.Struct, frozen=True):
    """Given values win over owned ones, also a null and an empty text (spec/03 1.1)."""

    owned: Mapping[str, str]
    given: Mapping[str, Value]

    @property
    def raw(self) -> Set[str]:
        """Names whose given values are already escaped by the caller (`no_escape_params`)."""
        text = self.given.get(_RAW) or self.owned.get(_RAW)
        return _names(text) if text else _NONE

    def any_of(self, names: frozenset[str]) -> bool:
        """Whether one of the names is there, whatever its value; one look for all of them."""
        return not (names.isdisjoint(self.given) and names.isdisjoint(self.owned))

    def text(self, name: str) -> str | None:
        """The value as a text, or None when it is absent or JSON null (D-08)."""
        if name in self.given:
            return self.given[name]
        return self.owned.get(name)

    def flag(self, name: str) -> bool:
        value = self.text(name)
        return value is not None and value.lower() == "true"

    def has(self, name: str) -> bool:
        return name in self.given or name in self.owned

    def merged(self) -> dict[str, Value]:
        return {**self.owned, **self.given}


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(","))
