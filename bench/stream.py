"""Streams end to end against a bare relay: CPU per event, and what 1,000 streams at once see of delays and stalls.

scripts/bench stream [--seconds N] [--rounds N] [--streams N] [--transport NAME] [--json FILE]. The relay is the same server
and the same client that hand bytes on and do nothing else. Ratios hold within one run only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import resource
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import uvloop

from bench.floor import Bare
from bench.load import cpu_seconds, request, rss_mb
from bench.predict import ML, bind, call, process, serve
from fairlead.api.body import Disconnected
from fairlead.api.presence import PRESENCE
from fairlead.cli.server import serve_here
from fairlead.settings import Settings
from fairlead.transport.port import Call, Limits, Route

SLOTS = 50
"""Streams start their intervals spread over so many points, so that not all speak at once."""
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_CHUNK = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1689793889,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%020.6f"},"finish_reason":null}]}\n\n'
)
_EVENT = b"%x\r\n%s\r\n" % (len(_CHUNK % 0.0), _CHUNK)
"""A piece of a chunked reply with room for its time; rendered once, since provider and readers share a core."""
SAMPLED = 10
"""Every tenth reader reads the times of its events, the others count them."""
_STAMP = re.compile(rb'"content":"([0-9.]+)"')
_LIMITS = Limits(10, 30, 30, 30, 300, 10**9)


class Provider:
    """Speaks on every connection that asked, each `interval` seconds, one event a write, for ever."""

    def __init__(self, interval: float) -> None:
        self.slots: list[set[asyncio.Transport]] = [set() for _ in range(SLOTS)]
        self._interval = interval
        self._count = 0

    def join(self, transport: asyncio.Transport) -> int:
        self._count += 1
        self.slots[self._count % SLOTS].add(transport)
        return self._count % SLOTS

    async def speak(self) -> None:
        step = self._interval / SLOTS
        due = time.perf_counter()
        while True:
            for slot in self.slots:
                due += step
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                for transport in slot:
                    transport.write(_EVENT % time.perf_counter())


class _Asked(asyncio.Protocol):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._transport: asyncio.Transport | None = None
        self._slot = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._slot < 0:
            self._transport.write(_HEAD)
            self._slot = self._provider.join(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._slot >= 0 and self._transport is not None:
            self._provider.slots[self._slot].discard(self._transport)


async def provide(interval: float) -> None:
    provider = Provider(interval)
    server = await asyncio.get_running_loop().create_server(lambda: _Asked(provider), "127.0.0.1", 0, backlog=2048)
    print(f"provider on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await provider.speak()


class Relay(Bare):
    """Hands each piece on in a write of its own."""

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        with contextlib.suppress(Disconnected):  # a caller that left ends its stream, as in ours
            await scope[PRESENCE].needed(self._hand_on(receive, send))

    async def _hand_on(self, receive: Any, send: Any) -> None:
        assert self.upstream is not None
        message = await receive()
        asked = Call(b"POST", b"/v1/chat/completions", ((b"Content-Type", b"application/json"),), message["body"])
        async with self.upstream.stream(self.route, asked, _LIMITS) as reply:
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
            )
            async for piece in reply:
                await send({"type": "http.response.body", "body": piece, "more_body": True})


def relay(port: int, adapter: str) -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)

    def ready() -> None:
        print(f"relay on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)

    app: Any = Relay(Route("http", "127.0.0.1", port, None, None, 2000, 1000), adapter)
    return serve_here(app, listener, Settings(), ready)


@dataclass(frozen=True, slots=True)
class Run:
    """Events per second, server CPU microseconds per event, milliseconds from provider to caller and between two events."""

    streams: int
    rate: float
    cpu_us: float
    delay_p50_ms: float
    delay_p99_ms: float
    delay_max_ms: float
    gap_max_ms: float


class _Seen:
    """What the readers of one run saw; `delays` and `gaps` of the sampled ones, in seconds."""

    def __init__(self) -> None:
        self.events = 0
        self.delays: list[float] = []
        self.gaps: list[float] = []


class _Reader(asyncio.Protocol):
    """Counts its events; a sampled one notes how old each is, and how long after the one before it came."""

    def __init__(self, ask: bytes, seen: _Seen, *, sampled: bool) -> None:
        self._ask = ask
        self._seen = seen
        self._sampled = sampled
        self._last = 0.0
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._ask)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if not (count := data.count(b'"content":')):
            if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
                raise SystemExit(data[:300].decode("latin-1"))
            return
        self._seen.events += count
        if self._sampled:
            now = time.perf_counter()
            self._seen.delays += [now - float(stamp) for stamp in _STAMP.findall(data)]
            if self._last:
                self._seen.gaps.append(now - self._last)
            self._last = now
        if not self.first.done():
            self.first.set_result(None)


async def drive(port: int, ask: bytes, streams: int, seconds: float, pid: int) -> Run:
    """`streams` readers, measured from when all of them have begun."""
    loop = asyncio.get_running_loop()
    seen = _Seen()
    readers: list[_Reader] = []
    for number in range(streams):
        made = _Reader(ask, seen, sampled=number % SAMPLED == 0)
        await loop.create_connection(lambda reader=made: reader, "127.0.0.1", port)  # type: ignore[misc]
        readers.append(made)
    await asyncio.gather(*(reader.first for reader in readers))
    await asyncio.sleep(1)
    seen.events = 0
    seen.delays.clear()
    seen.gaps.clear()
    cpu, started = cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    took, used, count = time.perf_counter() - started, cpu_seconds(pid) - cpu, seen.events
    found = sorted(seen.delays)
    for reader in readers:
        reader.transport.close()
    await asyncio.sleep(0.5)
    return Run(
        streams,
        count / took,
        used / count * 1e6,
        found[len(found) // 2] * 1000,
        found[int(len(found) * 0.99)] * 1000,
        found[-1] * 1000,
        max(seen.gaps) * 1000,
    )


def deploy(port: int, upstream: int) -> str:
    settings = {
        "trusted_connector_endpoints_regex": ["^https?://127\\.0\\.0\\.1:.*$"],
        "connector.private_ip_enabled": True,
        "stream_enabled": True,
    }
    call(port, "PUT", "/_cluster/settings", {"persistent": {f"plugins.ml_commons.{k}": v for k, v in settings.items()}})
    action = {
        "action_type": "predict", "method": "POST", "url": f"http://127.0.0.1:{upstream}/v1/chat/completions",
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": '{ "messages": ${parameters.messages} }',
    }  # fmt: skip
    connector = call(port, "POST", f"{ML}/connectors/_create", {
        "name": "bench", "version": 1, "protocol": "http", "credential": {"key": "x"}, "actions": [action],
        "client_config": {"max_connection": 2000}, "parameters": {"_llm_interface": "openai/v1/chat/completions"},
    })  # fmt: skip
    model = call(port, "POST", f"{ML}/models/_register", {"name": "bench", "function_name": "remote", **connector})
    call(port, "POST", f"{ML}/models/{model['model_id']}/_deploy", {})
    return str(model["model_id"])


def compared(
    transport: str, interval: float, streams: int, seconds: float, rounds: int
) -> tuple[dict[str, list[Run]], float]:
    """Runs of both servers in turn, and the memory of ours in the end."""
    body = json.dumps({"parameters": {"messages": [{"role": "user", "content": "y"}]}}).encode()
    with contextlib.ExitStack() as stack:
        module = [sys.executable, "-m", "bench.stream"]
        _, upstream, _ = stack.enter_context(process([*module, "provider", str(interval)], 1))
        floor, floor_port, _ = stack.enter_context(process([*module, "relay", str(upstream), transport], 0))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pid, port, _ = stack.enter_context(process(serve(folder, "--transport", transport), 0))
        path = f"{ML}/models/{deploy(port, upstream)}/_predict/stream"
        asks = {"relay": (floor_port, floor), "fairlead": (port, pid)}
        runs: dict[str, list[Run]] = {name: [] for name in asks}
        for number in range(rounds):
            for name in list(asks) if number % 2 == 0 else reversed(list(asks)):
                where, server = asks[name]
                runs[name].append(uvloop.run(drive(where, request(path, "localhost", body), streams, seconds, server)))
        return runs, rss_mb(pid)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--transport", default="owned")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bind(0, 1)
    result: dict[str, Any] = {}
    print(f"{'':10}{'streams':>8}{'events/s':>10}{'CPU us':>8}{'delay p50':>11}{'p99':>8}{'max ms':>8}{'gap max':>9}")
    for streams, interval in ((48, 0.01), (arguments.streams, 0.05)):
        runs, memory = compared(arguments.transport, interval, streams, arguments.seconds, arguments.rounds)
        for name, found in runs.items():
            median = {key: statistics.median(asdict(run)[key] for run in found) for key in asdict(found[0])}
            result[f"{name}_{streams}"] = {**median, "runs": [asdict(run) for run in found]}
            shown = (median[key] for key in ("delay_p50_ms", "delay_p99_ms", "delay_max_ms", "gap_max_ms"))
            print(
                f"{name:10}{streams:>8}{median['rate']:>10.0f}{median['cpu_us']:>8.1f}"
                + "".join(f"{value:>{width}.1f}" for value, width in zip(shown, (11, 8, 8, 9), strict=True))
            )
        ratios = [ours.cpu_us / floor.cpu_us for ours, floor in zip(runs["fairlead"], runs["relay"], strict=True)]
        result[f"cpu_ratio_{streams}"] = ratios
        result[f"rss_mb_{streams}"] = memory
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"CPU per event of fairlead, of that of the relay, {streams} streams: {spread}; RSS {memory:.0f} MB")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["provider"]:
        uvloop.run(provide(float(sys.argv[2])))
    elif sys.argv[1:2] == ["relay"]:
        sys.exit(relay(int(sys.argv[2]), sys.argv[3]))
    else:
        main()
