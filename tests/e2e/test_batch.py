"""Batch jobs at the four providers, against a real server: started, looked at, cancelled, polled, and taken over."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from process import gateway, providers, workers_of

CASES = json.loads((Path(__file__).parent / "cases" / "batch_providers.json").read_text(encoding="utf-8"))
POLLING = "fairlead.batch.poll_interval_in_seconds"
SECONDS = 30.0

each_provider = pytest.mark.parametrize("case", CASES, ids=lambda case: case["provider"])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A gateway whose providers are played, and which asks none of them by itself."""
    with gateway(tmp_path_factory.mktemp("batch") / "data", "--simulate") as server:
        made = Client(server.url)
        configure(made, **{POLLING: 0})
        yield made
        assert "Traceback" not in server.errors, server.errors


def configure(client: Client, **settings: Any) -> None:
    client.ok("PUT", "/_cluster/settings", {"persistent": settings})


def model_of(client: Client, connector: dict[str, Any]) -> str:
    made = client.ok("POST", f"{ML}/connectors/_create", {"name": "batch", "version": 1, **connector})
    return client.model(made["connector_id"])


def start(client: Client, model: str, **parameters: str) -> dict[str, Any]:
    started: dict[str, Any] = client.ok("POST", f"{ML}/models/{model}/_batch_predict", {"parameters": parameters})
    return started


def task_of(client: Client, id: str) -> dict[str, Any]:
    task: dict[str, Any] = client.ok("GET", f"{ML}/tasks/{id}")
    return task


def stored(client: Client, id: str) -> dict[str, Any]:
    """The task as the store has it: nobody is asked."""
    found = client.ok("POST", f"{ML}/tasks/_search", {"query": {"ids": {"values": [id]}}})["hits"]["hits"]
    source: dict[str, Any] = found[0]["_source"]
    return source


def eventually(check: Callable[[], bool]) -> None:
    """Asks until it holds; an assertion says when it never did."""
    deadline = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def walked(client: Client, id: str, case: dict[str, Any], steps: list[list[str]]) -> None:
    for said, state in steps:
        task = task_of(client, id)
        assert (task["remote_job"][case["field"]], task["state"]) == (said, state)


@each_provider
def test_a_job_is_started_and_looked_at_until_it_is_done(played: Client, case: dict[str, Any]) -> None:
    model = model_of(played, case["connector"])
    started = start(played, model)
    assert started["status"] == "CREATED"
    assert case["started"].items() <= started["remote_job"].items()
    assert started["remote_job"]["dlq"] is None
    task = stored(played, started["task_id"])
    assert (task["task_type"], task["state"], task["input_type"]) == ("BATCH_PREDICTION", "RUNNING", "REMOTE")
    assert (task["model_id"], task["is_async"]) == (model, False)
    walked(played, started["task_id"], case, case["walk"])
    # The provider of an ended job is not asked again.
    ended = task_of(played, started["task_id"])
    assert ended == task_of(played, started["task_id"])
    for secret in case["connector"]["credential"].values():
        assert secret not in json.dumps(ended)


@each_provider
def test_a_job_that_fails_is_told_so(played: Client, case: dict[str, Any]) -> None:
    started = start(played, model_of(played, case["connector"]), **case["fails"])
    walked(played, started["task_id"], case, case["failed"])


@each_provider
def test_a_cancelled_job_is_cancelled_once_its_provider_says_so(played: Client, case: dict[str, Any]) -> None:
    started = start(played, model_of(played, case["connector"]), **case["stalls"])
    id = started["task_id"]
    walked(played, id, case, [[case["walk"][0][0], "RUNNING"]])
    assert played.ok("POST", f"{ML}/tasks/{id}/_cancel") == {"status": "OK"}
    assert stored(played, id)["state"] == "RUNNING"
    walked(played, id, case, case["stopped"])


def test_the_old_name_of_the_route_cancels_too(played: Client) -> None:
    case = CASES[0]
    started = start(played, model_of(played, case["connector"]), **case["stalls"])
    assert played.ok("POST", f"{ML}/tasks/{started['task_id']}/_cancel_batch") == {"status": "OK"}


def test_the_action_of_a_body_starts_a_job_by_the_predict_route(played: Client) -> None:
    model = model_of(played, CASES[0]["connector"])
    started = played.ok("POST", f"{ML}/models/{model}/_predict", {"action_type": "batch_predict"})
    assert stored(played, started["task_id"])["state"] == "RUNNING"


