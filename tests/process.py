"""Real processes for tests: start one, wait for the line that says where it listens, keep its output, stop it. It never waits
without a deadline."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

START_SECONDS = 120.0
STOP_SECONDS = 30.0
_CHOSEN = frozenset({"FAIRLEAD_TRANSPORT", "FAIRLEAD_FAST_LANE"})
_ADDRESS = re.compile(r"https?://[^\s/]+:\d+|https?\+unix://\S+")


class StartFailed(AssertionError):
    """The process ended, or said nothing in time; the message carries everything it wrote."""


class Server:
    """A child process that prints one line with its address when it is ready; a context manager around its life.

    `environment` is added to this process's, without whose FAIRLEAD_* settings it starts, but for the transport and the fast
    lane: a run of the suite may choose them. A gateway has one worker and leaves cheap hashes as they are, unless it is told
    otherwise. Output of both streams is kept in `output` and `errors`.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        inherited = {
            name: value for name, value in os.environ.items() if name in _CHOSEN or not name.startswith("FAIRLEAD_")
        }
        self.command = list(command)
        self._environment = {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",
            "FAIRLEAD_WORKERS": "1",
            "FAIRLEAD_PASSWORD_REHASH": "no",
            **(environment or {}),
        }
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._ready = threading.Event()
        self._output: list[str] = []
        self._errors: list[str] = []
        self.url = ""

    def start(self, seconds: float = START_SECONDS) -> Server:
        """Returns once the address is known; raises StartFailed with both outputs otherwise."""
        self._process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self._environment,
        )
        for stream, lines in ((self._process.stdout, self._output), (self._process.stderr, self._errors)):
            reader = threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            reader.start()
            self._readers.append(reader)
        self._ready.wait(seconds)
        if not self.url:
            code = self._code()
            self.kill()
            said = "said no address in time" if code is None else f"ended with code {code}"
            raise StartFailed(f"{' '.join(self.command)} {said}\n{self.output}\n{self.errors}")
        return self

    def _code(self) -> int | None:
        """How it ended; a process that has closed its output is about to."""
        assert self._process is not None
        if not self._ready.is_set():
            return self._process.poll()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _read(self, stream: Sequence[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line)
            if not self.url and lines is self._output and (found := _ADDRESS.search(line)):
                self.url = found[0]
                self._ready.set()
        if lines is self._output:
            self._ready.set()

    @property
    def output(self) -> str:
        return "".join(self._output)

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM, and its exit code; kills it and fails when it does not end in time."""
        assert self._process is not None
        if self.running():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._tell_where_they_hang()
            self.kill()
            raise AssertionError(f"SIGTERM did not end it in {seconds} s\n{self.output}\n{self.errors}") from None
        self._drain()
        return self._process.returncode

    def _tell_where_they_hang(self) -> None:
        """The stacks of all threads of what it started, last of itself, among its errors."""
        for pid in (*workers_of(self.pid), self.pid):
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, signal.SIGABRT)
            time.sleep(0.5)

    def kill(self) -> None:
        """SIGKILL: what a crash is like."""
        assert self._process is not None
        if self.running():
            self._process.kill()
        self._process.wait()
        self._drain()

    def _drain(self) -> None:
        assert self._process is not None
        for reader in self._readers:
            reader.join(STOP_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()


def gateway(data: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Server:
    """`fairlead serve` on a free port of 127.0.0.1 with its data in `data`; start it with `with`."""
    command = [sys.executable, "-m", "fairlead.cli.main", "serve", "--port", "0", "--data-dir", str(data), *arguments]
    return Server(command, environment=environment)


def workers_of(pid: int) -> list[int]:
    """The processes that a server started to do its work, oldest first: with `--simulate` that which plays the providers, then
    the workers. What else multiprocessing starts is left out."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [int(child) for child in children if b"spawn_main" in _command_of(child)]


def _command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return b""


PARITY_USERS = Path(__file__).resolve().parent / "contract" / "data" / "security"
"""The users that recorded scenarios know; `gateway(data, "--security", str(PARITY_USERS))` lets them in."""


def providers() -> Server:
    """The simulator on a free port of 127.0.0.1; start it with `with`. Recorded errors count characters in the provider's
    address, whose port had four digits: it tries such ports until it has one, for one that is free now may not be in a moment."""
    program = (
        "import os, sys; from fairlead.simulator.command import run; sys.exit(next((0 for number in range(7000)"
        " if run('127.0.0.1', 2000 + (os.getpid() + number * 13) % 7000) == 0), 1))"
    )
    return Server([sys.executable, "-c", program])
