"""Files that hold secrets: read only when they are regular, of this process's user and closed to everybody else.

Judges the open file, never its name. It writes with the same care and follows a link only when told to.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MAX_FILE = 1 << 20


class UnsafeFile(Exception):
    """Why a file is not read: one line that names it and never what it holds."""


def private_bytes(path: Path, what: str, *, follow: bool) -> bytes:
    """What stands in a regular file that only its owner can read. Raises OSError, UnsafeFile.

    `follow` lets the path be a symbolic link, as the secret mounts of container platforms are.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        # The open file is judged, not its name: between two looks at a name the file could be exchanged.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeFile(f"{what} is no regular file")
        check_owner(status, what, 0o600)
        return os.read(descriptor, _MAX_FILE)
    finally:
        os.close(descriptor)


def check_owner(status: os.stat_result, what: str, wanted: int) -> None:
    """Raises UnsafeFile unless this process's user alone may use it."""
    if status.st_uid != os.geteuid():
        raise UnsafeFile(f"{what} belongs to user {status.st_uid}, not to this process's user {os.geteuid()}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise UnsafeFile(f"{what} is open to others (mode {mode:04o}): run chmod {wanted:o} on it")


def write_new(path: Path, data: bytes) -> None:
    """A new file for its owner only, on the disk when this returns. Raises OSError, FileExistsError when it is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """The new name is durable only when its directory is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
