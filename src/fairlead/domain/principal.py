"""Who asks: the identity that every rule about access, ownership and limits looks at. Knows nothing of how it was proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fairlead.domain.bucket import Rate

ADMIN_ROLE = "all_access"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller (spec/06 section 4). Where a caller may be absent, None means that security is off.

    `roles` are the mapped security roles in their stored order, `attributes` are `attr.<source>.<name>` to text,
    `tenant` is the requested tenant as sent, `source` names what proved the identity (`basic`, `api_key`, `jwt`, `proxy`,
    `clientcert`, `socket`), `key_id` the API key used and `key_rate` its limit. A super admin skips every privilege and access rule (7.5).
    """

    name: str
    backend_roles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    tenant: str | None = None
    source: str = "basic"
    key_id: str | None = None
    super_admin: bool = False
    key_rate: Rate | None = None

    @property
    def admin(self) -> bool:
        """May see and change everything, whatever the access lists say (spec/01 section 3)."""
        return self.super_admin or ADMIN_ROLE in self.roles

    def asking(self, tenant: str) -> Principal:
        """The same caller with the tenant that this request names."""
        return replace(self, tenant=tenant)
