"""The keyring file: `keyring.json` (mode 0600) in a directory (mode 0700) of this process's user.

Refuses, in one line each, files that others can read or own, and never replaces a key that is there: keys are added
beside others, and one is removed only by name.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairlead.security.envelope import KEY_BYTES, Key
from fairlead.security.keyring import Keyring, KeyringError, Random
from fairlead.security.private_file import UnsafeFile, check_owner, private_bytes, sync_directory, write_new

DIRECTORY = "keys"
FILE_NAME = "keyring.json"
_LOCK_NAME = ".lock"
_FILE_FORMAT = 1

Change = Callable[[Keyring], Keyring]


class FileKeyProvider:
    """Made at the first start. Processes that start at once agree on one file: whoever publishes first wins, the others
    read it. Changes are made under a lock of the directory and published whole."""

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

    async def renew(self, wrapping: tuple[str, ...]) -> Keyring:
        """A new active key, unless the active one does not wrap everything yet: then a rotation was not finished."""

        def change(keyring: Keyring) -> Keyring:
            if wrapping != (keyring.active,):
                return keyring
            return Keyring(Key(self._random(KEY_BYTES)), keyring.keys, self._random)

        return await asyncio.to_thread(self._change, change)

    async def forget(self, key_id: str) -> bool:
        def change(keyring: Keyring) -> Keyring:
            if key_id == keyring.active:
                raise KeyringError(f"key {key_id} is the active one of {self.source}: rotate first")
            kept = {key.id: key for key in keyring.keys if key.id != key_id}
            return Keyring(kept[keyring.active], tuple(kept.values()), self._random)

        keyring = await asyncio.to_thread(self._load)
        if keyring is None or not keyring.holds(key_id):
            return False
        await asyncio.to_thread(self._change, change)
        return True

    async def merge(self, keys: tuple[Key, ...], active: str) -> Keyring:
        """Adds keys of an export: readable where there are keys already, the whole keyring where there are none."""

        def change(keyring: Keyring) -> Keyring:
            known = {key.id: key for key in (*keys, *keyring.keys)}
            return Keyring(known[keyring.active], tuple(known.values()), self._random)

        if await asyncio.to_thread(self._load) is None:
            first = {key.id: key for key in keys}[active]
            return await asyncio.to_thread(self._create, Keyring(first, keys, self._random))
        return await asyncio.to_thread(self._change, change)

    def exportable(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"FileKeyProvider({str(self._directory)!r})"

    def _load(self) -> Keyring | None:
        try:
            check_owner(os.stat(self._directory), f"directory {self._directory}", 0o700)
            data = private_bytes(self._path, self.source, follow=False)
        except FileNotFoundError:
            return None
        except UnsafeFile as fault:
            raise KeyringError(str(fault)) from fault
        except OSError as fault:
            raise KeyringError(f"{self.source} cannot be read: {fault.strerror}") from fault
        return self._parsed(data.decode("ascii", "replace"))

    def _create(self, keyring: Keyring | None = None) -> Keyring:
        text = _document(keyring or Keyring(Key(self._random(KEY_BYTES))))
        with self._writing():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_directory()
            temporary = self._temporary(text)
            try:
                # A link, not a rename: it fails when the name is taken, so that nobody's key is ever replaced.
                os.link(temporary, self._path)
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
            sync_directory(self._directory)
        return self._present()

    def _change(self, change: Change) -> Keyring:
        """The lock keeps two changes apart; readers see the old file or the new one."""
        with self._writing(), open(self._directory / _LOCK_NAME, "ab", opener=_owner_only) as lock:
            self._check_directory()
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._present()
            after = change(before)
            if _document(after) != _document(before):
                temporary = self._temporary(_document(after))
                os.replace(temporary, self._path)
                sync_directory(self._directory)
        return self._present()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except UnsafeFile as fault:
            raise KeyringError(str(fault)) from fault
        except OSError as fault:
            raise KeyringError(f"{self.source} cannot be written: {fault.strerror}") from fault

    def _check_directory(self) -> None:
        check_owner(os.stat(self._directory), f"directory {self._directory}", 0o700)

    def _temporary(self, text: str) -> Path:
        path = self._directory / f".{FILE_NAME}.{self._random(8).hex()}"
        write_new(path, text.encode())
        return path

    def _present(self) -> Keyring:
        keyring = self._load()
        if keyring is None:
            raise KeyringError(f"{self.source} was removed while it was used")
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


def _document(keyring: Keyring) -> str:
    entries = [{"id": key.id, "key": b64encode(key.material()).decode("ascii")} for key in keyring.keys]
    return json.dumps({"format": _FILE_FORMAT, "active": keyring.active, "keys": entries}, indent=1) + "\n"


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
