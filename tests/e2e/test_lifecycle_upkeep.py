"""What servers do by themselves: counters over several workers, idle models, restarts, ended tasks (spec/02 1.10, 10, 11)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from process import gateway
from sockets import accepted, listening

P = "plugins.ml_commons."


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Three workers on one port, and a sync-up job every second."""
    with gateway(tmp_path_factory.mktemp("crew") / "data", "--workers", "3") as server:
        made = Client(server.url)
        made.trust_local()
        made.ok("PUT", "/_cluster/settings", {"persistent": {P + "sync_up_job_interval_in_seconds": 1}})
        yield made
        assert "Traceback" not in server.errors, server.errors


def eventually(look: Callable[[], Any], wanted: Any, seconds: float = 60) -> Any:
    """What `look` gives as soon as it is `wanted`; at the deadline whatever it is."""
    deadline = time.monotonic() + seconds
    while (found := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def stats(client: Client) -> Any:
    [node] = client.ok("GET", f"{ML}/stats")["nodes"].values()
    return node


def test_counters_are_right_over_all_workers(crew: Client, simulator: str) -> None:
    model = crew.model(crew.connector(f"{simulator}/echo"), "counted")
    crew.ok("POST", f"{ML}/models/{model}/_deploy")
    down = crew.model(crew.connector(f"{simulator}/status/503"), "down")
    before = stats(crew)
    bad = {"parameters": {"v": 1}, "action_type": "execute"}

    def predict(number: int) -> int:
        path = f"{ML}/models/{down if number % 10 == 9 else model}/_predict"
        return crew("POST", path, bad if number % 5 == 0 else {"parameters": {}}).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(predict, range(100)))
    assert {status: statuses.count(status) for status in set(statuses)} == {200: 70, 400: 20, 503: 10}
    after = stats(crew)
    deployments = after["models"][down]["deploy"]["ml_action_request_count"]
    assert after["ml_request_count"] - before["ml_request_count"] == 100 + deployments
    assert after["ml_failure_count"] - before["ml_failure_count"] == 10
    assert after["models"][model] == {
        "deploy": {"ml_action_request_count": 1}, "predict": {"ml_action_request_count": 90},
    }  # fmt: skip
    assert after["ml_executing_task_count"] == 0
    [node] = crew.ok("GET", f"{ML}/profile/models/{model}")["nodes"].values()
    found = node["models"][model]
    assert (found["predict_request_stats"]["count"], found["model_inference_stats"]["count"]) == (90, 70)
    times = found["model_inference_stats"]
    assert 0 < times["min"] <= times["p50"] <= times["p90"] <= times["p99"] <= times["max"]


def test_an_idle_model_is_undeployed_when_its_time_is_over(crew: Client, simulator: str) -> None:
    connector = crew.connector(f"{simulator}/echo")
    brief = crew.model(connector, "brief", deploy_setting={"model_ttl_minutes": 0})
    longer = crew.model(connector, "longer", deploy_setting={"model_ttl_minutes": 5})
    for model in (brief, longer):
        crew.ok("POST", f"{ML}/models/{model}/_deploy")

    def state(model: str) -> str:
        return str(crew.ok("GET", f"{ML}/models/{model}")["model_state"])

    assert eventually(lambda: state(brief), "UNDEPLOYED") == "UNDEPLOYED"
    assert state(longer) == "DEPLOYED"
    assert crew.predict(brief).status == 200  # it is deployed again for the asking


def test_monitoring_request_count_acts_at_once_and_zero_forgets(crew: Client, simulator: str) -> None:
    model = crew.model(crew.connector(f"{simulator}/echo"), "monitored")
    for _ in range(6):
        assert crew.predict(model).status == 200

    def count() -> Any:
        nodes = crew.ok("GET", f"{ML}/profile/models/{model}?view=model")["models"][model]["nodes"]
        [node] = nodes.values()
        return node.get("predict_request_stats", {}).get("count")

    assert eventually(count, 6) == 6
    key = P + "monitoring_request_count"
    crew.ok("PUT", "/_cluster/settings", {"persistent": {key: 2}})
    assert eventually(count, 2) == 2
    crew.ok("PUT", "/_cluster/settings", {"persistent": {key: 0}})
    assert eventually(count, None) is None
    crew.ok("PUT", "/_cluster/settings", {"persistent": {key: None}})


def test_a_running_predict_is_a_task_of_the_profile(crew: Client, simulator: str) -> None:
    model = crew.model(crew.connector(f"{simulator}/echo"), "running")
    assert crew.predict(model).status == 200
    with listening() as (provider, url), ThreadPoolExecutor(1) as pool:
        slow = crew.model(crew.connector(url), "slow")
        waiting = pool.submit(crew.predict, slow)

        def running() -> list[Any]:
            nodes = crew.ok("GET", f"{ML}/profile/tasks").get("nodes", {})
            return [task["model_id"] for node in nodes.values() for task in node["tasks"].values()]

        with accepted(provider) as upstream:
            found = eventually(running, [slow])
            upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert waiting.result().status == 200
    assert found == [slow]


def test_after_a_restart_deployed_models_are_loaded_only_while_redeploying_is_on(
    tmp_path: Path, simulator: str
) -> None:
    data = tmp_path / "data"
    with gateway(data) as server:
        client = Client(server.url)
        client.trust_local()
        model = client.model(client.connector(f"{simulator}/echo"), "again")
        assert client.predict(model).status == 200
    with gateway(data) as server:
        client = Client(server.url)
        assert client.ok("GET", f"{ML}/models/{model}")["model_state"] == "DEPLOYED"
        assert model in client.ok("GET", f"{ML}/profile/models?view=model")["models"]
        assert stats(client)["ml_request_count"] == 0
        off = {"persistent": {P + "model_auto_redeploy.enable": False}}
        client.ok("PUT", "/_cluster/settings", off)
    with gateway(data) as server:
        client = Client(server.url)
        found = client.ok("GET", f"{ML}/models/{model}")
        assert (found["model_state"], found["current_worker_node_count"]) == ("DEPLOY_FAILED", 0)
        assert client.ok("GET", f"{ML}/profile/models") == {}
        assert client.predict(model).status == 200


def test_another_worker_goes_on_with_the_sync_up_job_when_its_worker_is_killed(tmp_path: Path, simulator: str) -> None:
    data = tmp_path / "data"
    first, second = gateway(data).start(), gateway(data).start()
    try:
        client = Client(second.url)
        client.trust_local()
        client.ok("PUT", "/_cluster/settings", {"persistent": {P + "sync_up_job_interval_in_seconds": 1}})
        first.kill()
        model = client.model(client.connector(f"{simulator}/echo"), "brief", deploy_setting={"model_ttl_minutes": 0})
        client.ok("POST", f"{ML}/models/{model}/_deploy")
        state = eventually(lambda: client.ok("GET", f"{ML}/models/{model}")["model_state"], "UNDEPLOYED")
        assert state == "UNDEPLOYED"
    finally:
        second.stop()
