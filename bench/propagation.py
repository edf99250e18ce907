"""How long a change through one worker takes until every worker acts on it: a disabled model, and a deleted API key.

Budget: 100 ms. scripts/bench propagation [--workers N] [--rounds N] [--store URL] [--json FILE]. Many kept connections, spread over
the workers by chance, ask without a pause; what counts is the last one that was still answered as before. With --store, the
address of an empty PostgreSQL database, two nodes share it: one is told of the disabled model, the other is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.auth import SCHEMES, settle
from bench.predict import ML, deploy, process, serve, static_upstream

CONNECTIONS = 16
KEYS = "/_plugins/_security/api/apitokens"
BODY = json.dumps({"parameters": {"messages": [{"role": "user", "content": "y"}]}}).encode()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, Any]:
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    reply = connection.getresponse()
    text = reply.read()
    return reply.status, json.loads(text) if text.startswith(b"{") else text


def until_seen(port: int, path: str, headers: dict[str, str], before: int, change: Callable[[], None]) -> float:
    """Milliseconds from the answer to `change` until the last answer with status `before` on any connection."""
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(CONNECTIONS)]
    last, stop = [0.0] * CONNECTIONS, threading.Event()

    def watch(number: int) -> None:
        while not stop.is_set():
            began = time.perf_counter()
            if ask(connections[number], "POST", path, BODY, headers)[0] == before:
                last[number] = began
            time.sleep(0.002)

    watchers = [threading.Thread(target=watch, args=(number,)) for number in range(CONNECTIONS)]
    for watcher in watchers:
        watcher.start()
    while not all(last):
        time.sleep(0.001)
    change()
    changed = time.perf_counter()
    time.sleep(0.5)
    stop.set()
    for watcher in watchers:
        watcher.join()
    for connection in connections:
        connection.close()
    return max(0.0, (max(last) - changed) * 1000)


def disabled(told: int, port: int, model: str, rounds: int) -> list[float]:
    """Disabled through the server at port `told`, asked for at `port`."""
    control = http.client.HTTPConnection("127.0.0.1", told, timeout=30)

    def enable(value: bool) -> None:
        body = json.dumps({"is_enabled": value}).encode()
        status, said = ask(control, "PUT", f"{ML}/models/{model}", body, {})
        assert status == 200, said

    times = []
    for _ in range(rounds):
        times.append(until_seen(port, f"{ML}/models/{model}/_predict", {}, 200, lambda: enable(False)))
        enable(True)
        time.sleep(0.3)
    return times


def revoked(port: int, model: str, rounds: int) -> list[float]:
    """Each round with a key of its own, made and deleted by its owner."""
    control, basic = http.client.HTTPConnection("127.0.0.1", port, timeout=30), {"Authorization": SCHEMES["basic"]}
    times = []
    for number in range(rounds):
        body = json.dumps({"name": f"round-{number}", "duration_seconds": 600}).encode()
        status, made = ask(control, "POST", KEYS, body, basic)
        assert status in (200, 201), made

        def delete(id: str = made["id"]) -> None:
            status, said = ask(control, "DELETE", f"{KEYS}/{id}", None, basic)
            assert status == 200, said

        key = {"Authorization": f"ApiKey {made['token']}"}
        time.sleep(0.3)
        times.append(until_seen(port, f"{ML}/models/{model}/_predict", key, 200, delete))
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--store")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    found = on_two_nodes(arguments) if arguments.store else on_one_node(arguments)
    for name, times in found.items():
        median, most = statistics.median(times), max(times)
        print(f"{name}: median {median:.1f} ms, most {most:.1f} ms; {len(times)} rounds, {arguments.workers} workers")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1))


def on_one_node(arguments: argparse.Namespace) -> dict[str, list[float]]:
    with contextlib.ExitStack() as stack:
        upstream, _ = stack.enter_context(static_upstream())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()), "data")
        folder.mkdir(mode=0o700)
        asyncio.run(settle(folder, "all_access"))
        with process(serve(folder, "--auth", "off", workers=arguments.workers)) as (_, port, _):
            model = deploy(port, upstream)
            found = {"model disabled": disabled(port, port, model, arguments.rounds)}
        with process(serve(folder, "--auth", "on", workers=arguments.workers)) as (_, port, _):
            found["API key deleted"] = revoked(port, model, arguments.rounds)
    return found


def on_two_nodes(arguments: argparse.Namespace) -> dict[str, list[float]]:
    with contextlib.ExitStack() as stack:
        upstream, _ = stack.enter_context(static_upstream())
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        more = ("--auth", "off", "--store", arguments.store)
        _, one, _ = stack.enter_context(process(serve(root / "one", *more, workers=arguments.workers)))
        shutil.copytree(root / "one" / "keys", root / "two" / "keys")
        (root / "two").chmod(0o700)
        _, two, _ = stack.enter_context(process(serve(root / "two", *more, workers=arguments.workers)))
        return {"model disabled through another node": disabled(one, two, deploy(one, upstream), arguments.rounds)}


if __name__ == "__main__":
    main()
