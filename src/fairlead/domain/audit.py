"""What is written to the audit log, as one value, and the port that takes it; knows no sink and holds no payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Category(StrEnum):
    """Kinds of events, with the original's names (spec/06 10.1), then ours (14.4)."""

    FAILED_LOGIN = "FAILED_LOGIN"
    AUTHENTICATED = "AUTHENTICATED"
    MISSING_PRIVILEGES = "MISSING_PRIVILEGES"
    GRANTED_PRIVILEGES = "GRANTED_PRIVILEGES"
    BAD_HEADERS = "BAD_HEADERS"
    SSL_EXCEPTION = "SSL_EXCEPTION"
    CLUSTER_SETTINGS_CHANGED = "CLUSTER_SETTINGS_CHANGED"
    API_TOKEN_WRITE = "API_TOKEN_WRITE"
    COMPLIANCE_INTERNAL_CONFIG_WRITE = "COMPLIANCE_INTERNAL_CONFIG_WRITE"
    CONNECTOR_WRITE = "CONNECTOR_WRITE"
    CREDENTIAL_USE = "CREDENTIAL_USE"
    EGRESS_DENIED = "EGRESS_DENIED"
    KEY_ROTATION = "KEY_ROTATION"
    RESOURCE_WRITE = "RESOURCE_WRITE"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One event. `user` is who asked, or who the caller claimed to be when the login failed; `source` what proved it.

    `details` holds names and ids only, never a body, a header's value or a secret.
    """

    category: Category
    user: str = ""
    address: str = ""
    method: str = ""
    path: str = ""
    action: str = ""
    reason: str = ""
    source: str = ""
    key_id: str | None = None
    super_admin: bool = False
    request_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


class Audit(Protocol):
    """Takes events without blocking the caller. `wants` says beforehand, so that nobody builds what nobody reads."""

    def wants(self, category: Category) -> bool: ...

    def record(self, event: AuditEvent) -> None: ...

    @property
    def failing(self) -> bool:
        """Whether an event that is recorded now may be lost."""
        ...


class NoAudit:
    """No audit log is configured."""

    def wants(self, category: Category) -> bool:
        return False

    def record(self, event: AuditEvent) -> None:
        return None

    @property
    def failing(self) -> bool:
        return False
