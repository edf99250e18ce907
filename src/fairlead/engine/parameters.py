"""The merged parameters of one call: what the connector owns and what was given to it.

The two stay apart to the end, since owned texts are templates and given values are data (D-10).
"""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.domain.dataset import Value


class Parameters:
    """Given values win over owned ones, also a null and an empty text (spec/03 1.1)."""

    __slots__ = ("given", "owned", "raw")

    def __init__(self, owned: Mapping[str, str], given: Mapping[str, Value]) -> None:
        self.owned = owned
        self.given = given
        self.raw = _names(given.get("no_escape_params") or owned.get("no_escape_params"))
        """Names whose given values are already escaped by the caller (`no_escape_params`)."""

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


def _names(text: str | None) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",")) if text else frozenset()
