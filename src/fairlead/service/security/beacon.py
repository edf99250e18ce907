"""Tells all workers of a machine at once that the security configuration changed: how often, in a file they all map.

A worker compares it before every request and reads the store only when it is behind; nothing else is in the file. Telling
needs no store, so that a change that was committed is always told.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

from fairlead.security.file_lock import alone

_NUMBER = struct.Struct("<Q")
FILE = "security.revision"


class Beacon:
    """A count that only grows. Reading costs no system call; writers take turns by a lock on the file."""

    def __init__(self, directory: Path) -> None:
        self._descriptor = os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._descriptor).st_size < _NUMBER.size:
            os.ftruncate(self._descriptor, _NUMBER.size)
        self._map = mmap.mmap(self._descriptor, _NUMBER.size)

    def value(self) -> int:
        number: int = _NUMBER.unpack_from(self._map)[0]
        return number

    def advance(self) -> None:
        """Every process finds another number from now on."""
        with alone(self._descriptor):
            _NUMBER.pack_into(self._map, 0, self.value() + 1)

    def close(self) -> None:
        self._map.close()
        os.close(self._descriptor)
