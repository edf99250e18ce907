"""An issuer's keys: configured ones, or a set fetched from its URL, kept, renewed and bounded (spec/06 T-26).

Never fetches because a stranger asks more often than the row allows; known keys go on working while the issuer is away.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from fairlead.security.jwt import Key, TokenFault, import_key

log = logging.getLogger("fairlead.security.keys")

FRESH_SECONDS = 600.0
STALE_SECONDS = 86_400.0
_FIRST_SECONDS = 2.0
"""Between tries while there is no key at all."""
_WAIT_SECONDS = 2.5

Fetch = Callable[[str], Awaitable[bytes]]
"""The body of a URL. Raises FetchFault."""


class FetchFault(Exception):
    """A URL that gave nothing; the text says why, without the reply."""


class KeySet(Protocol):
    """Where a token's keys come from. `version` grows whenever a key may be gone."""

    version: int

    async def keys(self, kid: str | None) -> Sequence[Key]: ...


class FixedKeys:
    """Keys of the configuration."""

    version = 0

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys

    async def keys(self, kid: str | None) -> Sequence[Key]:
        return self._keys


class FetchedKeys:
    """The set at `jwks_uri`, or at the `jwks_uri` of the discovery document at `discovery`.

    A refresh is due after ten minutes, or at once for an unknown `kid`, but at most `count` times in `window` seconds.
    """

    def __init__(
        self,
        fetch: Fetch,
        monotonic: Callable[[], float],
        *,
        jwks_uri: str = "",
        discovery: str = "",
        issuer: str = "",
        window: float = 30.0,
        count: int = 1,
        most_keys: int = 100,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._jwks_uri = jwks_uri
        self._discovery = discovery
        self._issuer = issuer
        self._window = window
        self._count = count
        self._most = most_keys
        self._keys: tuple[Key, ...] = ()
        self._fetched = float("-inf")
        self._tries: list[float] = []
        self._refreshing: asyncio.Task[None] | None = None
        self.version = 0

    async def keys(self, kid: str | None) -> Sequence[Key]:
        """Raises TokenFault while there are none."""
        age = self._monotonic() - self._fetched
        known = bool(self._keys) and age < STALE_SECONDS
        missing = not known or (kid is not None and all(key.kid != kid for key in self._keys))
        if missing or age > FRESH_SECONDS:
            refresh = self._refresh(known)
            if refresh is not None and missing:
                await asyncio.wait([refresh], timeout=_WAIT_SECONDS)
        if not self._keys or self._monotonic() - self._fetched >= STALE_SECONDS:
            raise TokenFault("the issuer's keys cannot be fetched")
        return self._keys

    def _refresh(self, known: bool) -> asyncio.Task[None] | None:
        """The refresh that runs, or a new one if one is allowed."""
        if self._refreshing is not None and not self._refreshing.done():
            return self._refreshing
        now = self._monotonic()
        window = self._window if known else min(self._window, _FIRST_SECONDS)
        self._tries = [moment for moment in self._tries if moment > now - window]
        if len(self._tries) >= self._count:
            return None
        self._tries.append(now)
        self._refreshing = asyncio.create_task(self._run())
        return self._refreshing

    async def _run(self) -> None:
        try:
            if self._discovery:
                self._jwks_uri = await self._discovered()
            found = self._read(_document(await self._fetch(self._jwks_uri)))
        except FetchFault as fault:
            log.warning("keys of issuer %s are not renewed: %s", self._issuer, fault)
            return
        if [key.kid for key in found] != [key.kid for key in self._keys] or not _same(found, self._keys):
            self.version += 1
        self._keys = found
        self._fetched = self._monotonic()

    async def _discovered(self) -> str:
        document = _document(await self._fetch(self._discovery))
        if document.get("issuer") != self._issuer:
            raise FetchFault("the discovery document names another issuer")
        found = document.get("jwks_uri")
        if not isinstance(found, str):
            raise FetchFault("the discovery document has no jwks_uri")
        return found

    def _read(self, document: dict[str, Any]) -> tuple[Key, ...]:
        rows = document.get("keys")
        if not isinstance(rows, list):
            raise FetchFault("the key set has no list of keys")
        if len(rows) > self._most:
            raise FetchFault(f"the key set has more than {self._most} keys")
        found = []
        for row in rows:
            try:
                found.append(import_key(row if isinstance(row, dict) else {}))
            except TokenFault as fault:
                log.info("a key of issuer %s is not used: %s", self._issuer, fault)
        if not found:
            raise FetchFault("the key set has no usable key")
        return tuple(found)


def _same(one: Sequence[Key], other: Sequence[Key]) -> bool:
    return [key.key.as_dict(private=False) for key in one] == [key.key.as_dict(private=False) for key in other]


def _document(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise FetchFault("the reply is not JSON") from None
    if not isinstance(value, dict):
        raise FetchFault("the reply is no JSON object")
    return value
