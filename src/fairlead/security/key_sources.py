"""Which providers of key-encryption keys the settings ask for, and several of them as one.

The first one wraps; all of them are read, so that data keys can be moved from one to another by a rotation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fairlead.security.envelope import BrokenSeal
from fairlead.security.key_file import DIRECTORY, FileKeyProvider
from fairlead.security.keyring import (
    GivenKeyProvider,
    KeyProvider,
    KeyringError,
    Random,
    WrappingKeys,
    wrapping_id,
)
from fairlead.security.private_file import UnsafeFile, private_bytes

VARIABLE = "FAIRLEAD_MASTER_KEY"


def key_provider(
    data_dir: Path,
    master_key: str = "",
    master_key_file: str = "",
    random: Random = os.urandom,
    services: Sequence[KeyProvider] = (),
    readable: Sequence[KeyProvider] = (),
) -> KeyProvider:
    """The provider that the settings ask for: a key service, a given key, a key in a file, else the keyring in
    `data_dir`/keys. Whatever else there is stays readable, `readable` key services too.

    Empty texts are settings that were not given. Raises KeyringError.
    """
    local = _local(data_dir, master_key, master_key_file, random)
    every = (*services, local, *readable)
    return JoinedProviders(*every) if len(every) > 1 else local


def _local(data_dir: Path, master_key: str, master_key_file: str, random: Random) -> KeyProvider:
    if master_key and master_key_file:
        raise KeyringError(f"both {VARIABLE} and {VARIABLE}_FILE are set: keep one")
    if master_key:
        return GivenKeyProvider(master_key, VARIABLE)
    if not master_key_file:
        return FileKeyProvider(data_dir / DIRECTORY, random)
    source = f"{VARIABLE}_FILE {master_key_file}"
    try:
        # Both forms of a key are ASCII; anything else becomes a character that neither accepts.
        text = private_bytes(Path(master_key_file), source, follow=True).decode("ascii", "replace")
    except UnsafeFile as fault:
        raise KeyringError(str(fault)) from fault
    except OSError as fault:
        raise KeyringError(f"{source} cannot be read: {fault.strerror}") from fault
    return GivenKeyProvider(text, source)


class JoinedKeys:
    """Keys of several providers; the first one's wrap."""

    def __init__(self, first: WrappingKeys, others: Sequence[WrappingKeys]) -> None:
        self._first = first
        self._all = (first, *others)

    @property
    def active(self) -> str:
        return self._first.active

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(id for keys in self._all for id in keys.ids)

    def holds(self, key_id: str) -> bool:
        return any(keys.holds(key_id) for keys in self._all)

    async def wrap(self, plain: bytes, associated: bytes) -> str:
        return await self._first.wrap(plain, associated)

    async def unwrap(self, envelope: str, associated: bytes) -> bytes:
        id = wrapping_id(envelope)
        for keys in self._all:
            if keys.holds(id):
                return await keys.unwrap(envelope, associated)
        raise BrokenSeal(f"wrapped by key {id}, which is not held")


class JoinedProviders:
    """The first provider makes, renews and forgets; the others are only read."""

    def __init__(self, first: KeyProvider, *others: KeyProvider) -> None:
        self._first = first
        self._others = others
        self.source = first.source

    async def load(self) -> WrappingKeys | None:
        first = await self._first.load()
        if first is None:
            return None
        return await self._joined(first)

    async def create(self) -> WrappingKeys:
        return await self._joined(await self._first.create())

    async def renew(self, wrapping: tuple[str, ...]) -> WrappingKeys:
        return await self._joined(await self._first.renew(wrapping))

    async def forget(self, key_id: str) -> bool:
        return await self._first.forget(key_id)

    def exportable(self) -> bool:
        return self._first.exportable()

    async def _joined(self, first: WrappingKeys) -> WrappingKeys:
        loaded = [await provider.load() for provider in self._others]
        return JoinedKeys(first, [keys for keys in loaded if keys is not None])

    def __repr__(self) -> str:
        return f"JoinedProviders({self._first!r}, {', '.join(map(repr, self._others))})"
