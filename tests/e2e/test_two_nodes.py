"""Two nodes that share a PostgreSQL: limits are exact over both, changes through one act on the other, one polls."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from client import ML, Client
from postgres import PostgresServer
from process import Server, gateway, providers

PATIENCE = 30.0
POLLING = "fairlead.batch.poll_interval_in_seconds"
JOBS = "plugins.ml_commons.max_batch_inference_tasks"
INPUT = "guardrails triggered for user input"


class Nodes(NamedTuple):
    first: Server
    second: Server

    @property
    def clients(self) -> tuple[Client, Client]:
        return Client(self.first.url), Client(self.second.url)


@contextmanager
def two_nodes(folder: Path, server: PostgresServer, *arguments: str) -> Iterator[Nodes]:
    """Each with a data directory of its own, and copies of one keyring."""
    with server.database() as url, gateway(folder / "one", "--store", url, *arguments) as first:
        shutil.copytree(folder / "one" / "keys", folder / "two" / "keys")
        (folder / "two").chmod(0o700)
        with gateway(folder / "two", "--store", url, *arguments) as second:
            Client(first.url).trust_local()
            yield Nodes(first, second)
            assert "Traceback" not in first.errors + second.errors, first.errors + second.errors


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Nodes]:
    with two_nodes(tmp_path_factory.mktemp("nodes"), postgres_server, "--workers", "2") as made:
        yield made


def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def on_both(nodes: Nodes, calls: int, ask: Callable[[Client], int]) -> Counter[int]:
    """Each call on a connection of its own, so that all workers of both get some."""
    clients = nodes.clients
    with ThreadPoolExecutor(12) as pool:
        return Counter(pool.map(lambda number: ask(clients[number % 2]), range(calls)))


def test_both_admit_exactly_the_limit_and_a_change_is_live_on_both(nodes: Nodes, simulator: str) -> None:
    one, two = nodes.clients
    model = one.model(one.connector(f"{simulator}/echo"), "limited", rate_limiter={"limit": 60, "unit": "DAYS"})
    one.ok("POST", f"{ML}/models/{model}/_deploy")
    eventually(lambda: two.ok("GET", f"{ML}/models/{model}")["model_state"] == "DEPLOYED")

    def ask(client: Client) -> int:
        return client.predict(model, v="x").status

    assert on_both(nodes, 140, ask) == {200: 60, 429: 80}
    two.ok("PUT", f"{ML}/models/{model}", {"rate_limiter": {"limit": 20}})
    one.ok("GET", f"{ML}/models/{model}")
    assert on_both(nodes, 40, ask) == {200: 20, 429: 20}


def test_what_is_changed_through_one_acts_on_predicts_of_the_other(nodes: Nodes, simulator: str) -> None:
    one, two = nodes.clients
    one.ok("PUT", "/_fairlead/word_lists/shared", {"phrases": {"title": ["kill"]}})
    side = {"input_guardrail": {"stop_words": [{"index_name": "shared", "source_fields": ["title"]}]}}
    guards = {"type": "local_regex", **side}
    model = one.model(one.connector(f"{simulator}/echo"), "guarded", guardrails=guards)
    eventually(lambda: two.predict(model, v="rob").status == 200)

    def everywhere(status: int) -> bool:
        return {two.predict(model, v="rob").status for _ in range(8)} == {status}

    one.ok("PUT", "/_fairlead/word_lists/shared", {"phrases": {"title": ["rob"]}})
    eventually(lambda: everywhere(400))
    assert two.predict(model, v="rob").body["error"]["reason"] == INPUT
    one.ok("PUT", "/_fairlead/word_lists/shared", {"phrases": {"title": ["kill"]}})
    eventually(lambda: everywhere(200))
    one.ok("PUT", f"{ML}/models/{model}", {"is_enabled": False})
    eventually(lambda: everywhere(403))
    one.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.remote_inference.enabled": False}})
    eventually(lambda: everywhere(400) or everywhere(403))
    one.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.remote_inference.enabled": None}})


def batch_model(client: Client, upstream: str) -> str:
    action: dict[str, Any] = {
        "action_type": "batch_predict",
        "method": "POST",
        "url": f"{upstream}/openai/v1/batches",
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": '{"input_file_id":"${parameters.file}","endpoint":"/v1/embeddings","completion_window":"24h"}',
    }
    return client.model(client.connector(upstream, action=action), "batch")


def test_together_they_start_no_more_jobs_than_may_run(nodes: Nodes, simulator: str) -> None:
    one, two = nodes.clients
    one.ok("PUT", "/_cluster/settings", {"persistent": {POLLING: 0, JOBS: 5}})
    model = batch_model(one, simulator)
    one.ok("POST", f"{ML}/models/{model}/_deploy")
    two.ok("GET", f"{ML}/models/{model}")
    path, body = f"{ML}/models/{model}/_batch_predict", {"parameters": {"file": "file-that-stalls"}}
    assert on_both(nodes, 16, lambda client: client("POST", path, body).status) == {200: 5, 429: 11}


def looks(provider: Client) -> int:
    listed = provider.ok("GET", "/__requests")["requests"]
    return sum(request["method"] == "GET" and "/v1/batches/" in request["path"] for request in listed)


def test_a_node_that_is_killed_leaves_its_polling_and_its_tokens_to_the_other(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with providers() as upstream, two_nodes(tmp_path, postgres_server) as nodes:
        (one, two), provider = nodes.clients, Client(upstream.url)
        one.ok("PUT", "/_cluster/settings", {"persistent": {POLLING: 1}})
        model = batch_model(one, upstream.url)
        limited = one.model(
            one.connector(f"{upstream.url}/echo"), "limited", rate_limiter={"limit": 40, "unit": "DAYS"}
        )
        one.ok("POST", f"{ML}/models/{limited}/_deploy")
        assert one.predict(limited, v="x").status == 200
        path, body = f"{ML}/models/{model}/_batch_predict", {"parameters": {"file": "file-that-stalls"}}
        task = one.ok("POST", path, body)["task_id"]
        eventually(lambda: looks(provider) >= 2)
        nodes.first.kill()
        before = looks(provider)
        admitted = sum(two.predict(limited, v="x").status == 200 for _ in range(60))
        assert 39 - 40 // 8 <= admitted <= 39
        eventually(lambda: looks(provider) >= before + 2)
        two.ok("POST", f"{ML}/tasks/{task}/_cancel")
        eventually(lambda: two.ok("GET", f"{ML}/tasks/{task}")["state"] == "CANCELLED")
