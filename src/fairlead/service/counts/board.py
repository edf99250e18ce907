"""Shared memory in which the workers of one node show each other what they counted. It knows no metric, and nobody waits.

Why a file in memory: docs/decisions/0010-metrics.md.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import zlib
from multiprocessing import reduction
from typing import Any

HALF = 256 * 1024
"""Bytes of one text; pages that are never written take no memory."""
_HEAD = struct.Struct("<II")
_SLOT = mmap.PAGESIZE + 2 * HALF
_TRIES = 5


class Board:
    """One slot per worker; each writes only its own, `slot`, and reads all. Made by the supervisor, handed to workers.

    A slot has two halves and a byte that says which one counts: a reader never waits for a writer, and a worker killed
    while it writes leaves its last whole text.
    """

    def __init__(self, slots: int, slot: int = 0, *, _fd: int | None = None) -> None:
        self.slots = slots
        self.slot = slot
        self._fd = _unnamed_file() if _fd is None else _fd
        if _fd is None:
            os.ftruncate(self._fd, slots * _SLOT)
        self._memory = mmap.mmap(self._fd, slots * _SLOT)

    def of(self, slot: int) -> Board:
        """The same board, as the worker with that slot has it."""
        return Board(self.slots, slot, _fd=self._fd)

    def __getstate__(self) -> dict[str, Any]:
        """For a process that is being spawned."""
        return {"slots": self.slots, "slot": self.slot, "fd": reduction.DupFd(self._fd)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.slots, self.slot, self._fd = state["slots"], state["slot"], state["fd"].detach()
        self._memory = mmap.mmap(self._fd, self.slots * _SLOT)

    def write(self, text: bytes) -> None:
        """Shows `text` in the own slot. Raises ValueError for one that is too long."""
        if len(text) > HALF - _HEAD.size:
            raise ValueError(f"{len(text)} bytes are more than a slot of the board takes")
        start = self.slot * _SLOT
        half = 1 - self._memory[start]
        at = start + mmap.PAGESIZE + half * HALF
        self._memory[at + _HEAD.size : at + _HEAD.size + len(text)] = text
        self._memory[at : at + _HEAD.size] = _HEAD.pack(len(text), zlib.crc32(text))
        self._memory[start] = half

    def read(self, slot: int) -> bytes | None:
        """What a worker showed last; None: nothing yet."""
        start = slot * _SLOT
        for _ in range(_TRIES):  # a reader that is overtaken by two writes sees a mixture, and looks again
            at = start + mmap.PAGESIZE + self._memory[start] * HALF
            size, check = _HEAD.unpack(self._memory[at : at + _HEAD.size])
            text = self._memory[at + _HEAD.size : at + _HEAD.size + size]
            if size and zlib.crc32(text) == check:
                return text
        return None


def _unnamed_file() -> int:
    """A file without a name: nothing to clean up, nothing another user could open."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("fairlead-metrics")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
