"""Where audit lines go: a file that several processes share, with rotation and an optional hash chain; standard output; the
process log; syslog. Formats nothing."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOGGER = "fairlead.audit"
GENESIS = "0" * 64
"""What the first line of a chain follows."""


class FileSink:
    """Appends to `path`, mode 0600; at `max_bytes` it becomes `path.1`, the older ones move up, `keep` of them stay.

    Workers take turns by a lock beside the file, which also holds the hash of the last line: with `chained`, each line ends
    with `prev`, the SHA-256 of the line before, so that a line that was taken out or changed shows (ASVS 16.4.2).
    """

    def __init__(self, path: Path, max_bytes: int, keep: int, *, chained: bool = False) -> None:
        self._path = path
        self._max = max_bytes
        self._keep = keep
        self._chained = chained
        self._lock = open_private(path.with_name(path.name + ".lock"), os.O_RDWR)

    def write(self, lines: Sequence[str]) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            head = self._head() if self._chained else ""
            chunk = []
            for line in lines:
                if self._chained:
                    line = f'{line[:-1]}, "prev": "{head}"}}'
                    head = digest(line)
                chunk.append(line + "\n")
            self._append("".join(chunk).encode("utf-8", "replace"))
            if self._chained:
                os.pwrite(self._lock, head.encode("ascii"), 0)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _head(self) -> str:
        found = os.pread(self._lock, 64, 0).decode("ascii", "replace")
        return found if len(found) == 64 else GENESIS

    def _append(self, data: bytes) -> None:
        """Whole or not at all: a line cut short by a full disk is taken back."""
        descriptor = open_private(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            before = os.fstat(descriptor).st_size
            if before and before + len(data) > self._max:
                os.close(descriptor)
                self._rotate()
                descriptor, before = open_private(self._path, os.O_WRONLY | os.O_APPEND), 0
            try:
                written = os.write(descriptor, data)
                if written != len(data):
                    raise OSError("the disk is full")
            except OSError:
                os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                os.replace(older, self._numbered(number))
        if self._keep == 0:
            self._path.unlink(missing_ok=True)

    def _numbered(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")

    def close(self) -> None:
        os.close(self._lock)


def open_private(path: Path, flags: int) -> int:
    """Made with mode 0600 if it is not there; links are not followed. Raises OSError."""
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def digest(line: str) -> str:
    return hashlib.sha256(line.encode("utf-8", "replace")).hexdigest()


def broken_links(lines: Sequence[str], previous: str | None = None) -> list[int]:
    """Numbers (from 1) of lines that do not follow the one before; `previous` None takes the first line's word."""
    broken = []
    for number, line in enumerate(lines, 1):
        try:
            told: Any = json.loads(line).get("prev")
        except (ValueError, AttributeError):
            told = None
        if told is None or (previous is not None and told != previous):
            broken.append(number)
        previous = digest(line)
    return broken


def open_sinks(
    names: Sequence[str], path: Path, max_bytes: int, keep: int, *, chained: bool = False
) -> list[FileSink | OutputSink | LoggerSink | SyslogSink]:
    """The sinks of the setting `audit_sinks`, in its order. Raises OSError when the file cannot be used."""
    opened: list[FileSink | OutputSink | LoggerSink | SyslogSink] = []
    for name in names:
        if name == "file":
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened.append(FileSink(path, max_bytes, keep, chained=chained))
        else:
            opened.append(_SINKS[name]())
    return opened


class OutputSink:
    """Lines on standard output."""

    def write(self, lines: Sequence[str]) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    def close(self) -> None:
        return None


class LoggerSink:
    """Lines to the logger `fairlead.audit`, for whoever collects the process's log."""

    def write(self, lines: Sequence[str]) -> None:
        logger = logging.getLogger(LOGGER)
        for line in lines:
            logger.log(logging.CRITICAL, "%s", line)  # whatever the level of the log is

    def close(self) -> None:
        return None


class SyslogSink:
    """Datagrams to the local syslog socket: facility authpriv, severity notice (RFC 3164)."""

    def __init__(self, address: str = "/dev/log") -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def write(self, lines: Sequence[str]) -> None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self._socket.connect(self._address)
            except OSError:
                self.close()
                raise
        try:
            for line in lines:
                self._socket.send(f"<{10 * 8 + 5}>fairlead: {line}".encode("utf-8", "replace"))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_SINKS: Mapping[str, type[OutputSink | LoggerSink | SyslogSink]] = {
    "stdout": OutputSink,
    "log": LoggerSink,
    "syslog": SyslogSink,
}
NAMES = ("file", *_SINKS)
"""What `audit_sinks` may name."""
