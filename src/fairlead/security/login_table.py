"""Who failed to log in, in a table of fixed size that the workers of a machine share: a file they all map (spec/06 6.3).

It judges nobody, and holds neither names nor addresses: what it is asked for becomes a keyed digest. When it is full, the
entry that was longest without a failure goes, one that blocks nobody first.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import mmap
import os
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from fairlead.security.file_lock import alone

log = logging.getLogger("fairlead.security")

FILE = "security.logins"
SETS, WAYS = 2048, 16
"""32,768 entries. Which of the sets an entry lies in depends on the file's secret, so that nobody aims at another's."""
MOMENTS = 32
"""Numbers that an entry has for its failures."""
_SECRET_BYTES = 32
_MAGIC = b"fairlead-logins1"
_HEADER = 4096
_CANNOT = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What a file system says that reserves no space."""
_DIGEST_BYTES = 16
_EMPTY = bytes(_DIGEST_BYTES)
_ENTRY = struct.Struct(f"<{_DIGEST_BYTES}sdddddd{MOMENTS}d")


@dataclass(slots=True)
class Entry:
    """What is known of one source or name; all times are seconds of the one clock of this machine, 0 for never.

    `failures` are numbers that the limit itself understands; `pending` tries are under way, which count until
    `pending_until`; `next_try` is before which no other is let through; `known_until` is how long a success counts.
    """

    seen: float = 0.0
    blocked_until: float = 0.0
    next_try: float = 0.0
    known_until: float = 0.0
    pending: float = 0.0
    pending_until: float = 0.0
    failures: list[float] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.failures or self.blocked_until or self.next_try or self.known_until or self.pending)


class LoginTable:
    """`directory` None: a table of this process alone. Everything but opening and closing is done within `alone`."""

    def __init__(self, directory: Path | None, sets: int = SETS) -> None:
        self._sets = sets
        self._size = _HEADER + sets * WAYS * _ENTRY.size
        self._path: Path | None = None
        self._descriptor = -1
        self._file = 0
        self._head = b""
        self._secret = secrets.token_bytes(_SECRET_BYTES)
        self._lost = False
        if directory is None:
            self._map = mmap.mmap(-1, self._size)
            return
        self._path = directory / FILE
        try:
            self._open(self._path)
        except OSError as fault:
            raise OSError(fault.errno, fault.strerror, str(self._path)) from fault

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other process reads or writes meanwhile. A file that was removed, replaced or cut off begins anew, for every
        worker: the old one would be counted in by some of them, and what was cut off ends the process that reads there."""
        if self._path is not None and not self._lies_there(self._path):
            self._find_again(self._path)
        with contextlib.nullcontext() if self._descriptor < 0 else alone(self._descriptor):
            if self._descriptor >= 0 and self._map[: len(self._head)] != self._head:
                self._learn()
            yield

    def key(self, *parts: str) -> bytes:
        """What stands for these texts here and nowhere else."""
        text = repr(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._secret, digest_size=_DIGEST_BYTES).digest()

    def read(self, key: bytes) -> Entry:
        """The entry, or an empty one."""
        at = self._find(key)
        if at is None:
            return Entry()
        _, *numbers = _ENTRY.unpack_from(self._map, at)
        if not all(map(isfinite, numbers)):  # a disk's fault: no worker writes such
            return Entry()
        seen, blocked, next_try, known, pending, pending_until, *moments = numbers
        return Entry(seen, blocked, next_try, known, pending, pending_until, [m for m in moments if m])

    def write(self, key: bytes, entry: Entry, now: float) -> None:
        """Takes a place if it needs one; an entry that says nothing any more gives its own back."""
        at = self._find(key)
        if entry.empty:
            if at is not None:
                self._map[at : at + _DIGEST_BYTES] = _EMPTY
            return
        if at is None:
            at = self._place(key, now)
        entry.seen = now
        moments = (entry.failures + [0.0] * MOMENTS)[:MOMENTS]
        _ENTRY.pack_into(
            self._map,
            at,
            key,
            entry.seen,
            entry.blocked_until,
            entry.next_try,
            entry.known_until,
            entry.pending,
            entry.pending_until,
            *moments,
        )

    def close(self) -> None:
        self._map.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _open(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with alone(descriptor):
                if os.fstat(descriptor).st_size < self._size:
                    _allocate(descriptor, self._size)
                self._map = mmap.mmap(descriptor, self._size)
                self._learn()
            self._file = os.fstat(descriptor).st_ino
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _lies_there(self, path: Path) -> bool:
        try:
            found = os.stat(path)
        except OSError:
            return False
        return found.st_ino == self._file and found.st_size >= self._size

    def _find_again(self, path: Path) -> None:
        """Without a file that can be opened this process goes on with a table of its own, and looks again at each login."""
        before, descriptor = self._map, self._descriptor
        try:
            self._open(path)
        except OSError as fault:
            if self._lost:
                return
            self._lost = True
            log.error("%s cannot be used; each worker counts failed logins for itself: %s", path, fault.strerror)
            self._map, self._descriptor, self._file, self._head = mmap.mmap(-1, self._size), -1, 0, b""
        else:
            self._lost = False
            log.warning("%s was removed or changed; failed logins are counted anew", path)
        before.close()
        if descriptor >= 0:
            os.close(descriptor)

    def _learn(self) -> None:
        """The secret, made by whoever comes first; a file of another layout starts anew."""
        end = len(_MAGIC) + _SECRET_BYTES
        if self._map[: len(_MAGIC)] != _MAGIC:
            self._map[_HEADER:] = bytes(len(self._map) - _HEADER)
            self._map[:end] = _MAGIC + secrets.token_bytes(_SECRET_BYTES)
        self._head = self._map[:end]
        self._secret = self._head[len(_MAGIC) :]

    def _set(self, key: bytes) -> int:
        return _HEADER + int.from_bytes(key[:8], "little") % self._sets * WAYS * _ENTRY.size

    def _find(self, key: bytes) -> int | None:
        start = at = self._set(key)
        end = start + WAYS * _ENTRY.size
        while (at := self._map.find(key, at, end)) >= 0:
            if (at - start) % _ENTRY.size == 0:
                return at
            at += 1
        return None

    def _place(self, key: bytes, now: float) -> int:
        """A free place of the set, or the one whose entry is missed least."""
        start = self._set(key)
        places = range(start, start + WAYS * _ENTRY.size, _ENTRY.size)
        return min(places, key=lambda at: self._worth(at, now))

    def _worth(self, at: int, now: float) -> tuple[int, float]:
        digest, seen, blocked, _, known, *_ = _ENTRY.unpack_from(self._map, at)
        if digest == _EMPTY:
            return 0, 0.0
        return (3 if blocked > now else 2 if known > now else 1), seen


def _allocate(descriptor: int, size: int) -> None:
    """With its space on disk, where the file system can say so: a hole that cannot be filled would end the process that
    writes there."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except AttributeError:  # macOS, Windows
        os.ftruncate(descriptor, size)
    except OSError as fault:
        if fault.errno not in _CANNOT:
            raise
        os.ftruncate(descriptor, size)