def test_a_provider_that_is_not_known_needs_actions_of_its_own(client: Client, simulator: str) -> None:
    """D-32: in the original a GET without a body does not count as an action."""
    create = {"action_type": "batch_predict", "url": f"{simulator}/echo/jobs"}
    bare = client.model(client.connector("http://127.0.0.1:9/none", action=create))
    started = start(client, bare)
    refused = client("GET", f"{ML}/tasks/{started['task_id']}")
    assert (refused.status, refused.body["error"]["type"]) == (400, "unsupported_operation_exception")
    assert "Please configure the action type to get the batch job details" in refused.body["error"]["reason"]
    refused = client("POST", f"{ML}/tasks/{started['task_id']}/_cancel")
    assert "Please configure the action type to cancel the batch job" in refused.body["error"]["reason"]
    done = "eyJzdGF0dXMiOiAiY29tcGxldGVkIn0="  # {"status": "completed"}
    own = [
        {"action_type": "batch_predict", "method": "POST", "url": f"{simulator}/echo/jobs", "request_body": "{}"},
        {"action_type": "batch_predict_status", "method": "GET", "url": f"{simulator}/raw?b64={done}"},
        {"action_type": "cancel_batch_predict", "method": "POST", "url": f"{simulator}/empty"},
    ]
    started = start(client, model_of(client, {"protocol": "http", "credential": {"key": "unused-key"}, "actions": own}))
    assert client.ok("POST", f"{ML}/tasks/{started['task_id']}/_cancel") == {"status": "OK"}
    assert task_of(client, started["task_id"])["state"] == "COMPLETED"


def test_only_so_many_jobs_wait_or_run(played: Client) -> None:
    model = model_of(played, CASES[0]["connector"])
    open_jobs = {"query": {"bool": {"must": [{"terms": {"state": ["CREATED", "RUNNING"]}}, {"term": {"task_type": "BATCH_PREDICTION"}}]}}}  # fmt: skip
    count = played.ok("POST", f"{ML}/tasks/_search", open_jobs)["hits"]["total"]["value"]
    limit = "plugins.ml_commons.max_batch_inference_tasks"
    configure(played, **{limit: count + 1})
    try:
        started = start(played, model)
        refused = played("POST", f"{ML}/models/{model}/_batch_predict", {})
        assert (refused.status, refused.body["error"]["reason"]) == (
            429,
            "Exceeded maximum limit for BATCH_PREDICTION tasks. To increase the limit, update the "
            "plugins.ml_commons.max_batch_inference_tasks setting.",
        )
        assert "retry-after" in refused.headers
        for _ in CASES[0]["walk"]:
            task_of(played, started["task_id"])
        start(played, model)
    finally:
        configure(played, **{limit: None})


def test_switched_off_nothing_is_started_and_nobody_is_asked(played: Client) -> None:
    model = model_of(played, CASES[0]["connector"])
    started = start(played, model, input_file_id="file-that-stalls")
    switch = "plugins.ml_commons.offline_batch_inference_enabled"
    configure(played, **{switch: False})
    try:
        for method, path in (
            ("POST", f"{ML}/models/{model}/_batch_predict"),
            ("GET", f"{ML}/tasks/{started['task_id']}"),
        ):
            refused = played(method, path, {} if method == "POST" else None)
            assert (refused.status, refused.body["error"]["reason"].split(".")[0]) == (
                400,
                "Offline Batch Inference is currently disabled",
            )
        assert played.ok("POST", f"{ML}/tasks/{started['task_id']}/_cancel") == {"status": "OK"}
    finally:
        configure(played, **{switch: None})


def test_a_start_that_the_provider_refuses_leaves_no_task(played: Client) -> None:
    connector = json.loads(json.dumps(CASES[0]["connector"]))
    connector["actions"][0]["headers"]["x-simulate-status"] = "503"
    model = model_of(played, connector)
    assert played("POST", f"{ML}/models/{model}/_batch_predict", {}).status == 503
    query = {"query": {"bool": {"must": [{"term": {"model_id": model}}, {"term": {"task_type": "BATCH_PREDICTION"}}]}}}
    assert played.ok("POST", f"{ML}/tasks/_search", query)["hits"]["total"]["value"] == 0


