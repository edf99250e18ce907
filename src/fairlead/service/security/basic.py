"""Identity source: user name and password of the internal users (spec/06 6.4, 7.1). Keeps no password, not even hashed.

A good login is remembered by a keyed hash of its header under the configuration that admitted it; the key is this
process's own. A name that nobody has costs the same as one with the costliest hash (T-11, S-12).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable

from fairlead.domain.identity import Head, LoginLimits, Refused, Verdict
from fairlead.domain.principal import Principal
from fairlead.security.passwords import cost_of, hash_password, verify_password
from fairlead.service.security.configuration import Configuration, CurrentConfiguration, User
from fairlead.service.security.hashing import RETRY_SECONDS, HashingOverloaded, HashPool

CACHE_MINUTES = 60
"""As `plugins.security.cache.ttl_minutes`; every change of the configuration empties the cache before."""
MOST_REMEMBERED = 20_000
_LONGEST = 4096
"""Bytes of a header that are looked at; nobody's password is longer than 128 characters."""
_SCHEME = b"basic "
_PAUSES = tuple(min(0.02 * 1.5**turn, 0.25) for turn in range(24))
"""Seconds, five in all, in which a login waits for others whose end decides whether it may be tried: their worker may be
another, which cannot wake it. They grow, since each look takes the lock of the table that all workers share."""
MOST_WAITING = 64
_CHANGES = 3
"""How often a hash that is exchanged during a login is looked at again."""


