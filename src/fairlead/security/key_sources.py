"""Which provider of key-encryption keys the settings ask for: a given key, a key in a file, else the keyring."""

from __future__ import annotations

import os
from pathlib import Path

from fairlead.security.key_file import DIRECTORY, FileKeyProvider
from fairlead.security.keyring import GivenKeyProvider, KeyProvider, KeyringError, Random
from fairlead.security.private_file import UnsafeFile, private_bytes

VARIABLE = "FAIRLEAD_MASTER_KEY"


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
        # Both forms of a key are ASCII; anything else becomes a character that neither accepts.
        text = private_bytes(Path(master_key_file), source, follow=True).decode("ascii", "replace")
    except UnsafeFile as fault:
        raise KeyringError(str(fault)) from fault
    except OSError as fault:
        raise KeyringError(f"{source} cannot be read: {fault.strerror}") from fault
    return GivenKeyProvider(text, source)
