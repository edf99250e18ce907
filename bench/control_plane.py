"""The control plane with many tasks stored: single gets, a filtered search, start-up; over HTTP on one warm connection.

scripts/bench control_plane [--tasks N] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.predict import ML, process, serve
from fairlead.domain.ports import Put, Step
from fairlead.store import open_store

MODELS = 20
BATCH = 1000
ROUNDS = 400


async def _fill(folder: Path, count: int) -> None:
    """Tasks as registrations and deployments leave them, a few of them failed."""
    store = await open_store(f"sqlite:///{folder / 'fairlead.db'}")
    now = time.time_ns() // 1_000_000
    for first in range(0, count, BATCH):
        batch: list[Step] = []
        for number in range(first, min(first + BATCH, count)):
            made = now - (count - number) * 1000
            body = {
                "model_id": f"model-{number % MODELS}",
                "task_type": "DEPLOY_MODEL" if number % 2 else "REGISTER_MODEL",
                "function_name": "REMOTE",
                "state": "FAILED" if number % 5000 == 0 else "COMPLETED",
                "worker_node": ["node"],
                "create_time": made,
                "last_update_time": made,
                "is_async": bool(number % 2),
            }
            batch.append(Put("task", f"task-{number}", body))
        await store.write(batch)
    await store.close()


def _timed(run: Callable[[], None], rounds: int) -> dict[str, float]:
    """Milliseconds of each call, after a few that warm up."""
    for _ in range(5):
        run()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return {"p50_ms": statistics.median(times), "p99_ms": times[int(len(times) * 0.99)]}


def measure(count: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(_fill(folder, count))
        with process(serve(name)) as (_, port, started):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

            def ask(
                method: str, path: str, body: dict[str, object] | None = None, status: int = 200
            ) -> dict[str, object]:
                text = None if body is None else json.dumps(body)
                connection.request(method, path, text, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                found: dict[str, object] = json.loads(reply.read())
                if reply.status != status:
                    raise SystemExit(f"{method} {path}: {reply.status} {found}")
                return found

            group = ask("POST", f"{ML}/model_groups/_register", {"name": "bench"})["model_group_id"]
            query = {"bool": {"filter": [{"term": {"state": "FAILED"}}, {"term": {"model_id": "model-0"}}]}}
            result = {
                "tasks": count,
                "start_s": started,
                "root": _timed(lambda: void(ask("GET", "/")), ROUNDS),
                "task_get": _timed(lambda: void(ask("GET", f"{ML}/tasks/task-{count // 2}")), ROUNDS),
                "task_missing": _timed(lambda: void(ask("GET", f"{ML}/tasks/none", None, 404)), ROUNDS),
                "group_get": _timed(lambda: void(ask("GET", f"{ML}/model_groups/{group}")), ROUNDS),
                "task_search_filtered": _timed(
                    lambda: void(ask("POST", f"{ML}/tasks/_search", {"query": query, "size": 20})), 50
                ),
            }
            connection.close()
            return result


def void(_: object) -> None:
    """Drops a reply."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench control_plane")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    result = measure(arguments.tasks)
    for name, value in result.items():
        shown = value if not isinstance(value, dict) else "  ".join(f"{k} {v:.2f}" for k, v in value.items())
        print(f"{name:22} {shown:.2f}" if isinstance(shown, float) else f"{name:22} {shown}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
