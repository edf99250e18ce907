"""Identity source: API keys, looked up by id in memory and compared by hash; no database and no slow hash (spec/06 14.1)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from fairlead.domain.identity import Head, Refused
from fairlead.domain.principal import Principal
from fairlead.service.security.configuration import Configuration, CurrentConfiguration
from fairlead.service.security.key_entries import ApiKey, split_token

_SCHEMES = (b"apikey ", b"bearer ")
_LONGEST = 128
MOST_REMEMBERED = 20_000


class ApiKeySource:
    """`clock` gives epoch milliseconds; `used` hears of every use."""

    name = "api_key"
    challenge: str | None = None

    def __init__(
        self, configuration: CurrentConfiguration, clock: Callable[[], int], used: Callable[[str, int], None]
    ) -> None:
        self._configuration = configuration
        self._clock = clock
        self._used = used
        self._secret = secrets.token_bytes(32)
        self._seen: Configuration | None = None
        self._opened: dict[bytes, tuple[ApiKey, Principal]] = {}

    def remembered(self, authorization: bytes, address: str) -> Principal | None:
        """Whom a key that was opened before, under this configuration, stands for."""
        if not authorization.startswith(b"fl_", 7) or len(authorization) > _LONGEST:
            return None
        configuration = self._configuration()
        if configuration is not self._seen:
            self._opened.clear()
            self._seen = configuration
        known = self._opened.get(self._digest(authorization))
        if known is None:
            return None
        key, principal = known
        now = self._clock()
        if not key.valid(now) or not key.admits(address):
            return None
        self._used(key.id, now)
        return principal

    async def identify(self, head: Head) -> Principal | Refused | None:
        value = head.authorization
        if value is None or value[:7].lower() not in _SCHEMES:
            return None
        if not value.startswith(b"fl_", 7):
            return None  # another source's bearer token
        if len(value) > _LONGEST:
            return Refused("the text is no API key")
        known = self.remembered(value, head.address)
        return self._open(head, self._configuration(), value) if known is None else known

    def _digest(self, value: bytes) -> bytes:
        return hashlib.blake2b(value, key=self._secret, digest_size=32).digest()

    def _open(self, head: Head, configuration: Configuration, value: bytes) -> Principal | Refused:
        found = split_token(value[7:].decode("latin-1").rstrip())
        if found is None:
            return Refused("the text is no API key")
        id, secret = found
        key = configuration.key(id)
        now = self._clock()
        if key is None or not key.opens(secret, now):
            return Refused("unknown API key or wrong secret")
        shown = f"{key.owner} (key:{key.name})"
        if not key.valid(now):
            return Refused("the API key is revoked or has expired", shown)
        if not key.admits(head.address):
            return Refused("the API key may not be used from this address", shown)
        principal = configuration.holder(key, head.address)
        if principal is None:
            return Refused("the API key's owner is disabled", shown)
        self._used(id, now)
        # What depends on the address or on a grace time is looked at each time.
        if not configuration.by_address and not key.previous:
            if len(self._opened) >= MOST_REMEMBERED:
                self._opened.clear()
            self._opened[self._digest(value)] = (key, principal)
        return principal
