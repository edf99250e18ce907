"""Identity source: bearer tokens of configured issuers (spec/06 7.2). A bad token is refused and falls through to nothing.

A token that was verified is remembered by a keyed hash until it expires, its issuer's keys change, or roles do.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fairlead.domain.identity import Head, Refused
from fairlead.domain.principal import Principal
from fairlead.security.jwt import TokenFault, unverified, verify
from fairlead.service.security.configuration import Configuration, CurrentConfiguration
from fairlead.service.security.domains import JwtDomain
from fairlead.service.security.key_sets import KeySet

REMEMBERED_SECONDS = 300.0
MOST_REMEMBERED = 20_000
_MOST_ATTRIBUTES = 100
_SCHEME = b"bearer "


class TokenSource:
    """`issuers` are rows with their keys; `clock` gives epoch milliseconds."""

    name = "jwt"

    def __init__(
        self,
        issuers: Sequence[tuple[JwtDomain, KeySet]],
        configuration: CurrentConfiguration,
        clock: Callable[[], int],
    ) -> None:
        self._issuers = {domain.rules.issuer: (domain, keys) for domain, keys in issuers}
        self._configuration = configuration
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._seen: tuple[Configuration | None, int] = (None, 0)
        self._verified: dict[bytes, tuple[Principal, float]] = {}
        challenging = any(domain.challenge for domain, _ in issuers)
        self.challenge: str | None = 'Bearer realm="OpenSearch Security"' if challenging else None

    async def identify(self, head: Head) -> Principal | Refused | None:
        value = head.authorization
        if value is None or value[:7].lower() != _SCHEME:
            return None
        configuration = self._configuration()
        self._forget_if_changed(configuration)
        text = value if not configuration.by_address else value + b"\0" + head.address.encode()
        digest = hashlib.blake2b(text, key=self._key, digest_size=32).digest()
        known = self._verified.get(digest)
        if known is not None and known[1] > self._clock():
            return known[0]
        try:
            principal, until = await self._verify(value[len(_SCHEME) :].strip().decode("latin-1"))
        except TokenFault as fault:
            return Refused(str(fault))
        configuration = self._configuration()
        self._forget_if_changed(configuration)
        principal = configuration.mapped(principal, head.address)
        if len(self._verified) >= MOST_REMEMBERED:
            self._verified.pop(next(iter(self._verified)))
        self._verified[digest] = (principal, until)
        return principal

    def _forget_if_changed(self, configuration: Configuration) -> None:
        version = sum(keys.version for _, keys in self._issuers.values())
        if self._seen[0] is not configuration or self._seen[1] != version:
            self._verified.clear()
            self._seen = (configuration, version)

    async def _verify(self, token: str) -> tuple[Principal, float]:
        """The caller, not mapped yet, and until when (epoch milliseconds) nobody need look again."""
        parts = unverified(token)
        row = self._issuers.get(parts.issuer or "")
        if row is None:
            raise TokenFault("another issuer")
        domain, keys = row
        now = self._clock()
        claims = verify(token, parts, domain.rules, await keys.keys(parts.kid), now / 1000)
        until = min((claims["exp"] + domain.rules.skew) * 1000, now + REMEMBERED_SECONDS * 1000)
        return principal_of(claims, domain), until


def principal_of(claims: Mapping[str, Any], domain: JwtDomain) -> Principal:
    """Raises TokenFault when the claims name nobody."""
    subject = _at(claims, domain.subject)
    if not isinstance(subject, str) or not subject.strip():
        raise TokenFault("the token names nobody")
    roles = _at(claims, domain.roles) if domain.roles else None
    return Principal(subject, _roles(roles), (), _attributes(claims), source="jwt")


def _at(claims: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = claims
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _roles(value: Any) -> tuple[str, ...]:
    """A list stays a list (S-16); a text is a list between commas."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return ()
    return tuple(dict.fromkeys(item.strip() for item in value if isinstance(item, str) and item.strip()))


def _attributes(claims: Mapping[str, Any]) -> dict[str, str]:
    """`attr.jwt.<claim>`, nested ones by path, lists as JSON text; bounded."""
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [(f"attr.jwt.{name}", value) for name, value in claims.items()]
    while waiting and len(found) < _MOST_ATTRIBUTES:
        name, value = waiting.pop(0)
        if isinstance(value, Mapping):
            waiting.extend((f"{name}.{inner}", item) for inner, item in value.items())
        elif value is not None:
            found[name] = value if isinstance(value, str) else json.dumps(value)
    return found
