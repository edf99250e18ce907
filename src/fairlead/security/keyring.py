"""Key-encryption keys and where they come from: a keyring file, or a key given by the environment.

Refuses, in one line each: files that others can read or own, pass-phrases, and to overwrite a key that is there.
The keys never go to the store; they only wrap the data keys that lie there (spec/06 section 15.1).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from fairlead.security.envelope import KEY_BYTES, NONCE_BYTES, BrokenSeal, Envelope, Key

DIRECTORY = "keys"
FILE_NAME = "keyring.json"
VARIABLE = "FAIRLEAD_MASTER_KEY"
_FILE_FORMAT = 1
_MAX_FILE = 1 << 20
_LEAST_DISTINCT = 8
"""Fewer different bytes than this in 32 random ones happen once in 10^30: such a key was typed, not drawn."""

Random = Callable[[int], bytes]


class KeyringError(Exception):
    """Why this process must not start with the keys it was given: one line that names the file or setting."""


class WrappingKeys(Protocol):
    """Keys that wrap data keys; the bytes may be out of this process's reach (a key service)."""

    @property
    def active(self) -> str:
        """Id of the key that wraps now."""
        ...

    def holds(self, key_id: str) -> bool: ...

    async def wrap(self, plain: bytes, associated: bytes) -> str:
        """An envelope that names the active key."""
        ...

    async def unwrap(self, envelope: str, associated: bytes) -> bytes:
        """Raises BrokenSeal when it was not wrapped by a key that is held, or was changed."""
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


class GivenKeyProvider:
    """One key handed over as a text; nothing is ever made or written."""

    def __init__(self, text: str, source: str) -> None:
        """`text` is base64 or hex of exactly 32 bytes. Raises KeyringError."""
        self.source = source
        self._keyring = Keyring(parse_key(text, source))

    async def load(self) -> Keyring:
        return self._keyring

    async def create(self) -> Keyring:
        return self._keyring

    def __repr__(self) -> str:
        return f"GivenKeyProvider({self.source}, {self._keyring!r})"


class FileKeyProvider:
    """`keyring.json` (mode 0600) in a directory (mode 0700) of this process's user, made at the first start.

    Processes that start at once agree on one file: whoever publishes first wins, the others read it.
    """

    def __init__(self, directory: Path, random: Random = os.urandom) -> None:
        self._directory = directory
        self._path = directory / FILE_NAME
        self._random = random

    @property
    def source(self) -> str:
        return f"keyring file {self._path}"

    async def load(self) -> Keyring | None:
        return await asyncio.to_thread(self._load)

    async def create(self) -> Keyring:
        return await asyncio.to_thread(self._create)

    def __repr__(self) -> str:
        return f"FileKeyProvider({str(self._directory)!r})"

    def _load(self) -> Keyring | None:
        try:
            _check_owner(os.stat(self._directory), f"directory {self._directory}", 0o700)
            text = _private_text(self._path, self.source, follow=False)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise KeyringError(f"{self.source} cannot be read: {fault.strerror}") from fault
        return self._parsed(text)

    def _create(self) -> Keyring:
        text = json.dumps(_document(Key(self._random(KEY_BYTES))), indent=1) + "\n"
        temporary = self._directory / f".{FILE_NAME}.{self._random(8).hex()}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_owner(os.stat(self._directory), f"directory {self._directory}", 0o700)
            _write_new(temporary, text.encode())
            try:
                # A link, not a rename: it fails when the name is taken, so that nobody's key is ever replaced.
                os.link(temporary, self._path)
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
            _sync_directory(self._directory)
        except OSError as fault:
            raise KeyringError(f"{self.source} cannot be written: {fault.strerror}") from fault
        keyring = self._load()
        if keyring is None:
            raise KeyringError(f"{self.source} was removed while this process started")
        return keyring

    def _parsed(self, text: str) -> Keyring:
        keyring = self._read(text)
        if keyring is None:
            raise KeyringError(f"{self.source} is damaged: restore it from a copy")
        return keyring

    def _read(self, text: str) -> Keyring | None:
        """None for a damaged text, and no exception chained to what is told: a JSON parser's holds the whole text."""
        try:
            document: dict[str, Any] = json.loads(text)
            if document["format"] != _FILE_FORMAT:
                raise KeyringError(f"{self.source} has format {document['format']}; this Fairlead reads 1")
            keys = {}
            for entry in document["keys"]:
                key = Key(b64decode(entry["key"], validate=True))
                if key.id != entry["id"]:
                    raise KeyringError(f"{self.source} is damaged: key {key.id} is listed as {entry['id']}")
                keys[key.id] = key
            return Keyring(keys[document["active"]], tuple(keys.values()), self._random)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def key_provider(
    data_dir: Path, master_key: str = "", master_key_file: str = "", random: Random = os.urandom
) -> KeyProvider:
    """The provider that the settings ask for: a given key, a key in a file, else the keyring in `data_dir`/keys.

    Empty texts are settings that were not given. Raises KeyringError.
    """
    if master_key and master_key_file:
        raise KeyringError(f"both {VARIABLE} and {VARIABLE}_FILE are set: keep one")
    if master_key:
        return GivenKeyProvider(master_key, VARIABLE)
    if not master_key_file:
        return FileKeyProvider(data_dir / DIRECTORY, random)
    source = f"{VARIABLE}_FILE {master_key_file}"
    try:
        return GivenKeyProvider(_private_text(Path(master_key_file), source, follow=True), source)
    except OSError as fault:
        raise KeyringError(f"{source} cannot be read: {fault.strerror}") from fault


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


def _document(key: Key) -> dict[str, object]:
    entry = {"id": key.id, "key": b64encode(key.material()).decode("ascii")}
    return {"format": _FILE_FORMAT, "active": key.id, "keys": [entry]}


def _private_text(path: Path, source: str, *, follow: bool) -> str:
    """What stands in a regular file that only its owner can read. Raises OSError, KeyringError.

    `follow` lets the path be a symbolic link, as the secret mounts of container platforms are.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        # The open file is judged, not its name: between two looks at a name the file could be exchanged.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyringError(f"{source} is no regular file")
        _check_owner(status, source, 0o600)
        data = os.read(descriptor, _MAX_FILE)
    finally:
        os.close(descriptor)
    # Both forms are ASCII; anything else becomes a character that neither accepts.
    return data.decode("ascii", "replace")


def _check_owner(status: os.stat_result, what: str, wanted: int) -> None:
    if status.st_uid != os.geteuid():
        raise KeyringError(f"{what} belongs to user {status.st_uid}, not to this process's user {os.geteuid()}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise KeyringError(f"{what} is open to others (mode {mode:04o}): run chmod {wanted:o} on it")


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    """The new name is durable only when its directory is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
