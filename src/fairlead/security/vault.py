"""The vault: seals and opens credential values with data keys that lie wrapped in the store.

Opening it settles the first start (one data key, one key-encryption key, whoever comes first) and finds a wrong or
missing key before anything is asked of it. It then works on: only what needs the missing key is refused. It follows the
store: a key that another process made is known as soon as a value needs it (spec/06 section 15.1).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NoReturn

from fairlead.domain.ports import Conflict, Document, KeyProblem, Put, SealContext, Step, Store, StoreUnavailable
from fairlead.domain.sealed import REFERENCE_KIND, SEALED
from fairlead.domain.secret import Secret
from fairlead.errors import IllegalState, ResourceNotFound, Unavailable
from fairlead.security import data_keys
from fairlead.security.data_keys import DOCUMENT, KIND, DataKeys
from fairlead.security.envelope import KEY_BYTES, NONCE_BYTES, BrokenSeal, Envelope, Key, context_data
from fairlead.security.keyring import KeyProvider, KeyringError, KeyServiceAway, Random, WrappingKeys

__all__ = ["DOCUMENT", "KIND", "AesVault", "KeyProblem", "open_vault"]

log = logging.getLogger("fairlead.security")

_NOT_INITIALIZED = (
    "The ML encryption master key has not been initialized yet. Please retry after waiting for 10 seconds."
)

Learn = Callable[[Collection[Secret]], None]
"""Told of every value that was opened: the log's second net masks them (fairlead.security.redaction)."""


