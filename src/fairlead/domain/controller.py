"""Controllers: the limits of single users on one model (spec/02 6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead.domain.ports import Json

KIND = "controller"
INDEX = ".plugins-ml-controller"

Limiters = Mapping[str, Mapping[str, Any]]
"""A limiter by the name of its user; one with half its fields is kept and not enforced."""


@dataclass(frozen=True, slots=True)
class Controller:
    """A stored controller; its document's id is the model's."""

    model_id: str
    user_rate_limiter: Limiters = field(default_factory=dict)

    def document(self) -> Json:
        users = {user: dict(limiter) for user, limiter in self.user_rate_limiter.items()}
        return {"model_id": self.model_id, "user_rate_limiter": users}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Controller:
        return cls(document["model_id"], document["user_rate_limiter"])

    def merged(self, limiters: Limiters) -> Controller:
        """With `limiters` over its own, field by field."""
        users = dict(self.user_rate_limiter)
        for user, limiter in limiters.items():
            users[user] = {**users.get(user, {}), **limiter}
        return Controller(self.model_id, users)
