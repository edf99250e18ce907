"""Key-encryption keys: what wraps data keys, as a port and as keys in memory; reads no file and calls no service.

The keys never go to the store; they only wrap the data keys that lie there (spec/06 section 15.1).
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable
from typing import NoReturn, Protocol

from fairlead.domain.sealed import FORMAT
from fairlead.security.envelope import KEY_BYTES, NONCE_BYTES, BrokenSeal, Envelope, Key

SERVICE_FORMAT = "ks1"
"""What a key service wrapped begins with; the id of its key follows as in an envelope."""
_WRAPPED = re.compile(rf"(?:{FORMAT}|{SERVICE_FORMAT})\.([0-9a-f]{{8}})\.", re.ASCII)
_LEAST_DISTINCT = 8
"""Fewer different bytes than this in 32 random ones happen once in 10^30: such a key was typed, not drawn."""

Random = Callable[[int], bytes]


class KeyringError(Exception):
    """Why this process must not start with the keys it was given, or cannot change them: one line that names the file
    or setting."""


class KeyServiceAway(Exception):
    """A key service did not answer, or refused: one line without what was sent."""


class WrappingKeys(Protocol):
    """Keys that wrap data keys; the bytes may be out of this process's reach (a key service)."""

    @property
    def active(self) -> str:
        """Id of the key that wraps now."""
        ...

    @property
    def ids(self) -> tuple[str, ...]:
        """All that can unwrap."""
        ...

    def holds(self, key_id: str) -> bool: ...

    async def wrap(self, plain: bytes, associated: bytes) -> str:
        """A text that names the active key (`wrapping_id`). Raises KeyServiceAway."""
        ...

    async def unwrap(self, envelope: str, associated: bytes) -> bytes:
        """Raises BrokenSeal when it was not wrapped by a key that is held, or was changed; KeyServiceAway."""
        ...


class KeyProvider(Protocol):
    """Where key-encryption keys come from. `source` names the place in messages. Methods raise KeyringError."""

    @property
    def source(self) -> str: ...

    async def load(self) -> WrappingKeys | None:
        """The keys, or None when there are none yet."""
        ...

    async def create(self) -> WrappingKeys:
        """Make keys where there are none, or give what another process made meanwhile."""
        ...

    async def renew(self, wrapping: tuple[str, ...]) -> WrappingKeys:
        """Keys whose active one is to wrap from now on; `wrapping` are those that the store's data keys need now."""
        ...

    async def forget(self, key_id: str) -> bool:
        """Gives up a key that nothing needs; False when it was not there, or is not this process's to remove."""
        ...

    def exportable(self) -> bool:
        """Whether the bytes of the keys are in this process's reach."""
        ...


class Keyring:
    """Keys in this process's memory: one active, any number readable. Shows ids only."""

    __slots__ = ("_keys", "_random", "active")

    def __init__(self, active: Key, readable: tuple[Key, ...] = (), random: Random = os.urandom) -> None:
        self.active = active.id
        self._keys = {key.id: key for key in (*readable, active)}
        self._random = random

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(self._keys.values())

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def holds(self, key_id: str) -> bool:
        return key_id in self._keys

    async def wrap(self, plain: bytes, associated: bytes) -> str:
        return self._keys[self.active].seal(plain, associated, self._random(NONCE_BYTES))

    async def unwrap(self, envelope: str, associated: bytes) -> bytes:
        parsed = Envelope.parse(envelope)
        if parsed.key_id not in self._keys:
            raise BrokenSeal(f"wrapped by key {parsed.key_id}, which is not held")
        return self._keys[parsed.key_id].open(parsed, associated)

    def __repr__(self) -> str:
        return f"Keyring(active={self.active}, readable={sorted(self._keys)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Keyring cannot be pickled")


class GivenKeyProvider:
    """Keys handed over as a text, the active one first; nothing is ever made or written."""

    def __init__(self, text: str, source: str) -> None:
        """`text` is base64 or hex of exactly 32 bytes; several are separated by commas or lines. Raises KeyringError."""
        self.source = source
        first, *more = [parse_key(part, source) for part in re.split(r"[,\n]", text.strip())]
        self._keyring = Keyring(first, tuple(more))

    async def load(self) -> Keyring:
        return self._keyring

    async def create(self) -> Keyring:
        return self._keyring

    async def renew(self, wrapping: tuple[str, ...]) -> Keyring:
        if wrapping == (self._keyring.active,):
            raise KeyringError(
                f"{self.source} has no newer key: put a new one first, a comma behind it and then the present one, "
                "restart the servers and rotate"
            )
        return self._keyring

    async def forget(self, key_id: str) -> bool:
        return False

    def exportable(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"GivenKeyProvider({self.source}, {self._keyring!r})"


def wrapping_id(wrapped: str) -> str:
    """The id of the key that wrapped it; "unknown" for what is no wrapped key."""
    found = _WRAPPED.match(wrapped)
    return found[1] if found else "unknown"


def parse_key(text: str, source: str) -> Key:
    """A key from base64 (either alphabet, padded or not) or hex of exactly 32 bytes. Raises KeyringError.

    Pass-phrases are refused and not stretched: what a person can remember is what a thief of the store can guess.
    """
    material = _material(text.strip())
    if material is None or len(material) != KEY_BYTES or len(set(material)) < _LEAST_DISTINCT:
        raise KeyringError(
            f"{source} must be base64 or hex of exactly 32 random bytes (openssl rand -base64 32); "
            "pass-phrases are refused"
        )
    return Key(material)


def _material(text: str) -> bytes | None:
    """None for what is neither hex nor base64; the decoders' exceptions, which hold the text, go no further."""
    try:
        if re.fullmatch(r"[0-9a-fA-F]{64}", text):
            return bytes.fromhex(text)
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return None
