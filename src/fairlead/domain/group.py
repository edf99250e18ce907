"""Model groups: the names under which model versions count up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fairlead.domain.ports import Json

KIND = "model_group"
INDEX = ".plugins-ml-model-group"


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """Field order is the order on the wire."""

    name: str
    latest_version: int = 0
    description: str | None = None
    backend_roles: tuple[str, ...] | None = None
    owner: Mapping[str, Any] | None = None
    access: str | None = None
    created_time: int | None = None
    last_updated_time: int | None = None

    def document(self) -> Json:
        shown: Json = {f.name: getattr(self, f.name) for f in fields(self)}
        shown["backend_roles"] = list(self.backend_roles) if self.backend_roles else None
        return {key: value for key, value in shown.items() if value is not None}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ModelGroup:
        values = dict(document)
        if "backend_roles" in values:
            values["backend_roles"] = tuple(values["backend_roles"])
        return cls(**values)
