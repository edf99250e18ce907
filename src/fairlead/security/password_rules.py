"""Which passwords may be set (spec/06 6.1): six rules in their order, each with the original's text; nothing is cut."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from fairlead.security.password_strength import estimate

LONGEST = 100
TOO_SHORT, TOO_LONG = "Password is too short", "Password is too long"
WEAK, SIMILAR, NO_NAME = "Weak password", "Password is similar to user name", "No username is given"

Level = Literal["fair", "good", "strong", "very_strong"]
_SCORES: dict[str, int] = {"fair": 1, "good": 2, "strong": 3, "very_strong": 4}


class BadPasswordRule(ValueError):
    """A rule that cannot be followed; the text says why."""


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """`shortest`: characters, -1 for no such rule; `pattern` must match whole, if given, else `pattern_text` is the
    reason."""

    shortest: int = -1
    strength: Level = "strong"
    pattern: str = ""
    pattern_text: str = "Password does not match minimum criteria"

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as fault:
            raise BadPasswordRule(f"not a regular expression: {fault}") from fault

    def fault(self, name: str, password: str) -> str | None:
        """The first rule that the password breaks, or None."""
        if not name:
            return NO_NAME
        if not password or len(password) < self.shortest:
            return TOO_SHORT
        if len(password) > LONGEST:
            return TOO_LONG
        if self.pattern and re.fullmatch(self.pattern, password) is None:
            return self.pattern_text
        strength = estimate(password, name)
        if strength.score < _SCORES[self.strength]:
            return WEAK
        return SIMILAR if strength.similar else None
