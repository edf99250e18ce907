"""A worker killed under load takes only its own requests along, and no answer goes to the wrong caller."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from client import Client
from process import gateway, workers_of

CALLERS = 16
BEFORE, AFTER = 200, 400
"""Predicts that are answered before the kill, and after."""
HELD_SECONDS = 0.02
PATIENCE = 60.0


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
