"""API keys as they are stored and as a worker judges by them (spec/06 14.1); no secret can be read from either.

A key belongs to a user, dies with it, and only narrows what that user may do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from fairlead.domain.bucket import KIND as BUCKETS
from fairlead.domain.bucket import BucketKey, Rate
from fairlead.domain.ports import Document, Json, Remove, Step, Store
from fairlead.security.name_patterns import Matcher, compile_lenient

KIND = "api_key"
PREFIX = "fl_"
LIMITS = "limits"
"""Member of a stored key: how many calls to providers it may cause, as the `rate_limiter` of a model."""
ID_CHARACTERS, SECRET_CHARACTERS = 16, 43
_TOKEN = re.compile(
    rf"{PREFIX}([0-9a-z]{{{ID_CHARACTERS}}})_([A-Za-z0-9_-]{{{SECRET_CHARACTERS}}})_([0-9a-f]{{8}})", re.ASCII
)
DEFAULT_PERMISSIONS = ("cluster:admin/opensearch/ml/predict", "cluster:admin/opensearch/ml/predict/stream")
"""What a key may do that names no permissions."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ModelGroups = Mapping[str, str | None]
"""The model group of each model, by its id; None for a model in none."""
NO_GROUPS: ModelGroups = MappingProxyType({})


def token_of(id: str, secret: str) -> str:
    """The text that a caller sends; its check sum lets scanners tell a key from noise."""
    text = f"{PREFIX}{id}_{secret}"
    return f"{text}_{zlib.crc32(text.encode()):08x}"


def split_token(token: str) -> tuple[str, str] | None:
    """Id and secret, or None for what is no key of ours."""
    found = _TOKEN.fullmatch(token)
    if found is None or token_of(found[1], found[2]) != token:
        return None
    return found[1], found[2]


def digest_of(secret: str) -> str:
    """What is stored. 256 random bits need no slow hash."""
    return base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode("ascii")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as a worker judges by it. Times are epoch milliseconds; `expires_at` 0: never."""

    id: str
    name: str
    owner: str
    digest: bytes = field(repr=False)
    previous: bytes = field(repr=False)
    previous_until: int
    expires_at: int
    revoked: bool
    permissions: Matcher
    model_ids: frozenset[str] | None
    model_group_ids: frozenset[str] | None
    networks: tuple[Network, ...] | None
    backend_roles: frozenset[str] | None
    rate: Rate | None = None
    decisions: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    @staticmethod
    def of(id: str, body: Json, permissions: Collection[str]) -> ApiKey:
        """`permissions`: the entry's own, with action groups opened."""
        previous = body.get("previous") or {}
        return ApiKey(
            id,
            body["name"],
            body["owner"],
            base64.b64decode(body["hash"]),
            base64.b64decode(previous.get("hash", "")),
            int(previous.get("until", 0)),
            int(body.get("expires_at") or 0),
            bool(body.get("revoked_at")),
            compile_lenient(permissions),
            _optional_set(body.get("model_ids")),
            _optional_set(body.get("model_group_ids")),
            None
            if body.get("allowed_cidrs") is None
            else tuple(ipaddress.ip_network(text) for text in body["allowed_cidrs"]),
            _optional_set(body.get("backend_roles")),
            Rate.of(body.get(LIMITS)),
        )

    def opens(self, secret: str, now: int) -> bool:
        """Whether the secret is the key's, or the one before within its grace time."""
        given = hashlib.sha256(secret.encode()).digest()
        if hmac.compare_digest(given, self.digest):
            return True
        return now < self.previous_until and hmac.compare_digest(given, self.previous)

    def valid(self, now: int) -> bool:
        return not self.revoked and (self.expires_at == 0 or now < self.expires_at)

    def admits(self, address: str) -> bool:
        """Whether the key may be used from there."""
        if self.networks is None:
            return True
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self.networks)

    def allows(self, action: str, model_id: str | None, groups: ModelGroups) -> bool:
        """Whether the action is in the key's scope; one that is bound to models or groups allows nothing that names no
        model. A model is in the group in which it is now."""
        if self.model_ids is not None and model_id not in self.model_ids:
            return False
        if self.model_group_ids is not None and (model_id is None or groups.get(model_id) not in self.model_group_ids):
            return False
        decision = self.decisions.get(action)
        if decision is None:
            decision = self.decisions[action] = self.permissions.matches(action)
        return decision


def _optional_set(values: Collection[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


async def keys_of(store: Store, owners: Collection[str]) -> list[Step]:
    """What removes every key of these users."""
    if not owners:
        return []
    return [
        step
        for document in await store.all(KIND)
        if document.body["owner"] in owners
        for step in (Remove(KIND, document.id, document.revision), *without_bucket(document))
    ]


def without_bucket(document: Document) -> list[Step]:
    """What removes the bucket of a key that goes."""
    return [Remove(BUCKETS, BucketKey("", api_key=document.id).id)] if LIMITS in document.body else []
