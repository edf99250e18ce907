"""What callers see and change of themselves: account, authinfo, permissionsinfo, their own password (spec/06 2.4, 2.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.domain.identity import LoginLimits, Verdict
from fairlead.domain.ports import Json
from fairlead.domain.principal import Principal
from fairlead.errors import InvalidSecurityObject, SecurityApiFault
from fairlead.java.text import hash_map_order
from fairlead.security.passwords import verify_password
from fairlead.service.security import validation
from fairlead.service.security.configuration import Configuration, CurrentConfiguration
from fairlead.service.security.hashing import HashPool
from fairlead.service.security.objects import SecurityObjects, check_hash

TENANTS = ("global_tenant", "admin_tenant")
"""Dashboards' tenants that exist from the start; nothing here depends on them."""


class Account:
    """The caller's own view."""

    def __init__(
        self,
        configuration: CurrentConfiguration,
        objects: SecurityObjects,
        hashing: HashPool,
        limits: LoginLimits,
    ) -> None:
        self._configuration = configuration
        self._objects = objects
        self._hashing = hashing
        self._limits = limits

    def account(self, principal: Principal) -> Json:
        configuration = self._configuration()
        user = configuration.users.get(principal.name) if principal.source in ("basic", "api_key") else None
        return {
            "user_name": principal.name,
            "is_reserved": bool(user and user.get("reserved")),
            "is_hidden": bool(user and user.get("hidden")),
            "is_internal_user": user is not None,
            "user_requested_tenant": principal.tenant,
            "backend_roles": list(principal.backend_roles),
            "custom_attribute_names": sorted(principal.attributes),
            "tenants": tenants(configuration, principal),
            "roles": list(principal.roles),
        }

    async def change_password(self, principal: Principal, address: str, raw: bytes) -> None:
        """Raises SecurityApiFault, HashingOverloaded."""
        body = validation.check(validation.ACCOUNT, validation.read_object(raw))
        if principal.key_id is not None:
            raise SecurityApiFault(403, "Token-authenticated users cannot change passwords")
        self._objects.require_writable()
        new = await self._new_hash(principal.name, body)
        user = self._configuration().users.get(principal.name) if principal.source == "basic" else None
        if user is None or user.get("hidden"):
            raise SecurityApiFault(404, f"user '{principal.name}' not found.")
        if user.get("reserved"):
            raise SecurityApiFault(403, f"Resource '{principal.name}' is reserved.")
        stored = str(user.get("hash") or "")
        # A stolen session guesses no faster than a stranger (S-07).
        if not await self._proves(principal.name, address, stored, body["current_password"]):
            raise SecurityApiFault(400, "Could not validate your current password.")
        if not new:
            raise SecurityApiFault(400, "Both provided password and hash cannot be null/empty.")

        async def proves(now: str) -> bool:
            """A login may have made the hash anew meanwhile; it is the same password's still."""
            return now == stored or await self._hashing.run(lambda: verify_password(now, body["current_password"]))

        await self._objects.set_hash(principal.name, new, proves)

    async def _proves(self, name: str, address: str, stored: str, password: str) -> bool:
        """Whether the password may be tried and is right. Raises HashingOverloaded."""
        if self._limits.begin(name, address) is not Verdict.ADMITTED:
            return False
        try:
            right = await self._hashing.run(lambda: verify_password(stored, password))
        except BaseException:
            self._limits.withdrawn(name, address)
            raise
        (self._limits.succeeded if right else self._limits.failed)(name, address)
        return right

    async def _new_hash(self, name: str, body: Json) -> str:
        if body.get("password"):
            return await self._objects.hashed(name, body["password"])
        if body.get("hash"):
            check_hash(body["hash"])
        elif "password" in body:
            raise InvalidSecurityObject("Password is too short")
        return str(body.get("hash") or "")


def authinfo(configuration: Configuration, principal: Principal, described: str, remote: str) -> Json:
    """`remote` is `address:port`."""
    return {
        "user": described,
        "user_name": principal.name,
        "user_requested_tenant": principal.tenant,
        "remote_address": remote,
        "backend_roles": list(principal.backend_roles),
        "custom_attribute_names": sorted(principal.attributes),
        "roles": list(principal.roles),
        "tenants": tenants(configuration, principal),
        "principal": principal.name if principal.source == "clientcert" or principal.super_admin else None,
        "peer_certificates": "1" if principal.source == "clientcert" or principal.super_admin else "0",
        "sso_logout_url": None,
    }


def permissionsinfo(
    principal: Principal, described: str, allowed: bool, endpoints: Mapping[str, Sequence[str]]
) -> Json:
    """`endpoints`: the methods that the caller may not use, by endpoint."""
    return {
        "user": described,
        "user_name": principal.name,
        "has_api_access": allowed,
        "disabled_endpoints": {name: list(methods) for name, methods in endpoints.items()},
    }


def tenants(configuration: Configuration, principal: Principal) -> dict[str, bool]:
    """The caller's own tenant and those that a role opens: whether it may write there."""
    access = {tenant: configuration.tenant_access(principal, tenant) for tenant in TENANTS}
    found = {tenant: level == "WRITE" for tenant, level in access.items() if level != "NONE"}
    found[principal.name] = True
    return {name: found[name] for name in hash_map_order(list(found))}
