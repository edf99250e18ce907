"""API keys as the REST API and the command line make, list, rotate and revoke them (spec/06 7.8, 14.1)."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fairlead.domain.bucket import PERIODS
from fairlead.domain.ports import Document, Json, Put, Remove, Step, Store
from fairlead.domain.security_objects import USERS, FieldType
from fairlead.errors import InvalidSecurityObject, SecurityApiFault
from fairlead.service.changes import Batch, commit
from fairlead.service.security import validation
from fairlead.service.security.key_entries import ID_CHARACTERS, KIND, LIMITS, digest_of, token_of, without_bucket

USE_KIND = "api_key_use"
"""When a key was used last; apart from the keys, so that a use does not change the configuration."""
KEPT_MS = 30 * 24 * 3600 * 1000
"""How long a key that is over stays listed."""
LONGEST_GRACE = 7 * 24 * 3600
_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
_SCOPES = ("model_ids", "model_group_ids", "allowed_cidrs", "backend_roles")
_FIELDS = ("cluster_permissions", "index_permissions", *_SCOPES)
_TYPES = {
    "name": str,
    "owner": str,
    "duration_seconds": int,
    **dict.fromkeys(_FIELDS, list),
    LIMITS: dict,
}
_MOST_CALLS = 1e9


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """`most` keys at once (0: keys are not enabled), each for at most `seconds` (0: for ever)."""

    most: int = 100
    seconds: int = 7_776_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """`token` is shown this once and never again."""

    id: str
    token: str


class ApiKeys:
    """`clock` gives epoch milliseconds; `changed` as in fairlead.service.security.objects."""

    def __init__(
        self, store: Store, limits: KeyLimits, clock: Callable[[], int], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock
        self._changed = changed

    async def create(self, wanted: Json, creator: str, may_own: Callable[[str], bool]) -> NewKey:
        """`may_own`: whether the creator may make a key for that user. Raises SecurityApiFault."""
        self._require_enabled()
        body = _checked(wanted)
        owner = body.pop("owner", creator)
        seconds = self._duration(body.pop("duration_seconds", 0))
        id, secret = secrets.token_hex(ID_CHARACTERS // 2), secrets.token_urlsafe(32)
        now = self._clock()
        entry = {
            **body,
            "owner": owner,
            "created_by": creator,
            "hash": digest_of(secret),
            "created": now,
            "expires_at": now + seconds * 1000 if seconds else 0,
        }

        async def prepare() -> tuple[Batch, None]:
            user = await self._store.get(USERS.kind, owner)
            if user is None or not may_own(owner):
                raise SecurityApiFault(400, f"[owner] '{owner}' is not an internal user that you may make a key for.")
            steps = await self._room(body["name"], now)
            return [*steps, Put(KIND, id, entry, 0)], None

        await commit(self._store, prepare)
        await self._changed()
        return NewKey(id, token_of(id, secret))

    async def listed(self) -> list[Json]:
        uses = {document.id: document.body["last_used"] for document in await self._store.all(USE_KIND)}
        return [_shown(document, uses.get(document.id)) for document in await self._store.all(KIND)]

    async def revoke(self, id: str) -> None:
        """Raises SecurityApiFault 404. When it returns, the key opens nothing any more."""
        await self._update(id, lambda body: body if body.get("revoked_at") else {**body, "revoked_at": self._clock()})

    async def rotate(self, id: str, grace_seconds: int) -> NewKey:
        """A new secret under the same id; the old one stays good for `grace_seconds`."""
        self._require_enabled()
        secret = secrets.token_urlsafe(32)

        def rotated(body: Json) -> Json:
            now = self._clock()
            if body.get("revoked_at") or 0 < body.get("expires_at", 0) <= now:
                raise SecurityApiFault(400, f"Token {id} is revoked or has expired.")
            previous = {"hash": body["hash"], "until": now + grace_seconds * 1000}
            return {**body, "hash": digest_of(secret), "previous": previous}

        await self._update(id, rotated)
        return NewKey(id, token_of(id, secret))

    async def _update(self, id: str, change: Callable[[Json], Json]) -> None:
        async def prepare() -> tuple[Batch, None]:
            found = await self._store.get(KIND, id)
            if found is None:
                raise SecurityApiFault(404, f"Token {id} not found.")
            return [Put(KIND, id, change(found.body), found.revision)], None

        await commit(self._store, prepare)
        await self._changed()

    async def _room(self, name: str, now: int) -> list[Step]:
        """Raises unless there is room for a key of that name; what takes away keys that are long over."""
        steps: list[Step] = []
        active = 0
        for document in await self._store.all(KIND):
            over = document.body.get("revoked_at") or document.body.get("expires_at") or 0
            if 0 < over <= now - KEPT_MS:
                steps += [Remove(KIND, document.id, document.revision), Remove(USE_KIND, document.id)]
                steps += without_bucket(document)
            elif not 0 < over <= now:
                active += 1
                if document.body["name"] == name:
                    raise SecurityApiFault(400, f"A token with name '{name}' already exists.")
        if active >= self._limits.most:
            most = self._limits.most
            raise SecurityApiFault(
                429, f"Maximum limit of {most} API tokens reached. Please revoke tokens that are not needed any more."
            )
        return steps

    def _require_enabled(self) -> None:
        if self._limits.most == 0:
            raise SecurityApiFault(403, "API tokens are not enabled.")

    def _duration(self, seconds: int) -> int:
        most = self._limits.seconds
        if seconds < 0:
            raise SecurityApiFault(400, "Token duration must be positive.")
        if most and seconds == 0:
            raise SecurityApiFault(400, f"Non-expiring tokens are not allowed. Maximum duration is {most} seconds.")
        if most and seconds > most:
            raise SecurityApiFault(400, f"Token duration exceeds the maximum allowed duration of {most} seconds.")
        return seconds


def read_grace(body: Json) -> int:
    """The grace time of a rotation, in seconds. Raises SecurityApiFault."""
    unknown = [key for key in body if key != "grace_seconds"]
    if unknown:
        raise InvalidSecurityObject("Invalid configuration", {"invalid_keys": {"keys": ",".join(unknown)}})
    value: Any = body.get("grace_seconds", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_GRACE:
        raise SecurityApiFault(400, f"[grace_seconds] must be a whole number from 0 to {LONGEST_GRACE}")
    return value


def _checked(wanted: Json) -> Json:
    """The body of a new key. Raises SecurityApiFault."""
    unknown = [key for key in wanted if key not in _TYPES]
    if unknown:
        raise InvalidSecurityObject("Invalid configuration", {"invalid_keys": {"keys": ",".join(unknown)}})
    body = {key: value for key, value in wanted.items() if value is not None}
    for key, value in body.items():
        if not isinstance(value, _TYPES[key]) or isinstance(value, bool):
            word = {str: "String", int: "Integer", list: "Array", dict: "Object"}[_TYPES[key]]
            raise InvalidSecurityObject("Wrong datatype", {key: f"{word} expected"})
    name = body.get("name", "")
    if not name.strip():
        raise SecurityApiFault(400, "Token name is required.")
    if not _NAME.fullmatch(name):
        raise SecurityApiFault(400, "Token name must contain only alphanumeric characters, hyphens, and underscores.")
    lists = dict.fromkeys(("cluster_permissions", *_SCOPES), FieldType.LIST)
    named = {"name": FieldType.TEXT, **lists}
    validation.check(validation.Shape(named), {key: body[key] for key in named if key in body})
    for text in body.get("allowed_cidrs", ()):
        try:
            ipaddress.ip_network(text)
        except ValueError as fault:
            raise SecurityApiFault(400, f"[allowed_cidrs] '{text}' is not a network: 10.0.0.0/8, fd00::/8") from fault
    if LIMITS in body:
        _check_limits(body[LIMITS])
    for entry in body.get("index_permissions", ()):
        if not isinstance(entry, dict) or set(entry) - {"index_pattern", "allowed_actions"}:
            raise InvalidSecurityObject("Wrong datatype", {"index_permissions": "Array of Object expected"})
    return body


def _check_limits(limits: Json) -> None:
    """`{"limit": 100, "unit": "MINUTES"}`, both. Raises SecurityApiFault."""
    unknown = [key for key in limits if key not in ("limit", "unit")]
    if unknown:
        raise InvalidSecurityObject("Invalid configuration", {"invalid_keys": {"keys": ",".join(unknown)}})
    limit, unit = limits.get("limit"), limits.get("unit")
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit <= _MOST_CALLS:
        raise SecurityApiFault(400, f"[limits.limit] must be a number above 0 and at most {_MOST_CALLS:.0f}")
    if not isinstance(unit, str) or unit not in PERIODS:
        raise SecurityApiFault(400, f"[limits.unit] must be one of {', '.join(PERIODS)}")


def _shown(document: Document, last_used: int | None) -> Json:
    body = document.body
    shown: Json = {
        "id": document.id,
        "name": body["name"],
        "iat": body["created"],
        "expires_at": body["expires_at"],
        "cluster_permissions": body.get("cluster_permissions", []),
        "index_permissions": body.get("index_permissions", []),
        "owner": body["owner"],
        "created_by": body["created_by"],
    }
    shown |= {key: body[key] for key in ("revoked_at", *_SCOPES, LIMITS) if key in body}
    if last_used is not None:
        shown["last_used"] = last_used
    return shown
