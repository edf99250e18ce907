"""Who may call which endpoint of the Security REST API with which method (spec/06 2.2). It knows no object behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from fairlead.domain.principal import Principal

METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")
ENDPOINTS: Mapping[str, str] = {
    "internalusers": "INTERNALUSERS",
    "user": "INTERNALUSERS",
    "roles": "ROLES",
    "rolesmapping": "ROLESMAPPING",
    "actiongroups": "ACTIONGROUPS",
    "actiongroup": "ACTIONGROUPS",
    "apitokens": "APITOKENS",
    "authfailurelisteners": "RATELIMITERS",
    "cache": "CACHE",
    "securityconfig": "CONFIG",
    "audit": "AUDIT",
    "certificates": "CERTIFICATES",
    "ssl": "SSL",
}
"""The name of each endpoint, by the first segment of its paths below `/api/`."""
EVERYBODY = "global"
_ALL = "*"

Disabled = Mapping[str, frozenset[str]]
"""Methods by endpoint."""


class BadEndpoint(ValueError):
    """An entry of `security_endpoints_disabled` that means nothing."""


def endpoint_of(path: str) -> str:
    """Of a route's path."""
    return ENDPOINTS[path.split("/api/", 1)[1].split("/", 1)[0]]


class RestAccess:
    """`roles`: who has one of them may call the API, but for what all of that caller's ones among them have disabled.
    `disabled` holds `ROLE/ENDPOINT/METHOD` texts, `*` for every method; the role `global` is everybody.

    Raises BadEndpoint.
    """

    def __init__(self, roles: Iterable[str], disabled: Iterable[str] = ()) -> None:
        self._roles = frozenset(roles)
        self._disabled: dict[str, dict[str, frozenset[str]]] = {}
        for entry in disabled:
            role, endpoint, methods = _parsed(entry)
            of_role = self._disabled.setdefault(role, {})
            of_role[endpoint] = of_role.get(endpoint, frozenset()) | methods

    def admits(self, principal: Principal) -> bool:
        """Whether the caller may call anything of it; a key never may (spec/06 7.8)."""
        if principal.key_id is not None:
            return False
        return principal.super_admin or not self._roles.isdisjoint(principal.roles)

    def disabled(self, principal: Principal) -> Disabled:
        """What a caller who is admitted may not call. A role without restriction lifts those of all others."""
        if principal.super_admin or not self._disabled:
            return {}
        own: list[Disabled] = [self._disabled.get(role, {}) for role in principal.roles if role in self._roles]
        common: Disabled = reduce(_both, own) if own else {}
        everybody: Disabled = self._disabled.get(EVERYBODY, {})
        return {
            name: common.get(name, frozenset()) | everybody.get(name, frozenset()) for name in {**common, **everybody}
        }

    def allows(self, principal: Principal, endpoint: str, method: str) -> bool:
        """Of a caller who is admitted."""
        return method not in self.disabled(principal).get(endpoint, frozenset())


def _both(one: Disabled, other: Disabled) -> Disabled:
    found = {name: methods & other.get(name, frozenset()) for name, methods in one.items()}
    return {name: methods for name, methods in found.items() if methods}


def _parsed(entry: str) -> tuple[str, str, frozenset[str]]:
    role, endpoint, method = ([*entry.rsplit("/", 2), "", ""])[:3]
    endpoint, method = endpoint.upper(), method.upper()
    if not role or endpoint not in ENDPOINTS.values():
        known = ", ".join(sorted(set(ENDPOINTS.values())))
        raise BadEndpoint(f"security_endpoints_disabled: '{entry}' is not ROLE/ENDPOINT/METHOD; endpoints are {known}")
    if method != _ALL and method not in METHODS:
        raise BadEndpoint(f"security_endpoints_disabled: '{entry}' ends with no method: {', '.join(METHODS)} or *")
    return role, endpoint, frozenset(METHODS) if method == _ALL else frozenset({method})
