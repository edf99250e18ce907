"""The security configuration as one immutable value: users, mapped roles, privileges; and what it decides.

Decisions are remembered inside the value, so that a changed configuration starts without any (spec/06 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from fairlead.domain.ports import Json
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import PASSWORD_UNTIL
from fairlead.java.text import hash_map_order
from fairlead.security.name_patterns import Matcher, compile_lenient
from fairlead.service.security.builtin import BUILTIN_ACTION_GROUPS, BUILTIN_ROLES
from fairlead.service.security.key_entries import DEFAULT_PERMISSIONS, NO_GROUPS, ApiKey, ModelGroups

_EXPLICIT = "restapi:"
"""No `*` covers these permissions (spec/06 2.2)."""
_MOST_DECISIONS = 10_000


@dataclass(frozen=True, slots=True)
class User:
    """A user entry. `roles` are the security roles that it names itself, in the original `opendistro_security_roles`;
    `password_until` is when a generated password ends (epoch milliseconds), 0 for one that does not."""

    name: str
    hash: str
    backend_roles: tuple[str, ...]
    roles: tuple[str, ...]
    attributes: Mapping[str, str]
    enabled: bool
    password_until: int = 0

    @staticmethod
    def of(name: str, body: Json) -> User:
        return User(
            name,
            body.get("hash") or "",
            tuple(hash_map_order(dict.fromkeys(body.get("backend_roles") or ()))),
            tuple(body.get("opendistro_security_roles") or ()),
            {f"attr.internal.{key}": value for key, value in (body.get("attributes") or {}).items()},
            body.get("enabled", True) is not False and body.get("service", False) is not True,
            int(body.get(PASSWORD_UNTIL) or 0),
        )

    def __repr__(self) -> str:
        return f"User({self.name!r})"


@dataclass(frozen=True, slots=True)
class _Mapping:
    role: str
    users: Matcher
    backend_roles: Matcher
    all_backend_roles: tuple[Matcher, ...]
    hosts: Matcher

    def matches(self, name: str, backend_roles: Iterable[str], address: str) -> bool:
        return (
            self.users.matches(name)
            or self.backend_roles.matches_any(backend_roles)
            or (
                bool(self.all_backend_roles)
                and all(matcher.matches_any(backend_roles) for matcher in self.all_backend_roles)
            )
            or (bool(address) and self.hosts.matches(address))
        )


class Configuration:
    """Built from stored bodies by name; never changed. Stored roles win over reserved built-in ones, static ones over all."""

    def __init__(
        self,
        users: Mapping[str, Json] | None = None,
        roles: Mapping[str, Json] | None = None,
        mappings: Mapping[str, Json] | None = None,
        action_groups: Mapping[str, Json] | None = None,
        keys: Mapping[str, Json] | None = None,
    ) -> None:
        self.users: Mapping[str, Json] = users or {}
        self.roles = _with_builtin(roles or {}, BUILTIN_ROLES)
        self.mappings: Mapping[str, Json] = mappings or {}
        self.action_groups = _with_builtin(action_groups or {}, BUILTIN_ACTION_GROUPS)
        self._keys: Mapping[str, Json] = keys or {}
        self._known: dict[str, User] = {}
        self._known_keys: dict[str, ApiKey] = {}
        self._holders: dict[str, Principal] = {}
        self._privileges: dict[tuple[str, ...], dict[str, bool]] = {}
        self._decisions = 0

    def user(self, name: str) -> User | None:
        known = self._known.get(name)
        if known is None and name in self.users:
            known = self._known[name] = User.of(name, self.users[name])
        return known

    def key(self, id: str) -> ApiKey | None:
        known = self._known_keys.get(id)
        if known is None and id in self._keys:
            body = self._keys[id]
            permissions = body.get("cluster_permissions")
            opened = self.permissions(DEFAULT_PERMISSIONS if permissions is None else permissions)
            # Keys never reach what must be spelled: the Security REST API is closed to them (spec/06 7.8).
            opened = frozenset(entry for entry in opened if not entry.startswith(_EXPLICIT))
            known = self._known_keys[id] = ApiKey.of(id, body, opened)
        return known

    def holder(self, key: ApiKey, address: str) -> Principal | None:
        """Who a key stands for: its owner as of now, with no more backend roles than the key has."""
        if not self.by_address and key.id in self._holders:
            return self._holders[key.id]
        user = self.user(key.owner)
        if user is None or not user.enabled:
            return None
        backend_roles = tuple(r for r in user.backend_roles if key.backend_roles is None or r in key.backend_roles)
        principal = Principal(
            user.name,
            backend_roles,
            user.roles,
            user.attributes,
            source="api_key",
            key_id=key.id,
            key_rate=key.rate,
        )
        principal = self._holders[key.id] = self.mapped(principal, address)
        return principal

    @cached_property
    def by_address(self) -> bool:
        """Whether a caller's roles depend on the address."""
        return any(mapping.hosts for mapping in self._mappings)

    def mapped(self, principal: Principal, address: str) -> Principal:
        """The principal with its security roles: those it came with, and those that mappings give (spec/06 8.1)."""
        found = [m.role for m in self._mappings if m.matches(principal.name, principal.backend_roles, address)]
        roles = hash_map_order(dict.fromkeys((*principal.roles, *found)))
        return replace(principal, roles=tuple(roles))

    def allows(
        self, principal: Principal, action: str, model_id: str | None = None, groups: ModelGroups = NO_GROUPS
    ) -> bool:
        """Whether any mapped role's permissions match the action, and the key's scope does, if one was used; remembered
        per set of roles."""
        if principal.super_admin:
            return True
        if principal.key_id is not None:
            key = self.key(principal.key_id)
            if key is None or not key.allows(action, model_id, groups):
                return False
        known = self._privileges.get(principal.roles)
        if known is None:
            if self._decisions > _MOST_DECISIONS:
                self._privileges.clear()
                self._decisions = 0
            known = self._privileges[principal.roles] = {}
        decision = known.get(action)
        if decision is None:
            self._decisions += 1
            decision = known[action] = self._decide(principal.roles, action)
        return decision

    def permissions(self, entries: Iterable[str]) -> frozenset[str]:
        """Entries with names of action groups replaced by what these stand for, through any depth."""
        found: set[str] = set()
        waiting = list(entries)
        seen: set[str] = set()
        while waiting:
            entry = waiting.pop()
            group = self.action_groups.get(entry)
            if group is None:
                found.add(entry)
            elif entry not in seen:
                seen.add(entry)
                waiting.extend(group.get("allowed_actions") or ())
        return frozenset(found)

    def tenant_access(self, principal: Principal, tenant: str) -> str:
        """`WRITE`, `READ` or `NONE` (spec/06 4.1); one's own tenant is the caller's to ask about."""
        best = "NONE"
        for role in principal.roles:
            for entry in (self.roles.get(role) or {}).get("tenant_permissions") or ():
                if compile_lenient(entry.get("tenant_patterns") or ()).matches(tenant):
                    actions = entry.get("allowed_actions") or ()
                    if "kibana_all_write" in actions or "*" in actions:
                        return "WRITE"
                    if "kibana_all_read" in actions:
                        best = "READ"
        return best

    def _decide(self, roles: tuple[str, ...], action: str) -> bool:
        explicit = action.startswith(_EXPLICIT)
        for role in roles:
            entries = self.permissions((self.roles.get(role) or {}).get("cluster_permissions") or ())
            if explicit:
                entries = frozenset(entry for entry in entries if entry.startswith(_EXPLICIT))
            if compile_lenient(entries).matches(action):
                return True
        return False

    @cached_property
    def _mappings(self) -> tuple[_Mapping, ...]:
        return tuple(
            _Mapping(
                role,
                compile_lenient(body.get("users") or ()),
                compile_lenient(body.get("backend_roles") or ()),
                tuple(compile_lenient([pattern]) for pattern in body.get("and_backend_roles") or ()),
                compile_lenient(body.get("hosts") or ()),
            )
            for role, body in self.mappings.items()
        )


def _with_builtin(stored: Mapping[str, Json], builtin: Mapping[str, Json]) -> dict[str, Json]:
    merged = {**builtin, **stored}
    merged.update({name: body for name, body in builtin.items() if body["static"]})
    return merged


CurrentConfiguration = Callable[[], Configuration]
