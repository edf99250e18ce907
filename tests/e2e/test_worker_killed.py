"""A worker killed under load takes only its own requests along, and no answer goes to the wrong caller."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from client import ML, Answer, Client
from process import gateway, workers_of

CALLERS = 16
BEFORE, AFTER = 200, 400
"""Predicts that are answered before the kill, and after."""
HELD_SECONDS = 0.02
PATIENCE = 60.0
KILLS, OF_A_KIND = 2, 3
BATCH = '{"input_file_id":"file-1","endpoint":"/v1/embeddings","completion_window":"24h"}'
MORE = {"max_batch_inference_tasks": 10_000, "stream_enabled": True}
SETTING = "plugins.ml_commons.monitoring_request_count"


class Echo(ThreadingHTTPServer):
    """Answers with what it was sent, a little later."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echoes)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Echoes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(HELD_SECONDS)
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            pass  # the killed worker's


@pytest.fixture
def echo() -> Iterator[str]:
    with Echo() as server:
        yield f"http://127.0.0.1:{server.server_port}/echo"
        server.shutdown()


class Load:
    """Callers that predict, each on a new connection, until `stop`; what came of every predict."""

    def __init__(self, client: Client, model: str) -> None:
        self.client = client
        self.model = model
        self.stop = threading.Event()
        self.right = 0
        self.wrong: list[Any] = []
        self.broken: list[float] = []
        """When the predicts began whose connection broke."""
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def _call(self, caller: int) -> None:
        count = 0
        while not self.stop.is_set():
            count += 1
            value, began = f"{caller}-{count}", time.monotonic()
            try:
                answer = self.client.predict(self.model, v=value)
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.broken.append(began)
                continue
            body = answer.body or {}
            found = [
                output["dataAsMap"]["v"] for result in body.get("inference_results", ()) for output in result["output"]
            ]
            with self._lock:
                if (answer.status, found) == (200, [value]):
                    self.right += 1
                else:
                    self.wrong.append((answer.status, answer.text, value))

    def until(self, right: int) -> None:
        ends = time.monotonic() + PATIENCE
        while self.right < right:
            assert time.monotonic() < ends, (self.right, self.wrong, self.broken)
            assert not self.wrong, self.wrong
            time.sleep(0.01)

    def end(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def test_a_worker_killed_under_load_fails_no_request_but_its_own(tmp_path: Path, echo: str) -> None:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        client = Client(server.url)
        client.trust_local()
        model = client.model(client.connector(echo))
        assert client.predict(model, v="1").status == 200
        load = Load(client, model)
        try:
            load.until(BEFORE)
            victim = workers_of(server.pid)[0]
            os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            load.until(load.right + AFTER)
        finally:
            load.end()
        assert load.wrong == []
        assert len(load.broken) <= CALLERS
        # Who came after the kill was served by the other.
        assert [began for began in load.broken if began > killed] == []
        ends = time.monotonic() + PATIENCE
        while len(workers_of(server.pid)) < 2 or victim in workers_of(server.pid):
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert json.loads(client.predict(model, v="last").text)["inference_results"][0]["status_code"] == 200


class Mixture:
    """Callers of several kinds at once, until `stop`; of each kind how often which status came, `None` for a broken connection."""

    def __init__(self, calls: dict[str, Callable[[int], Answer]]) -> None:
        self.stop = threading.Event()
        self.found: dict[str, Counter[int | None]] = {kind: Counter() for kind in calls}
        self.told: dict[str, list[Answer]] = {kind: [] for kind in calls}
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._threads = [
            threading.Thread(target=self._run, args=item) for item in calls.items() for _ in range(OF_A_KIND)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, kind: str, call: Callable[[int], Answer]) -> None:
        while not self.stop.is_set():
            try:
                answer = call(next(self._numbers))
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.found[kind][None] += 1
                continue
            with self._lock:
                self.found[kind][answer.status] += 1
                self.told[kind].append(answer)

    def until_each_was_answered(self, times: int) -> None:
        ends = time.monotonic() + PATIENCE
        before = {kind: len(told) for kind, told in self.told.items()}
        while any(len(told) < before[kind] + times for kind, told in self.told.items()):
            assert time.monotonic() < ends, self.found
            time.sleep(0.01)

    def end(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def test_workers_killed_in_the_middle_of_everything_lose_nothing_that_was_acknowledged(
    tmp_path: Path, simulator: str
) -> None:
    with gateway(tmp_path / "data", "--workers", "4") as server:
        client = Client(server.url)
        client.trust_local()
        client.ok(
            "PUT", "/_cluster/settings", {"persistent": {f"plugins.ml_commons.{name}": v for name, v in MORE.items()}}
        )
        limited = client.model(
            client.connector(f"{simulator}/echo"), "limited", rate_limiter={"limit": 100, "unit": "DAYS"}
        )
        creates = {"action_type": "batch_predict", "request_body": BATCH}
        batch = client.model(client.connector(f"{simulator}/openai/v1/batches", action=creates), "batch")
        chat = {"request_body": '{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}'}
        stream = client.model(client.connector(f"{simulator}/openai/v1/chat/completions", action=chat), "stream")
        for model in (limited, batch, stream):
            client.ok("POST", f"{ML}/models/{model}/_deploy")
        interface = {"parameters": {"_llm_interface": "openai/v1/chat/completions"}}
        mixture = Mixture(
            {
                "limited": lambda _: client.predict(limited, v="x"),
                "stream": lambda _: client("POST", f"{ML}/models/{stream}/_predict/stream", interface),
                "batch": lambda _: client("POST", f"{ML}/models/{batch}/_batch_predict", {"parameters": {}}),
                "group": lambda n: client("POST", f"{ML}/model_groups/_register", {"name": f"group {n}"}),
                "setting": lambda n: client("PUT", "/_cluster/settings", {"persistent": {SETTING: 10 + n % 50}}),
            }
        )
        try:
            for _ in range(KILLS):
                mixture.until_each_was_answered(4)
                os.kill(workers_of(server.pid)[0], signal.SIGKILL)
            mixture.until_each_was_answered(4)
        finally:
            mixture.end()
        for kind, found in mixture.found.items():
            assert set(found) <= {200, None} | ({429} if kind == "limited" else set()), (
                kind,
                found,
                mixture.told[kind][-1],
            )
            assert found[None] <= KILLS * OF_A_KIND, (
                kind,
                found,
            )  # of each kind, at most those that its callers had on the way
        assert mixture.found["limited"][200] <= 100
        query = {"query": {"match_all": {}}, "size": 10_000}
        groups = {hit["_id"] for hit in client.ok("POST", f"{ML}/model_groups/_search", query)["hits"]["hits"]}
        assert {told.body["model_group_id"] for told in mixture.told["group"]} <= groups
        assert all("event: error" not in told.text for told in mixture.told["stream"])
        for told in mixture.told["batch"][-20:]:
            assert client.ok("GET", f"{ML}/tasks/{told.body['task_id']}")["remote_job"]["id"]
        ends = time.monotonic() + PATIENCE
        while len(workers_of(server.pid)) < 4:
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert "Traceback" not in server.errors
