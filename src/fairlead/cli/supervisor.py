"""Processes behind one listening socket: workers are started, restarted when they die, drained on stop. With `simulate`, one
more plays the providers for all of them: what one worker's call has made there, the others find."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from typing import Any

import uvicorn

from fairlead.api.app import App
from fairlead.api.fast_lane import lane_class
from fairlead.api.server import protocol_class
from fairlead.api.sources import Sources
from fairlead.bootstrap.application import application
from fairlead.security.forwarded import Proxies
from fairlead.security.log_lines import LogLines
from fairlead.security.redaction import install
from fairlead.security.server_tls import ServerTls
from fairlead.service.counts.board import Board
from fairlead.settings import Settings
from fairlead.simulator.command import serve_listener
from fairlead.simulator.server import Address

log = logging.getLogger("fairlead.supervisor")

_RESTART_SECONDS = 0.5
_END_SECONDS = 5.0
SWITCH_SECONDS = 0.0002
_STOPS = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """Tells when the sockets are served, and looks after the TLS files while they are."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], tls: ServerTls | None, reload_seconds: float
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._tls = tls
        self._reload_seconds = reload_seconds
        self._watching: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            # What start-up made lives as long as the process: collections need not walk it again for every few requests.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 10, 10)
            # The loop takes the interpreter back several times a predict: from a script's thread, soon enough each time.
            sys.setswitchinterval(SWITCH_SECONDS)
            if self._tls is not None and self._reload_seconds > 0:
                self._watching = asyncio.create_task(_watch(self._tls, self._reload_seconds))
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await super().shutdown(sockets)


async def _watch(tls: ServerTls, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        tls.reload_if_changed()


def configure_logs(settings: Settings) -> None:
    """Lines on stderr, and the redactor before them: whatever a library logs passes it (T-10)."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogLines("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    install(logging.getLogger())


def serve_here(app: App, listener: socket.socket, settings: Settings, ready: Callable[[], None]) -> int:
    """Serves in this process until a stop signal; requests in flight may finish within the grace time."""
    configure_logs(settings)
    tls = app.tls
    config = uvicorn.Config(
        app,
        ssl_context_factory=None if tls is None else lambda *_: tls.context,
        interface="asgi3",
        http=(lane_class if settings.fast_lane else protocol_class)(settings.body_timeout, _sources(settings)),
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.drain_seconds,
        backlog=2048,
    )
    server = _Server(config, ready, tls, settings.tls_reload_seconds)
    # uvicorn heeds signals from a little later on, and raises them again when it has drained: one that comes before is not lost,
    # and a clean end is no death by signal.
    for number in _STOPS:
        signal.signal(number, server.handle_exit)
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(server.serve([listener]))
    except (KeyboardInterrupt, SystemExit):  # uvicorn leaves by SystemExit when the application cannot start
        pass
    return 0 if server.started else 78


def _sources(settings: Settings) -> Sources | None:
    most = settings.connections_per_source
    return Sources(most, Proxies(settings.trusted_proxies)) if most else None


def _worker(settings: Settings, listener: socket.socket, pipe: Any, board: Board, providers: Address | None) -> None:
    def ready() -> None:
        pipe.send("ready")

    threading.Thread(target=_end_with_supervisor, args=(pipe,), daemon=True).start()
    sys.exit(serve_here(application(settings, board, providers), listener, settings, ready))


def _providers(listener: socket.socket, pipe: Any) -> None:
    threading.Thread(target=_end_with_supervisor, args=(pipe,), daemon=True).start()
    serve_listener(listener)


@dataclass(frozen=True, slots=True)
class _Played:
    """The process that plays the providers, its socket, which outlives it, and the pipe by which it learns of our end."""

    process: SpawnProcess
    listener: socket.socket
    pipe: Any

    @property
    def address(self) -> Address:
        host, port = self.listener.getsockname()
        return Address(host, port)


def _end_with_supervisor(pipe: Any) -> None:
    """A worker whose supervisor is gone would hold the port with nobody to restart or stop it."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


class _Supervisor:
    def __init__(self, settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
        self._settings = settings
        self._listener = listener
        self._ready = ready
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[SpawnProcess] = []
        self._board = Board(settings.workers)
        self._slots: dict[int, int] = {}
        self._pipes: dict[int, Any] = {}
        self._played: _Played | None = None
        self._stopping = False
        self._woken, self._wakes = os.pipe()

    def run(self) -> int:
        for number in _STOPS:
            signal.signal(number, self._stop)
        if self._settings.simulate:
            self._played = self._play(socket.create_server(("127.0.0.1", 0)))
        for slot in range(self._settings.workers):
            self._start(slot)
        if not self._wait_ready():
            self._terminate()
            return 78
        self._ready()
        while not self._stopping:
            processes = [*self._workers, *([self._played.process] if self._played else [])]
            multiprocessing.connection.wait([self._woken, *(process.sentinel for process in processes)])
            self._replace_dead()
        self._terminate()
        return 0

    def _play(self, listener: socket.socket) -> _Played:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=_providers, args=(listener, theirs))
        process.start()
        theirs.close()
        return _Played(process, listener, mine)

    def _start(self, slot: int) -> None:
        mine, theirs = self._context.Pipe()
        providers = self._played.address if self._played else None
        shared = (self._settings, self._listener, theirs, self._board.of(slot), providers)
        worker = self._context.Process(target=_worker, args=shared)
        worker.start()
        theirs.close()
        self._workers.append(worker)
        self._pipes[worker.pid or 0] = mine
        self._slots[worker.pid or 0] = slot

    def _wait_ready(self) -> bool:
        """Whether all workers came up; one that ends before it is ready ends the start."""
        waiting = dict(self._pipes)
        while waiting and not self._stopping:
            for pid, pipe in list(waiting.items()):
                if pipe.poll(0.02):
                    del waiting[pid]
            if any(not worker.is_alive() and worker.pid in waiting for worker in self._workers):
                return False
        return True

    def _replace_dead(self) -> None:
        for worker in [worker for worker in self._workers if not worker.is_alive()]:
            log.error("worker %s ended with status %s; starting another", worker.pid, worker.exitcode)
            self._workers.remove(worker)
            self._pipes.pop(worker.pid or 0, None)
            if self._stopped_within(_RESTART_SECONDS):
                return
            self._start(self._slots.pop(worker.pid or 0))
        if self._played is not None and not self._played.process.is_alive() and not self._stopping:
            log.error("the simulated providers ended; starting them anew, without their jobs")
            if not self._stopped_within(_RESTART_SECONDS):
                self._played = self._play(self._played.listener)

    def _stopped_within(self, seconds: float) -> bool:
        return bool(multiprocessing.connection.wait([self._woken], seconds))

    def _stop(self, number: int, frame: Any) -> None:
        if not self._stopping:
            self._stopping = True
            os.write(self._wakes, b"x")  # what waits goes on waiting after a signal

    def _terminate(self) -> None:
        for worker in self._workers:
            worker.terminate()
        deadline = time.monotonic() + self._settings.drain_seconds + 5
        for worker in self._workers:
            worker.join(max(0.1, deadline - time.monotonic()))
            if worker.is_alive():
                worker.kill()
        if self._played is not None:  # after the workers, whose last calls it answers
            self._played.process.terminate()
            self._played.process.join(_END_SECONDS)
            if self._played.process.is_alive():
                self._played.process.kill()


def run_workers(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> int:
    """Runs `settings.workers` processes on `listener` until a stop signal."""
    return _Supervisor(settings, listener, ready).run()
