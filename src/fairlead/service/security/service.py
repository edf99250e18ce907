"""Identity of one worker: the sources in their order, the configuration they judge by, the audit log that hears of it."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.domain.audit import Audit, NoAudit
from fairlead.domain.identity import IdentitySource, LoginLimits, NoLoginLimits
from fairlead.domain.ports import Store
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import USERS
from fairlead.errors import SecurityFault
from fairlead.service.security.basic import BasicSource
from fairlead.service.security.composition import in_order
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.follower import SecurityFollower
from fairlead.service.security.hashing import HashPool
from fairlead.service.snapshot import Snapshot


class SecurityService:
    """`sources` are asked in their order; add one with `add_source` before the worker answers. `basic` False leaves
    internal users out."""

    def __init__(
        self,
        snapshot: Snapshot,
        monotonic: Callable[[], float],
        audit: Audit | None = None,
        limits: LoginLimits | None = None,
        *,
        basic: bool = True,
    ) -> None:
        self.follower = SecurityFollower(snapshot)
        self.audit: Audit = audit or NoAudit()
        self.hashing = HashPool()
        self.basic = BasicSource(self.follower.current, self.hashing, limits or NoLoginLimits(), monotonic)
        self.sources: list[IdentitySource] = [self.basic] if basic else []

    def add_source(self, source: IdentitySource) -> None:
        """Takes its place in the order of spec/06 14.1."""
        self.sources = in_order([*self.sources, source])

    def configuration(self) -> Configuration:
        return self.follower.current()

    def allows(self, principal: Principal, action: str, model_id: str | None = None) -> bool:
        """Whether the caller may do the action, on the model if the route names one."""
        return self.follower.current().allows(principal, action)

    def close(self) -> None:
        self.hashing.close()


def denial(principal: Principal, action: str) -> SecurityFault:
    """Names and roles in it are the caller's own (spec/06 8.4)."""
    return SecurityFault(f"no permissions for [{action}] and {described(principal)}")


def described(principal: Principal) -> str:
    """The caller as the original's answers write it."""
    roles = ", ".join(principal.backend_roles)
    tenant = "null" if principal.tenant is None else principal.tenant
    return f"User [name={principal.name}, backend_roles=[{roles}], requestedTenant={tenant}]"


async def has_users(store: Store) -> bool:
    return await store.count(USERS.kind) > 0
