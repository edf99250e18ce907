"""Streams through gateways: CPU of one event for each of those that bench.gateways compares, beside the same provider."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import uvloop

from bench.load import request
from bench.predict import BODY, ML, process, serve
from bench.stream import Run, deploy, drive

STREAMS = 48
INTERVAL = 0.01
PATIENCE = 60.0
"""Seconds for all streams to begin."""
CHAT = json.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "y" * 240}]}).encode()


@dataclass(frozen=True, slots=True)
class Streaming:
    """Where a stream is asked for, and the process that relays it."""

    port: int
    ask: bytes
    pid: int


Proxy = Callable[[int], AbstractContextManager[Streaming | None]]
"""Opens a gateway before the provider on that port; None: it is not installed."""


@contextlib.contextmanager
def opened(proxies: dict[str, Proxy]) -> Iterator[dict[str, Streaming]]:
    with contextlib.ExitStack() as stack:
        module = [sys.executable, "-m", "bench.stream"]
        _, upstream, _ = stack.enter_context(process([*module, "provider", str(INTERVAL)], 1))
        found = {name: stack.enter_context(proxy(upstream)) for name, proxy in proxies.items()}
        pid, port, _ = stack.enter_context(process([*module, "relay", str(upstream), "owned"], 0))
        floor = Streaming(port, request("/v1/chat/completions", "localhost", CHAT), pid)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pid, port, _ = stack.enter_context(process(serve(folder, "--auth", "off"), 0))
        path = f"{ML}/models/{deploy(port, upstream)}/_predict/stream"
        found |= {"floor": floor, "Fairlead": Streaming(port, request(path, "localhost", BODY), pid)}
        yield {name: streaming for name, streaming in found.items() if streaming is not None}


def measured(proxies: dict[str, Proxy], seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """Medians by gateway; one that cannot begin so many streams in time has no row."""
    runs: dict[str, list[Run]] = {}
    with opened(proxies) as gateways:
        for number in range(rounds):
            order = list(gateways.items())
            for name, one in order if number % 2 == 0 else reversed(order):
                work = asyncio.wait_for(drive(one.port, one.ask, STREAMS, seconds, one.pid), seconds + PATIENCE)
                with contextlib.suppress(TimeoutError):
                    runs.setdefault(name, []).append(uvloop.run(work))
    names = ("rate", "cpu_us", "delay_p50_ms", "delay_p99_ms")
    return {
        gateway: {name: statistics.median(getattr(run, name) for run in found) for name in names}
        for gateway, found in runs.items()
        if found
    }


def shown(streams: dict[str, dict[str, float]]) -> Iterator[str]:
    yield f"| {STREAMS} streams, {1 / INTERVAL:.0f} events/s each | events/s | CPU us of an event | delay p50 / p99 ms |"
    yield "|---|--:|--:|--:|"
    for name, row in streams.items():
        delay = f"{row['delay_p50_ms']:.1f} / {row['delay_p99_ms']:.1f}"
        yield f"| {name} | {row['rate']:,.0f} | {row['cpu_us']:,.1f} | {delay} |"