class BasicSource:
    """`monotonic` gives seconds, `clock` epoch milliseconds; `proved` hears name, hash and password of a good login."""

    name = "basic"
    challenge: str | None = 'Basic realm="OpenSearch Security"'

    def __init__(
        self,
        configuration: CurrentConfiguration,
        pool: HashPool,
        limits: LoginLimits,
        monotonic: Callable[[], float],
        clock: Callable[[], int],
    ) -> None:
        self._configuration = configuration
        self._pool = pool
        self._limits = limits
        self._monotonic = monotonic
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._seen: Configuration | None = None
        self._verified: dict[bytes, tuple[Principal, float]] = {}
        self._verifying: dict[bytes, asyncio.Task[bool]] = {}
        self._logins: dict[bytes, asyncio.Event] = {}
        self._decoy = ""
        self._waiting = 0
        self.proved: Callable[[str, str, str], None] = lambda name, stored, password: None

    def remembered(self, authorization: bytes, address: str) -> Principal | None:
        """Who proved these credentials before, under this configuration."""
        if authorization[:6].lower() != _SCHEME:
            return None
        known = self._verified.get(self._digest(self._current(), authorization, address))
        return known[0] if known is not None and known[1] > self._monotonic() else None

    async def identify(self, head: Head) -> Principal | Refused | None:
        value = head.authorization
        if value is None or value[:6].lower() != _SCHEME:
            return None
        known = self.remembered(value, head.address)
        if known is not None:
            return known
        digest = self._digest(self._current(), value, head.address)
        first = self._logins.get(digest)
        if first is not None:
            # Who sends the same credentials at once takes no try of a limit, and no place in a queue, if they are right.
            await first.wait()
            known = self.remembered(value, head.address)
            return await self._login(head, value) if known is None else known
        ended = self._logins[digest] = asyncio.Event()
        try:
            return await self._login(head, value)
        finally:
            del self._logins[digest]
            ended.set()

    def _current(self) -> Configuration:
        """The configuration of this moment; a new one forgets every login."""
        configuration = self._configuration()
        if configuration is not self._seen:
            self._verified.clear()
            self._seen, self._decoy = configuration, ""
        return configuration

    def _digest(self, configuration: Configuration, value: bytes, address: str) -> bytes:
        text = value if not configuration.by_address else value + b"\0" + address.encode()
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()

    async def _login(self, head: Head, value: bytes) -> Principal | Refused:
        configuration = self._current()
        digest = self._digest(configuration, value, head.address)
        credentials = _credentials(value)
        if credentials is None:
            return Refused("the Basic credentials cannot be read")
        name, password = credentials
        verdict = await self._begin(name, head.address)
        if verdict is Verdict.SOURCE_BLOCKED:
            return Refused("too many failed logins from this address", name, final=True)
        if verdict is Verdict.REFUSED:
            return Refused("too many failed logins", name)
        if verdict is Verdict.BUSY:
            return Refused("too many logins at once", name, RETRY_SECONDS)
        known = self.remembered(value, head.address)  # it may have been proved on another connection meanwhile
        try:
            stored = "" if known is not None else await self._prove(configuration, digest, name, password)
        except BaseException as fault:
            self._limits.withdrawn(name, head.address)
            if isinstance(fault, HashingOverloaded):
                return Refused("too many logins at once", name, RETRY_SECONDS)
            raise
        if known is not None:
            self._limits.withdrawn(name, head.address)
            return known
        if not stored:
            self._limits.failed(name, head.address)
            return Refused("unknown user, disabled user or wrong password", name)
        self._limits.succeeded(name, head.address)
        admitted = self._admit(head, digest, name, stored)
        if isinstance(admitted, Principal):
            self.proved(name, stored, password)
        return admitted

    async def _begin(self, name: str, address: str) -> Verdict:
        """Waits a while for tries under way: often they are of the same user, on other connections."""
        verdict = self._limits.begin(name, address)
        if verdict is not Verdict.BUSY or self._waiting >= MOST_WAITING:
            return verdict
        self._waiting += 1
        try:
            for pause in _PAUSES:
                await asyncio.sleep(pause)
                verdict = self._limits.begin(name, address)
                if verdict is not Verdict.BUSY:
                    break
        finally:
            self._waiting -= 1
        return verdict

    async def _prove(self, configuration: Configuration, digest: bytes, name: str, password: str) -> str:
        """The stored hash that the password is right for; "" if there is none. A hash that was exchanged meanwhile, as by
        another login of the same user, is no reason to refuse: the new one is looked at."""
        stored = ""
        for _ in range(_CHANGES):
            user = configuration.user(name)
            stored = user.hash if user is not None and user.enabled and user.hash else ""
            correct = await self._verify(digest, stored or await self._cost_alike(configuration), password)
            if not (correct and stored):
                return ""
            configuration = self._current()
            user = configuration.user(name)
            if user is None or user.hash == stored:
                break
        return stored

    def _admit(self, head: Head, digest: bytes, name: str, stored: str) -> Principal | Refused:
        """What was proved holds for the configuration of this moment: it may have changed while the hash was computed."""
        configuration = self._configuration()
        user = configuration.user(name)
        if user is None or not user.enabled or user.hash != stored:
            return Refused("the user changed during the login", name)
        seconds = float(CACHE_MINUTES * 60)
        if user.password_until:
            seconds = min(seconds, (user.password_until - self._clock()) / 1000)
        if seconds <= 0:
            return Refused("the generated password has expired and was not replaced", name)
        principal = configuration.mapped(principal_of(user), head.address)
        if configuration is self._seen:
            if len(self._verified) >= MOST_REMEMBERED:
                self._verified.pop(next(iter(self._verified)))
            self._verified[digest] = (principal, self._monotonic() + seconds)
        return principal

    async def _verify(self, digest: bytes, stored: str, password: str) -> bool:
        """One computation for all who send the same credentials at once."""
        key = digest + stored.encode()
        task = self._verifying.get(key)
        if task is None:
            task = asyncio.ensure_future(self._pool.run(lambda: verify_password(stored, password)))
            self._verifying[key] = task
            task.add_done_callback(lambda _: self._verifying.pop(key, None))
        return await asyncio.shield(task)

    async def _cost_alike(self, configuration: Configuration) -> str:
        """The hash over which a name that nobody has is verified: the costliest in use."""
        if not self._decoy:
            hashes = [str(body.get("hash") or "") for body in configuration.users.values()]
            decoy = max(hashes, key=cost_of, default="")
            if cost_of(decoy) == 0:
                decoy = await self._pool.run(lambda: hash_password(secrets.token_urlsafe()))
            self._decoy = decoy
        return self._decoy


def principal_of(user: User) -> Principal:
    """The caller as the user entry says, before any mapping."""
    return Principal(user.name, user.backend_roles, user.roles, user.attributes)


def _credentials(value: bytes) -> tuple[str, str] | None:
    """Name and password; the name ends at the first colon."""
    if len(value) > _LONGEST:
        return None
    try:
        text = base64.b64decode(value[len(_SCHEME) :].strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon and name and password else None