def test_tasks_without_a_job_cannot_be_cancelled(played: Client) -> None:
    refused = played("POST", f"{ML}/tasks/unknown/_cancel")
    assert (refused.status, refused.body["error"]["reason"]) == (404, "Fail to find task")


def openai_at(simulator: str) -> dict[str, Any]:
    """OpenAI's connector, moved to the simulator's own address."""
    connector: dict[str, Any] = json.loads(json.dumps(CASES[0]["connector"]))
    connector["actions"][0]["url"] = f"{simulator}/openai/v1/batches"
    return connector


def looks(upstream: Client) -> int:
    listed = upstream.ok("GET", "/__requests")["requests"]
    return sum(request["method"] == "GET" and "/v1/batches/" in request["path"] for request in listed)


def test_a_job_is_polled_to_its_end_without_anybody_reading_its_task(tmp_path: Path) -> None:
    with providers() as upstream, gateway(tmp_path / "data") as server:
        client, provider = Client(server.url), Client(upstream.url)
        client.trust_local()
        configure(client, **{POLLING: 1})
        started = start(client, model_of(client, openai_at(upstream.url)))
        eventually(lambda: stored(client, started["task_id"])["state"] == "COMPLETED")
        asked = looks(provider)
        assert asked == len(CASES[0]["walk"])
        assert "Traceback" not in server.errors


def test_another_node_takes_the_polling_over_when_the_first_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with providers() as upstream, gateway(data) as first:
        client, provider = Client(first.url), Client(upstream.url)
        client.trust_local()
        configure(client, **{POLLING: 1})
        started = start(client, model_of(client, openai_at(upstream.url)), input_file_id="file-that-stalls")
        eventually(lambda: looks(provider) >= 2)
        with gateway(data) as second:
            first.kill()
            before = looks(provider)
            eventually(lambda: looks(provider) >= before + 2)
            other = Client(second.url)
            other.ok("POST", f"{ML}/tasks/{started['task_id']}/_cancel")
            eventually(lambda: stored(other, started["task_id"])["state"] == "CANCELLED")
            assert "Traceback" not in second.errors


def test_workers_do_not_pass_the_limit_together_and_a_job_is_called_under_the_rules_of_a_predict(
    tmp_path: Path,
) -> None:
    with providers() as upstream, gateway(tmp_path / "data", "--workers", "3") as server:
        client, provider = Client(server.url), Client(upstream.url)
        client.trust_local()
        configure(client, **{POLLING: 0, "plugins.ml_commons.max_batch_inference_tasks": 5})
        model = model_of(client, openai_at(upstream.url))
        client.ok("POST", f"{ML}/models/{model}/_deploy")
        path = f"{ML}/models/{model}/_batch_predict"
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: client("POST", path, {}), range(20)))
        assert Counter(answer.status for answer in answers) == {200: 5, 429: 15}
        asked = provider.ok("GET", "/__requests")["requests"]
        assert sum(request["method"] == "POST" for request in asked) == 5
        [id, *_] = (answer.body["task_id"] for answer in answers if answer.status == 200)
        private = "plugins.ml_commons.connector.private_ip_enabled"
        configure(client, **{private: False})
        for method, route in (("GET", f"{ML}/tasks/{id}"), ("POST", f"{ML}/tasks/{id}/_cancel")):
            refused = client(method, route)
            assert (refused.status, "private ip address" in refused.text) == (400, True)
        assert looks(provider) == 0
        configure(client, **{private: True})
        assert task_of(client, id)["state"] == "RUNNING"
        assert "Traceback" not in server.errors


def test_all_workers_share_one_set_of_played_providers_which_is_replaced_when_it_dies(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", "--simulate", "--workers", "4") as server:
        client = Client(server.url)
        configure(client, **{POLLING: 0})
        case = CASES[0]
        model = model_of(client, case["connector"])
        with ThreadPoolExecutor(16) as pool:
            jobs = list(pool.map(lambda _: start(client, model)["task_id"], range(16)))
            list(pool.map(lambda job: walked(client, job, case, case["walk"]), jobs))
        played = workers_of(server.pid)[0]
        os.kill(played, signal.SIGKILL)
        eventually(lambda: played not in workers_of(server.pid) and len(workers_of(server.pid)) == 5)
        walked(client, start(client, model)["task_id"], case, case["walk"])
        assert "the simulated providers ended" in server.errors
        assert "Traceback" not in server.errors