class AesVault:
    """`fairlead.domain.ports.Vault` over keys in memory; opening takes microseconds and waits for nothing unless a data
    key is new here. Sealing asks the store whether the keys changed.

    `problem` is None when every data key of the store is at hand.
    """

    __slots__ = ("_clock", "_learn", "_lock", "_provider", "_random", "_store", "problem", "state", "used")

    def __init__(
        self,
        store: Store,
        provider: KeyProvider,
        state: DataKeys,
        problem: KeyProblem | None = None,
        random: Random = os.urandom,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        learn: Learn | None = None,
    ) -> None:
        self._store = store
        self._provider = provider
        self._random = random
        self._clock = clock
        self._learn = learn
        self._lock = asyncio.Lock()
        self.state = state
        self.problem = problem
        self.used: Counter[str] = Counter()
        """Values sealed by each data key since this was last taken away: nonces are safe for a number of times only."""

    async def seal(self, values: Mapping[SealContext, Secret]) -> dict[SealContext, str]:
        """An envelope for each value, by the newest key; `fence()` belongs into the batch that stores them.

        Raises ResourceNotFound when no key is at hand, StoreUnavailable.
        """
        known = {place.kind for place in SEALED}
        for context in values:
            if context.kind.removesuffix(REFERENCE_KIND) not in known:
                raise ValueError(
                    f"[{context.kind}] is not listed in fairlead.domain.sealed: its keys could not be rotated"
                )
        await self.refresh()
        if not values:
            return {}
        key = await self._sealing_key()
        self.used[key.id] += len(values)
        self._tell(values.values())
        return {
            context: key.seal(
                secret.reveal().encode("utf-8", "surrogatepass"),
                context_data(context, key.id),
                self._random(NONCE_BYTES),
            )
            for context, secret in values.items()
        }

    async def open(self, values: Mapping[SealContext, str]) -> dict[SealContext, Secret]:
        """The plain value of each envelope.

        Raises ResourceNotFound when its key is not at hand, IllegalState when it was sealed for something else.
        """
        opened = {context: await self._opened(context, text) for context, text in values.items()}
        self._tell(opened.values())
        return opened

    @property
    def store(self) -> Store:
        return self._store

    @property
    def active(self) -> str | None:
        """The id of the data key that seals now."""
        return self.state.sealing

    @property
    def made(self) -> int:
        return self.state.made(self.state.active)

    async def recount(self) -> None:
        """Counts anew the resources that the problem concerns: they may have got new credentials. Raises StoreUnavailable."""
        await self.refresh()
        if self.problem is not None:
            await self._find_problem(await self._loaded())

    def fence(self) -> Sequence[Step]:
        """Holds the batch against a change of keys: nothing is stored that a key which was retired meanwhile sealed."""
        return (self.state.fence(),)

    async def refresh(self) -> None:
        """Takes in what became of the keys, in the store and where they come from. Raises StoreUnavailable."""
        async with self._lock:
            document = await self._store.get(KIND, DOCUMENT)
            if document is None:
                raise StoreUnavailable("the data keys are gone from the store")
            if document.revision == self.state.revision and not self.state.absent:
                return
            await self._take(document)

    async def _take(self, document: Document) -> None:
        changed = document.revision != self.state.revision
        keys = await self._loaded()
        state = await data_keys.unwrapped(document, keys, self.state.at_hand)
        changed = changed or state.absent != self.state.absent
        self.state = state
        if changed:
            await self._find_problem(keys)

    async def _loaded(self) -> WrappingKeys | None:
        try:
            return await self._provider.load()
        except KeyringError as fault:
            # A file that is being changed is no reason to give up keys that are in memory.
            log.warning("the keys cannot be read again: %s", fault)
            return None

    async def _find_problem(self, keys: WrappingKeys | None) -> None:
        self.problem = await data_keys.find_problem(self._store, self.state, keys, self._provider.source)

    async def add_data_key(self, steps: Sequence[Step] = ()) -> str:
        """Makes a data key, active from now on; `steps` are written with it. Raises Conflict, KeyringError."""
        await self.refresh()
        keys = await self._provider.load() or await self._provider.create()
        return await self._add(keys, steps, active=True)

    async def write(self, body: dict[str, object], steps: Sequence[Step] = ()) -> None:
        """Replaces the document of keys that this vault has seen last. Raises Conflict, StoreUnavailable."""
        await self._store.write([Put(KIND, DOCUMENT, body, self.state.revision), *steps])
        await self.refresh()

    async def _add(self, keys: WrappingKeys, steps: Sequence[Step], *, active: bool) -> str:
        key = Key(self._random(KEY_BYTES))
        try:
            body = await data_keys.with_key(self.state.body, key, keys, self._clock())
        except KeyServiceAway as fault:
            raise Unavailable(f"No data key can be made: {fault}") from fault
        await self.write({**body, "active": key.id} if active else body, steps)
        return key.id

    async def _sealing_key(self) -> Key:
        """The active key. When the key that wraps it is lost, one under the key that this process has, so that a resource
        can be given its credential anew; processes with the right key go on with theirs."""
        for _ in range(3):
            id = self.state.sealing
            if id is not None:
                return self.state.at_hand[id]
            if self.state.damaged or self.state.away:
                break
            keys = await self._provider.load() or await self._provider.create()
            if any(keys.holds(wanted) for wanted in self.state.absent.values()):
                break
            log.warning("no data key is at hand: a new one is made under key %s", keys.active)
            try:
                await self._add(keys, (), active=False)
            except Conflict:
                await self.refresh()
        raise self._missing(self.state.active)

    def _tell(self, secrets: Collection[Secret]) -> None:
        if self._learn is not None:
            self._learn(secrets)

    async def _opened(self, context: SealContext, text: str) -> Secret:
        try:
            envelope = Envelope.parse(text)
            key = await self._key(envelope.key_id)
            plain = key.open(envelope, context_data(context, key.id))
        except BrokenSeal as fault:
            raise IllegalState(
                f"Credential [{context.field}] of {context.kind} [{context.resource}] does not open: {fault}. "
                "Update it with the credential."
            ) from fault
        return Secret(plain.decode("utf-8", "surrogatepass"))

    async def _key(self, id: str) -> Key:
        if id not in self.state.at_hand:
            await self.refresh()
        if id in self.state.at_hand:
            return self.state.at_hand[id]
        raise self._missing(id)

    def _missing(self, id: str) -> ResourceNotFound:
        return ResourceNotFound(f"{_NOT_INITIALIZED} Key [{self.state.absent.get(id, id)}] is not at hand.")

    def __repr__(self) -> str:
        return (
            f"AesVault(active={self.state.active}, keys={sorted(self.state.at_hand)}, "
            f"absent={sorted(self.state.absent)})"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AesVault cannot be pickled")


async def open_vault(
    store: Store, provider: KeyProvider, *, random: Random = os.urandom, learn: Learn | None = None
) -> AesVault:
    """The vault of a store, its keys made at the first start.

    Raises KeyringError when this is a first start and another process was first with another key, or when the
    store's keys are of a newer format; StoreUnavailable. A later start with a wrong key gives a vault with a `problem`.
    """
    document = await store.get(KIND, DOCUMENT)
    keys = await provider.load()
    if document is None:
        if keys is None:
            keys = await provider.create()
        try:
            document = await data_keys.first_document(store, keys, random, time.time_ns() // 1_000_000)
        except KeyServiceAway as fault:
            raise KeyringError(f"the first data key cannot be made: {fault}") from fault
        _require_same_key(document.body["wrapping"], keys, provider)
    state = await data_keys.unwrapped(document, keys, {})
    problem = await data_keys.find_problem(store, state, keys, provider.source)
    return AesVault(store, provider, state, problem, random, learn=learn)


def _require_same_key(checks: Mapping[str, str], keys: WrappingKeys, provider: KeyProvider) -> None:
    if not any(keys.holds(id) for id in checks):
        raise KeyringError(
            f"{provider.source} holds key {keys.active}, but another process set this store up with key "
            f"{', '.join(sorted(checks))} first: give this one the same key; no second one is made"
        )
