"""A text that must not be seen, or the place where one lies: both mask themselves and are only read by name."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Holds one secret text. `reveal()` is the only way to read it; it cannot be pickled, printed or compared by order."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


class SecretReference(Secret):
    """Where a secret lies outside: `scheme` (`env`, `file`, `vault`) and `place`. It masks itself as a secret does:
    the place may tell an attacker what to look for."""

    __slots__ = ("place", "scheme")

    def __init__(self, scheme: str, place: str) -> None:
        super().__init__(f"{scheme}:{place}")
        self.scheme = scheme
        self.place = place

    @classmethod
    def parse(cls, text: str) -> SecretReference:
        """The reference whose `reveal()` gave `text`."""
        scheme, _, place = text.partition(":")
        return cls(scheme, place)

    def __repr__(self) -> str:
        return f"SecretReference({self.scheme}:***)"

    __str__ = __repr__
