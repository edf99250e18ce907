"""Plays bytes, events and the passing of time to a protocol without a socket, and tells everything that a caller and the loop
could see of it.

The application is the real one (fairlead.api.app.App) with a scripted predict behind it, so both ways to it are compared too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from fairlead.api.answer import Answer
from fairlead.api.app import App
from fairlead.api.body import Disconnected, read_body
from fairlead.api.fast_lane import LaneProtocol, lane_class
from fairlead.api.gate import Refusal
from fairlead.api.presence import PRESENCE
from fairlead.api.reply import simple_error
from fairlead.api.server import BoundedProtocol, protocol_class

MAX_BODY = 2000
BODY_SECONDS = 30.0
IDLE_SECONDS = 75
CLASSES: tuple[type[BoundedProtocol], type[LaneProtocol]] = (protocol_class(BODY_SECONDS), lane_class(BODY_SECONDS))
"""Without and with the lane."""
PREDICT = b"/_plugins/_ml/models/ModelModelModelModel/_predict"


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes only when it is told to."""

    now = 0.0

    def time(self) -> float:
        return self.now


class Hall(App):
    """Answers predicts by what their body says, and tells how many it was asked; another path is echoed."""

    def __init__(self) -> None:
        async def nothing() -> Any:
            raise AssertionError

        super().__init__(nothing, nothing, MAX_BODY)
        self.asked: list[bytes] = []
        self.proceed = asyncio.Event()
        self._predict: Any = self._scripted
        self._router: Any = self._echo

    async def _scripted(
        self, scope: Any, fields: Any, principal: Any, receive: Any, algorithm: str, model_id: str
    ) -> Answer:
        headers = scope["headers"]
        if (b"x-do", b"refuse") in headers:  # before the body is read, as the gate does
            raise Refusal(simple_error("no", 403))
        try:
            body = await read_body(headers, receive, MAX_BODY)
        except Disconnected:
            raise
        except Exception as fault:  # the real route makes answers of our faults
            return _said(getattr(fault, "status", 500), str(fault).encode(), getattr(fault, "headers", {}))
        self.asked.append(body)
        if (b"x-do", b"fail") in headers:
            raise RuntimeError("a defect")
        if (b"x-do", b"split") in headers:
            return _said(200, body, {"x-split": "a\r\nb: c"})
        if (b"x-do", b"odd") in headers:  # a provider's status that has no phrase
            return _said(520, body)
        if (b"x-do", b"large") in headers:
            return _said(200, b"large " * 1000)
        if (b"x-do", b"wait") in headers:
            await scope[PRESENCE].needed(self.proceed.wait())
        seen = [(name, value) for name, value in headers if name.startswith(b"x-")]
        line = repr((scope["method"], scope["raw_path"], scope["query_string"], algorithm, model_id, seen)).encode()
        return _said(200, line + b"\n" + body)

    async def _echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = await read_body([(b"content-type", b"application/json")], receive, MAX_BODY)
        answer = _said(200, repr((scope["method"], scope["path"])).encode() + body)
        await send({"type": "http.response.start", "status": 200, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})


def _said(status: int, body: bytes, more: Any = None) -> Answer:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in (more or {}).items()]
    return Answer(status, headers, body)


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and lets the end of the connection be played."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def write(self, data: Any) -> None:
        if not self.closed:
            self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a connection: bytes to the caller, whether it was closed, whether it reads on, what the application
    was asked, which watch is set on the caller, and how many tasks are left."""

    written: bytes
    closed: bool
    reading: bool
    asked: tuple[bytes, ...]
    watched: bool
    tasks: int


@cache
def _config() -> uvicorn.Config:
    """As the server has it; loading one costs more than playing a connection."""
    config = uvicorn.Config(
        _nothing,
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_keep_alive=IDLE_SECONDS,
    )
    config.load()
    return config


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("each stage has an application of its own")


class Stage:
    """One connection to a protocol of the class."""

    def __init__(self, protocol: type[BoundedProtocol]) -> None:
        self.app = Hall()
        self.state = ServerState()
        self.wire = Wire()
        self.protocol = protocol(
            config=_config(), server_state=self.state, app_state={}, _loop=asyncio.get_running_loop()
        )
        self.protocol.app = self.app
        self.protocol.connection_made(self.wire)
        self.waiting: list[bytes] = []

    async def settle(self) -> None:
        """Until nothing more happens by itself."""
        for turn in range(20):
            await asyncio.sleep(0)
            if turn > 2 and not self.state.tasks:
                break
        if self._deliver():
            await self.settle()

    async def data(self, piece: bytes, *, settle: bool = True) -> None:
        """Bytes are sent; they come as soon as the server reads."""
        self.waiting.append(piece)
        self._deliver()
        if settle:
            await self.settle()

    def _deliver(self) -> bool:
        before = len(self.waiting)
        while self.waiting and self.wire.reading and not self.wire.closed:
            self.protocol.data_received(self.waiting.pop(0))
        return len(self.waiting) < before

    async def lost(self) -> None:
        """The caller is gone."""
        self.wire.closed = True
        self.protocol.connection_lost(None)
        await self.settle()

    def fate(self) -> Fate:
        timer: Any = self.protocol._timer  # the only watch on a caller who is to send something
        return Fate(
            b"".join(self.wire.writes),
            self.wire.closed,
            self.wire.reading,
            tuple(self.app.asked),
            timer is not None and not timer.cancelled(),
            len(self.state.tasks),
        )

    async def end(self) -> None:
        """Nothing may be left behind, whatever was played."""
        self.wire.closed = True
        self.protocol.connection_lost(None)
        self.app.proceed.set()
        await self.settle()
        assert not self.state.tasks
        assert not self.state.connections


Action = tuple[str, bytes]
"""`data` with bytes (the application gets its turn after it), `burst` (it does not), `later` with seconds, `pause`, `resume`,
`proceed`, `shutdown`, `lost`, `cancel`."""


def fates(actions: Sequence[Action]) -> list[list[Fate]]:
    """What becomes of a connection without and with the lane."""
    with asyncio.Runner(loop_factory=Clock) as runner:
        return [runner.run(_play(protocol, actions)) for protocol in CLASSES]


def same_fate(actions: Sequence[Action]) -> Fate:
    """The last, which the lane shares with uvicorn; so are all before."""
    without, with_lane = fates(actions)
    assert with_lane == without, actions
    return without[-1]


async def _play(protocol: type[BoundedProtocol], actions: Sequence[Action]) -> list[Fate]:
    """The fate after each action."""
    stage = Stage(protocol)
    fates = []
    for name, piece in actions:
        if name in ("data", "burst"):
            await stage.data(piece, settle=name == "data")
        elif name == "later":
            clock = stage.protocol.loop
            assert isinstance(clock, Clock)
            clock.now += float(piece)
        elif name == "pause":
            stage.protocol.pause_writing()
        elif name == "resume":
            stage.protocol.resume_writing()
        elif name == "proceed":
            stage.app.proceed.set()
        elif name == "shutdown":
            stage.protocol.shutdown()
        elif name == "cancel":
            for task in list(stage.state.tasks):
                task.cancel()
        else:
            await stage.lost()
            break
        if name != "burst":
            await stage.settle()
            fates.append(stage.fate())
    await stage.settle()
    fates.append(stage.fate())
    if name != "lost":
        await stage.end()
    return fates
