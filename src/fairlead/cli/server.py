"""One process that serves until a stop signal: it says when it is ready, lets requests in flight finish, closes what is open,
and ends within a bounded time whatever hangs. It starts no other process.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from fairlead.api.app import App
from fairlead.api.fast_lane import lane_class
from fairlead.api.server import BoundedProtocol, protocol_class
from fairlead.api.sources import Sources
from fairlead.cli.deadline import CLOSING_SECONDS, LEAVING_SECONDS, end_within, leave_within
from fairlead.security.forwarded import Proxies
from fairlead.security.log_lines import LogLines
from fairlead.security.redaction import install
from fairlead.security.server_tls import ServerTls
from fairlead.settings import Settings

log = logging.getLogger("fairlead.server")

STOPS = (signal.SIGTERM, signal.SIGINT)
SWITCH_SECONDS = 0.0002
_TICK_SECONDS = 0.1
_BACKLOG = 2048
DEAF_SECONDS = 1.0
"""How long a TLS client may take to answer the server's goodbye; a client that keeps connections for later never does."""
_HANDSHAKE_SECONDS = 2.0
_GIVEN_UP_SECONDS = 1.0
"""How long requests that the drain did not wait for have to tell their callers so."""


class _Server(uvicorn.Server):
    """Looks after the TLS files while the sockets are served. `http` is the protocol of its connections, and no other's."""

    def __init__(
        self,
        config: uvicorn.Config,
        http: type[BoundedProtocol],
        ready: Callable[[], None],
        tls: ServerTls | None,
        settings: Settings,
    ) -> None:
        super().__init__(config)
        self._http = http
        self._ready = ready
        self._tls = tls
        self._reload_seconds = settings.tls_reload_seconds
        self._drain_seconds = settings.drain_seconds
        self._watching: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            # A start that hangs, say at the store, has nobody to wait for.
            end_within(CLOSING_SECONDS + (self._drain_seconds + _GIVEN_UP_SECONDS if self.started else 0))
        super().handle_exit(sig, frame)

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
        """uvicorn's own waits for goodbyes of TLS clients as for requests, and closes nothing when it is hurried."""
        if self._watching is not None:
            self._watching.cancel()
        self._http.stopping = True
        # Between these lines nothing may take time: who connects meanwhile is cut off by the system.
        waiting = [connection for listener in sockets or () for connection in _waiting(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for connection in self._connections():
            connection.shutdown()
        for accepted in waiting:
            task = asyncio.create_task(self._take(accepted))
            self.server_state.tasks.add(task)
            task.add_done_callback(self.server_state.tasks.discard)
        await self._drain()
        end_within(CLOSING_SECONDS)
        await self.lifespan.shutdown()
        leave_within(LEAVING_SECONDS, 0)

    async def _take(self, accepted: socket.socket) -> None:
        """Serves one who connected before nobody listened any more, as uvicorn does."""
        loop, config, tls = asyncio.get_running_loop(), self.config, self.config.ssl

        def made() -> asyncio.Protocol:
            return self._http(config=config, server_state=self.server_state, app_state=self.lifespan.state, _loop=loop)

        with contextlib.suppress(OSError):  # it left, or speaks no TLS
            await loop.connect_accepted_socket(
                made, accepted, ssl=tls, ssl_handshake_timeout=None if tls is None else _HANDSHAKE_SECONDS
            )

    def _connections(self) -> list[BoundedProtocol]:
        return [each for each in self.server_state.connections if isinstance(each, BoundedProtocol)]

    async def _drain(self) -> None:
        """Requests in flight finish; those that do not in time are cancelled. A second interrupt hurries."""
        loop, state = asyncio.get_running_loop(), self.server_state
        began = loop.time()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if not (state.connections or state.tasks):
                return
            passed = loop.time() - began
            if self.force_exit or passed >= self._drain_seconds:
                break
            if passed >= DEAF_SECONDS:
                for connection in self._connections():
                    connection.leave_deaf()
        if tasks := set(state.tasks):
            log.warning("%d requests have not ended in time and are given up", len(tasks))
            for task in tasks:
                task.cancel("the time for draining is over")
            await asyncio.wait(tasks, timeout=_GIVEN_UP_SECONDS)


def _waiting(listener: socket.socket) -> list[socket.socket]:
    """Connections that the system has made and nobody has accepted."""
    found: list[socket.socket] = []
    listener.setblocking(False)
    with contextlib.suppress(OSError):  # there is none, as a rule
        while len(found) < _BACKLOG:
            found.append(listener.accept()[0])
    return found


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
    http = (lane_class if settings.fast_lane else protocol_class)(settings.body_timeout, _sources(settings))
    config = uvicorn.Config(
        app,
        ssl_context_factory=None if tls is None else lambda *_: tls.context,
        interface="asgi3",
        http=http,
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=False,
        timeout_keep_alive=75,
        backlog=_BACKLOG,
    )
    server = _Server(config, http, ready, tls, settings)
    # uvicorn heeds signals from a little later on, and raises them again when it has drained: one that comes before is not lost,
    # and a clean end is no death by signal.
    for number in STOPS:
        signal.signal(number, server.handle_exit)
    # uvicorn leaves by SystemExit when the application cannot start.
    with (
        contextlib.suppress(KeyboardInterrupt, SystemExit),
        asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
    ):
        runner.run(server.serve([listener]))
    return 0 if server.started else 78


def _sources(settings: Settings) -> Sources | None:
    most = settings.connections_per_source
    return Sources(most, Proxies(settings.trusted_proxies)) if most else None
