"""Processes behind one listening socket: workers are started, restarted when they die, drained on stop. With `simulate`, one
more plays the providers for all of them: what one worker's call has made there, the others find."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any

from fairlead.bootstrap.application import application
from fairlead.cli.deadline import CLOSING_SECONDS, end_within
from fairlead.cli.server import STOPS, serve_here
from fairlead.service.counts.board import Board
from fairlead.settings import Settings
from fairlead.simulator.command import serve_listener
from fairlead.simulator.server import Address

log = logging.getLogger("fairlead.supervisor")

_RESTART_SECONDS, _LONGEST_RESTART_SECONDS = 0.5, 8.0
"""The pause before a worker is replaced; longer each time while those that are started end before they are ready."""
_END_SECONDS = 5.0
_MARGIN_SECONDS = 2.0
"""Beyond the time in which a process ends by itself, before it is killed."""


def _worker(settings: Settings, listener: socket.socket, pipe: Any, board: Board, providers: Address | None) -> None:
    def ready() -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone, of which the thread below learns
            pipe.send("ready")

    threading.Thread(target=_end_with_supervisor, args=(pipe,), daemon=True).start()
    sys.exit(serve_here(application(settings, board, providers), listener, settings, ready))


def _providers(listener: socket.socket, pipe: Any) -> None:
    threading.Thread(target=_end_with_supervisor, args=(pipe,), daemon=True).start()
    serve_listener(listener)


def _end_with_supervisor(pipe: Any) -> None:
    """A worker whose supervisor is gone would hold the port with nobody to restart or stop it."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


@dataclass(slots=True, eq=False)
class _Child:
    """A process, the pipe by which it learns of our end, and we of its being `ready`; `slot` is its place on the board."""

    process: SpawnProcess
    pipe: Any
    slot: int = 0
    ready: bool = False

    def listen(self) -> bool:
        """What the pipe has for us is read: whether the process is ready, or was before it ended."""
        with contextlib.suppress(EOFError, OSError):
            if not self.ready and self.pipe.poll():
                self.pipe.recv()
                self.ready = True
        return self.ready

    def end(self, deadline: float) -> None:
        """Waits for it, until a time by the monotonic clock."""
        self.process.join(max(0.1, deadline - time.monotonic()))
        if self.process.is_alive():
            self.process.kill()
            log.error("process %s did not end in time and was killed", self.process.pid)


class _Supervisor:
    def __init__(self, settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
        self._settings = settings
        self._listener = listener
        self._ready = ready
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Child] = []
        self._vacant: list[int] = list(range(settings.workers))
        self._board = Board(settings.workers)
        self._played: _Child | None = None
        self._providers: socket.socket | None = None
        self._pause = _RESTART_SECONDS
        self._stopping = False
        self._woken, self._wakes = os.pipe()

    def run(self) -> int:
        for number in STOPS:
            signal.signal(number, self._stop)
        try:
            return self._run()
        except OSError as fault:
            log.error("the server cannot be started: %s", fault.strerror)
            return 1
        finally:
            self._terminate()

    def _run(self) -> int:
        if self._settings.simulate:
            self._providers = socket.create_server(("127.0.0.1", 0))
            self._played = self._play(self._providers)
        while self._vacant and not self._stopping:
            self._workers.append(self._start(self._vacant.pop(0)))
        if not self._all_ready():
            return 0 if self._stopping else 78
        self._ready()
        while not self._stopping:
            children = [*self._workers, *([self._played] if self._played else [])]
            # Of a process that could not be started no end is heard.
            patience = self._pause if self._lacks() else None
            connection.wait([self._woken, *(child.process.sentinel for child in children)], patience)
            if not self._stopping:
                self._replace_dead()
        return 0

    def _play(self, listener: socket.socket) -> _Child:
        return self._spawn(_providers, (listener,))

    def _start(self, slot: int) -> _Child:
        address = None
        if self._providers is not None:
            host, port = self._providers.getsockname()
            address = Address(host, port)
        return self._spawn(_worker, (self._settings, self._listener), (self._board.of(slot), address), slot)

    def _spawn(self, target: Callable[..., None], before: Any, after: Any = (), slot: int = 0) -> _Child:
        """Raises OSError, for instance when there are too many processes."""
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=target, args=(*before, theirs, *after))
        try:
            with _interrupts_left_to_this_process():
                process.start()
        except OSError:
            mine.close()
            raise
        finally:
            theirs.close()
        return _Child(process, mine, slot)

    def _all_ready(self) -> bool:
        """Whether all workers came up; one that ends before it is ready ends the start."""
        waiting = {child.pipe: child for child in self._workers}
        while waiting and not self._stopping:
            for pipe in connection.wait([self._woken, *waiting]):
                if pipe == self._woken:
                    break
                if not waiting.pop(pipe).listen():
                    return False
        return not self._stopping

    def _replace_dead(self) -> None:
        for child in [child for child in self._workers if not child.process.is_alive()]:
            log.error("worker %s ended with status %s; starting another", child.process.pid, child.process.exitcode)
            self._workers.remove(child)
            self._vacant.append(child.slot)
            self._pause = _RESTART_SECONDS if child.listen() else min(2 * self._pause, _LONGEST_RESTART_SECONDS)
            child.pipe.close()
        played = self._played
        if played is not None and not played.process.is_alive():
            log.error("the simulated providers ended; starting them anew, without their jobs")
            played.pipe.close()
            self._played = None
        if not self._lacks() or self._stopped_within(self._pause):
            return
        try:
            if self._providers is not None and self._played is None:
                self._played = self._play(self._providers)
            while self._vacant:
                self._workers.append(self._start(self._vacant[0]))
                del self._vacant[0]
        except OSError as fault:
            log.error("a process cannot be started, and is tried again: %s", fault.strerror)

    def _lacks(self) -> bool:
        """Whether a process that should be there is not."""
        return bool(self._vacant) or (self._providers is not None and self._played is None)

    def _stopped_within(self, seconds: float) -> bool:
        return bool(connection.wait([self._woken], seconds))

    def _stop(self, number: int, frame: Any) -> None:
        if not self._stopping:
            self._stopping = True
            os.write(self._wakes, b"x")  # what waits goes on waiting after a signal

    def _terminate(self) -> None:
        # Whoever connects from now on, while the workers drain, would wait for an answer that nobody gives.
        self._listener.close()
        seconds = self._settings.drain_seconds + CLOSING_SECONDS + _MARGIN_SECONDS
        end_within(seconds + _END_SECONDS + _MARGIN_SECONDS)
        for child in self._workers:
            child.process.terminate()
        deadline = time.monotonic() + seconds
        for child in self._workers:
            child.end(deadline)
        if self._played is not None:  # after the workers, whose last calls it answers
            self._played.process.terminate()
            self._played.end(time.monotonic() + _END_SECONDS)


@contextlib.contextmanager
def _interrupts_left_to_this_process() -> Iterator[None]:
    """A process that is started within never sees an interrupt, which a terminal sends to all of a group: it is this one that
    stops it, and a second one would hurry it that was meant as the first."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # its start would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_workers(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> int:
    """Runs `settings.workers` processes on `listener` until a stop signal."""
    return _Supervisor(settings, listener, ready).run()
