"""What streams that run see while a thousand others are opened at once, through Fairlead and through the bare relay.

scripts/bench opening [--streams N] [--rounds N]. Provider and relay are those of bench.stream.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import tempfile
import time

import uvloop

from bench.load import cpu_seconds, request
from bench.predict import ML, bind, process, serve
from bench.stream import _Reader, _Seen, deploy

RUNNING = 20
"""Streams that are watched."""
INTERVAL = 0.05


async def opened(port: int, ask: bytes, streams: int, pid: int) -> str:
    loop = asyncio.get_running_loop()
    seen, others = _Seen(), _Seen()
    readers = [_Reader(ask, seen, sampled=True) for _ in range(RUNNING)]
    more = [_Reader(ask, others, sampled=False) for _ in range(streams)]
    for reader in readers:
        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(reader.first for reader in readers))
    await asyncio.sleep(1)
    seen.gaps.clear()
    seen.delays.clear()
    began, cpu = time.perf_counter(), cpu_seconds(pid)
    for reader in more:
        await loop.create_connection(lambda reader=reader: reader, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(reader.first for reader in more))
    took, used = time.perf_counter() - began, cpu_seconds(pid) - cpu
    for reader in (*readers, *more):
        reader.transport.close()
    await asyncio.sleep(0.5)
    delay, gap = max(seen.delays) * 1000, max(seen.gaps) * 1000
    return f"all had begun after {took:.2f} s, CPU {used:.2f} s; running streams: delay {delay:.0f}, gap {gap:.0f} ms at most"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bind(0, 1)
    body = json.dumps({"parameters": {"messages": [{"role": "user", "content": "y"}]}}).encode()
    with contextlib.ExitStack() as stack:
        module = [sys.executable, "-m", "bench.stream"]
        _, upstream, _ = stack.enter_context(process([*module, "provider", str(INTERVAL)], 1))
        floor, floor_port, _ = stack.enter_context(process([*module, "relay", str(upstream), "owned"], 0))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pid, port, _ = stack.enter_context(process(serve(folder), 0))
        path = f"{ML}/models/{deploy(port, upstream)}/_predict/stream"
        ask = request(path, "localhost", body)
        for _ in range(arguments.rounds):
            for name, where, server in (("relay", floor_port, floor), ("fairlead", port, pid)):
                print(f"{name:10}{uvloop.run(opened(where, ask, arguments.streams, server))}", flush=True)


if __name__ == "__main__":
    main()
