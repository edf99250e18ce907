"""A connector as a request gives it, and what becomes of it: values without rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.domain.access import Asked
from fairlead.domain.connector import Action, ClientConfig
from fairlead.domain.ports import Json
from fairlead.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class ConnectorFields:
    """A connector as a request gives it; None is what the request does not name."""

    name: str | None = None
    description: str | None = None
    version: str | None = None
    protocol: str | None = None
    parameters: Mapping[str, str] | None = None
    credential: Mapping[str, Secret] | None = None
    actions: tuple[Action, ...] | None = None
    client_config: ClientConfig | None = None
    access_mode: str | None = None
    backend_roles: tuple[str, ...] | None = None
    add_all_backend_roles: bool | None = None
    dry_run: bool = False
    provisioned_by: str | None = None
    url: str | None = None
    headers: Mapping[str, str] | None = None
    connector_id: str | None = None

    @property
    def asked(self) -> Asked:
        return Asked(self.access_mode, self.backend_roles, self.add_all_backend_roles)


@dataclass(frozen=True, slots=True)
class Created:
    """The id of a new connector, and what its author should know although it was stored."""

    id: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """The reply to an update, and warnings as in `Created`."""

    reply: Json
    warnings: tuple[str, ...] = ()
