"""A bulk of documents through a provider that takes few at once and refuses some: nothing is lost, mixed up or a 500."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from process import gateway

DOCUMENTS = 500
AT_ONCE = 5
REFUSED_EACH = 10
CALLERS = 20
RETRIES = {
    "max_connection": AT_ONCE,
    "max_retry_times": 50,
    "retry_backoff_millis": 5,
    "retry_timeout_seconds": 60,
    "retry_backoff_policy": "exponential_equal_jitter",
}


class Narrow(ThreadingHTTPServer):
    """An embedding provider that answers document `n` with `[n]`; 429 to every tenth call, and to more than AT_ONCE."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.lock = threading.Lock()
        self.inside = self.calls = 0
        self.answers: Counter[int] = Counter()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/embed"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Narrow
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        narrow = self.server
        with narrow.lock:
            narrow.inside += 1
            narrow.calls += 1
            refused = narrow.inside > AT_ONCE or narrow.calls % REFUSED_EACH == 0
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = 429 if refused else 200
        body = {"message": "slow down"} if refused else {"embedding": [int(asked["inputText"])]}
        with narrow.lock:
            narrow.inside -= 1
            narrow.answers[status] += 1
        data = json.dumps(body).encode()
        self.wfile.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            + data
        )

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def provider() -> Iterator[Narrow]:
    with Narrow() as narrow:
        yield narrow
        narrow.shutdown()


def embedder(client: Client, provider: Narrow) -> str:
    client.trust_local()
    action = {
        "action_type": "predict",
        "method": "POST",
        "url": provider.url,
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": '{"inputText":"${parameters.inputText}"}',
        "pre_process_function": "connector.pre_process.bedrock.embedding",
        "post_process_function": "connector.post_process.bedrock.embedding",
    }
    return client.model(client.connector(provider.url, actions=[action], client_config=RETRIES))


def embedded(client: Client, model: str, numbers: list[int]) -> list[int]:
    body = {
        "text_docs": [str(number) for number in numbers],
        "return_number": True,
        "target_response": ["sentence_embedding"],
    }
    answer = client("POST", f"{ML}/_predict/text_embedding/{model}", body)
    assert answer.status == 200, answer
    outputs = [output for result in answer.body["inference_results"] for output in result["output"]]
    return [int(output["data"][0]) for output in outputs]


def test_one_predict_of_500_documents_comes_back_whole_and_in_order(tmp_path: Path, provider: Narrow) -> None:
    with gateway(tmp_path / "data") as server:
        client = Client(server.url)
        model = embedder(client, provider)
        assert embedded(client, model, list(range(DOCUMENTS))) == list(range(DOCUMENTS))
    assert provider.answers[200] == DOCUMENTS
    assert provider.answers[429] >= DOCUMENTS / REFUSED_EACH


def test_callers_of_two_workers_get_all_500_documents(tmp_path: Path, provider: Narrow) -> None:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        client = Client(server.url)
        model = embedder(client, provider)
        bulks = [list(range(start, start + 5)) for start in range(0, DOCUMENTS, 5)]
        with ThreadPoolExecutor(CALLERS) as pool:
            assert list(pool.map(lambda bulk: embedded(client, model, bulk), bulks)) == bulks
        assert "Traceback" not in server.errors
    assert provider.answers[200] == DOCUMENTS
    assert provider.answers[429] >= DOCUMENTS / REFUSED_EACH
