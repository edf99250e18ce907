"""Identity source: API keys, looked up by id in memory and compared by hash; no database and no slow hash (spec/06 14.1)."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.domain.identity import Head, Refused
from fairlead.domain.principal import Principal
from fairlead.service.security.configuration import CurrentConfiguration
from fairlead.service.security.key_entries import split_token

_SCHEMES = (b"apikey ", b"bearer ")
_LONGEST = 128


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

    async def identify(self, head: Head) -> Principal | Refused | None:
        value = head.authorization
        if value is None or value[:7].lower() not in _SCHEMES:
            return None
        if not value.startswith(b"fl_", 7):
            return None  # another source's bearer token
        found = split_token(value[7:].decode("latin-1").rstrip()) if len(value) <= _LONGEST else None
        if found is None:
            return Refused("the text is no API key")
        id, secret = found
        configuration = self._configuration()
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
        return principal
