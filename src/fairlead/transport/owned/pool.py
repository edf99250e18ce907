"""The connections of one route: at most `cap` open, kept for the next call, dropped when old or withdrawn.

A caller holds a slot of the gate from `acquire` to `release`, and dials only when no connection is kept, so open
sockets never outnumber slots. It reads and writes no bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from fairlead.errors import FairleadError
from fairlead.transport.deadlines import timed_out
from fairlead.transport.gate import Gate
from fairlead.transport.owned.connection import Connection
from fairlead.transport.owned.dial import Dial
from fairlead.transport.port import Dialer, Kind, Limits, PoolStats, Route, Stage, UpstreamError

KEEP_IDLE_SECONDS = 30.0
"""Below the idle time after which common servers close, so that a stale socket is rare (reference/transport.md 8)."""
REFRESH_SECONDS = 30.0
"""How old an answer of the Dialer may be while kept connections are used on the strength of it."""
FORGET_SECONDS = 75.0
"""An address that no answer named for so long is withdrawn; longer than two refreshes, for answers may rotate."""


@dataclass(frozen=True, slots=True)
class OwnedPoolStats(PoolStats):
    """And what it did since it was made."""

    dialled: int
    reused: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """Something rare that happened to a pool: `dialled` (seconds it took), `dial_failed`, `withdrawn`, `expired`."""

    route: Route
    name: str
    seconds: float = 0.0


class Pool:
    """See the module. `observe` is told of rare events only: nothing is called for a call on a kept connection."""

    __slots__ = (
        "_closed",
        "_dial",
        "_dialled",
        "_dialling",
        "_gone",
        "_idle",
        "_observe",
        "_open",
        "_refresh",
        "_resolved_at",
        "_reused",
        "_route",
        "_seen",
        "_withdrawn",
        "gate",
        "loop",
        "where",
    )

    def __init__(self, route: Route, dialer: Dialer, observe: Callable[[PoolEvent], None] | None) -> None:
        self._route = route
        self._dial = Dial(route, dialer)
        self.where = self._dial.where
        self.gate = Gate(route.cap, route.queue, self.where)
        self.loop = asyncio.get_running_loop()
        self._observe = observe
        # The end is the freshest: the least likely to be closed by the provider.
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._closed = False
        self._gone = asyncio.Event()
        self._refresh: asyncio.Task[None] | None = None
        self._resolved_at = -inf
        self._seen: dict[str, float] = {}
        self._dialling = self._dialled = self._reused = self._withdrawn = 0

    @property
    def quiet(self) -> bool:
        """Whether no call is out, no socket open and no name being resolved."""
        return not self._open and not self.gate.inside and (self._refresh is None or self._refresh.done())

    @property
    def busy(self) -> bool:
        """Whether a call is out."""
        return self.gate.inside > 0

    @property
    def _sockets(self) -> int:
        return len(self._open) + self._dialling

    def stats(self) -> OwnedPoolStats:
        """A snapshot; a socket that is being dialled or that the loop has not let go of yet counts as open."""
        return OwnedPoolStats(
            self._route,
            self._sockets,
            len(self._idle),
            self.gate.waiting,
            self._dialled,
            self._reused,
            self._withdrawn,
        )

    def take(self) -> Connection | None:
        """A kept connection and a slot, when both are free now: most calls need not wait for anything. As `acquire`."""
        if not self._idle or not self.gate.try_enter():
            return None
        connection = self._kept()
        if connection is None:
            self.gate.leave()
        return connection

    async def acquire(self, limits: Limits, total: float) -> Connection:
        """A connection for one call, kept or new; give it back with `release`. `total` is in loop time.

        Raises UpstreamError with sent=False, or what the Dialer raises.
        """
        if not self.gate.try_enter():
            await self.gate.enter(min(limits.pool, total - self.loop.time()))
        try:
            connection = self._kept()
            if connection is None:
                connection = await self._new(limits, total)
        except BaseException:
            self.gate.leave()
            raise
        return connection

    def release(self, connection: Connection) -> None:
        """Keep a connection whose reply was read whole, close any other at once."""
        if connection.finished():
            connection.idle_since = self.loop.time()
            self._idle.append(connection)
        else:
            connection.abort()
        self.gate.leave()

    def sweep(self, now: float) -> None:
        """End calls whose deadline has passed at `now` (loop time) and drop connections idle for too long."""
        for connection in list(self._open):
            connection.check_deadline(now)
        while self._idle and self._idle[0].idle_since + KEEP_IDLE_SECONDS < now:
            self._idle.pop(0).abort()
            self._tell("expired")

    def close_idle(self) -> None:
        """Close what carries no call."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()

    def close(self) -> None:
        """Close everything; calls under way and in line fail."""
        self._closed = True
        self.gate.close()
        if self._refresh is not None:
            self._refresh.cancel()
        self._idle.clear()
        for connection in list(self._open):
            connection.abort_with(
                UpstreamError(Stage.HEAD, Kind.RESET, f"{self.where}: the client was closed", sent=True)
            )

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                self._reused += 1
                connection.idle_since = inf
                if self.loop.time() - self._resolved_at > REFRESH_SECONDS:
                    self._start_refresh()
                return connection
        return None

    async def _new(self, limits: Limits, total: float) -> Connection:
        if self._sockets >= self.gate.cap:
            await self._room(limits, total)
        started = self.loop.time()
        self._dialling += 1
        try:
            connection, addresses = await self._dial.connect(limits, total, self._make)
        except BaseException:
            self._tell("dial_failed", self.loop.time() - started)
            raise
        finally:
            self._dialling -= 1
        if not connection.lost:
            self._open.add(connection)
        self._named(addresses)
        self._dialled += 1
        self._tell("dialled", self.loop.time() - started)
        if self._closed:
            connection.abort()
            raise UpstreamError(Stage.POOL, Kind.REFUSED, f"{self.where}: the client is closed", sent=False)
        if not connection.usable:
            raise UpstreamError(Stage.CONNECT, Kind.RESET, f"Connection closed at once: {self.where}", sent=False)
        return connection

    async def _room(self, limits: Limits, total: float) -> None:
        """Wait until the loop has let go of a socket that was closed by whoever gave us the slot."""
        by = self.loop.time() + limits.connect
        try:
            async with asyncio.timeout_at(min(by, total)):
                while self._sockets >= self.gate.cap:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            raise timed_out(Stage.POOL, self.where, limits, total=total <= by, sent=False) from None

    def _make(self) -> Connection:
        return Connection(self.loop, self.where, self._lost)

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._gone.set()
        if connection.idle_since != inf and connection in self._idle:
            self._idle.remove(connection)

    # Withdrawn addresses: what the guard or the name service takes back must not live on in kept sockets.

    def _start_refresh(self) -> None:
        if self._refresh is None or self._refresh.done():
            self._resolved_at = self.loop.time()
            self._refresh = self.loop.create_task(self._look_again())

    async def _look_again(self) -> None:
        try:
            self._named(await self._dial.addresses())
        except FairleadError:
            # The guard takes back its consent.
            self._seen.clear()
        except (UpstreamError, OSError):
            # A name service that is away withdraws nothing.
            return
        now = self.loop.time()
        self._seen = {address: seen for address, seen in self._seen.items() if now - seen <= FORGET_SECONDS}
        for connection in list(self._open):
            if connection.address not in self._seen and not connection.doomed:
                connection.doomed = True
                self._withdrawn += 1
                self._tell("withdrawn")
        for connection in [kept for kept in self._idle if kept.doomed]:
            self._idle.remove(connection)
            connection.abort()

    def _named(self, addresses: list[str]) -> None:
        now = self._resolved_at = self.loop.time()
        for address in addresses:
            self._seen[address] = now

    def _tell(self, name: str, seconds: float = 0.0) -> None:
        if self._observe is not None:
            self._observe(PoolEvent(self._route, name, seconds))
