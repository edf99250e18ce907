"""Limits in real processes: exact over workers, live, and not lost with a worker that is killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from client import ML, Client
from contract import runner
from identities import login, settle
from process import gateway, workers_of

HUNDRED = {"limit": 100, "unit": "DAYS"}
DISABLED = {"persistent": {"plugins.ml_commons.controller_enabled": False}}


def statuses(client: Client, model: str, calls: int, at_once: int = 12) -> Counter[int]:
    """Each call on a connection of its own, so that all workers get some."""
    with ThreadPoolExecutor(at_once) as pool:
        return Counter(pool.map(lambda _: client.predict(model, v="x").status, range(calls)))


def limited(client: Client, simulator: str, limiter: dict[str, object]) -> str:
    model = client.model(client.connector(f"{simulator}/echo"), rate_limiter=limiter)
    client.ok("POST", f"{ML}/models/{model}/_deploy")
    return model


def test_four_workers_admit_exactly_the_limit_and_a_change_is_live_on_all(tmp_path: Path, simulator: str) -> None:
    with gateway(tmp_path / "data", "--workers", "4") as server:
        client = Client(server.url)
        client.trust_local()
        model = limited(client, simulator, HUNDRED)
        assert statuses(client, model, 300) == {200: 100, 429: 200}
        refused = client.predict(model, v="x")
        assert refused.body["error"]["reason"] == "Request is throttled at model level."
        assert 0 < int(refused.headers["retry-after"]) <= 864
        client.ok("PUT", f"{ML}/models/{model}", {"rate_limiter": {"limit": 30}})
        assert statuses(client, model, 60) == {200: 30, 429: 30}
        assert "Traceback" not in server.errors


def test_calls_of_one_connection_get_what_other_workers_had_taken(tmp_path: Path, simulator: str) -> None:
    """All workers take a slice; then one is asked for everything that is left."""
    with gateway(tmp_path / "data", "--workers", "2") as server:
        client = Client(server.url)
        client.trust_local()
        model = limited(client, simulator, HUNDRED)
        assert statuses(client, model, 20) == {200: 20}
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=120)
        found: Counter[int] = Counter()
        for _ in range(90):
            connection.request(
                "POST",
                f"{ML}/models/{model}/_predict",
                json.dumps({"parameters": {"v": "x"}}),
                {"Content-Type": "application/json"},
            )
            reply = connection.getresponse()
            reply.read()
            found[reply.status] += 1
        connection.close()
        assert found == {200: 80, 429: 10}


def test_a_killed_worker_costs_at_most_its_slice_and_adds_nothing(tmp_path: Path, simulator: str) -> None:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        client = Client(server.url)
        client.trust_local()
        model = limited(client, simulator, HUNDRED)
        assert statuses(client, model, 20) == {200: 20}
        os.kill(workers_of(server.pid)[0], signal.SIGKILL)
        admitted = 0
        for _ in range(200):
            try:
                admitted += client.predict(model, v="x").status == 200
            except (OSError, http.client.HTTPException):  # the killed worker had taken the connection
                continue
        assert 80 - 100 // 8 <= admitted <= 80


def test_switched_off_controllers_are_refused_with_a_400(tmp_path: Path) -> None:
    with gateway(tmp_path / "data") as server:
        client = Client(server.url)
        client.ok("PUT", "/_cluster/settings", DISABLED)
        for method, body in (("GET", None), ("DELETE", None), ("POST", {}), ("PUT", {})):
            answer = client(method, f"{ML}/controllers/abc", body)
            assert answer.status == 400
            assert answer.body["error"]["reason"].startswith("Controller is currently disabled.")


def test_a_users_limit_is_as_recorded_with_users(tmp_path: Path, simulator: str) -> None:
    """The scenario of area limits that wants a login."""
    area, name = runner.load("limits"), "limits: a user's limit"
    [scenario] = [scenario for scenario in area.scenarios if scenario["name"] == name]
    with gateway(settle(tmp_path / "data")) as server:
        answers = runner.drive(scenario, server.url, simulator, {"admin": login("admin")})
    parity = runner.compare(area, {name: answers})
    assert parity.steps == 17
    assert not parity.unwanted, "\n".join(runner.report(parity, show=True))
    assert [difference.step for difference in parity.differences] == [10]


def test_a_key_with_a_limit_has_it_over_all_workers_and_models_and_costs_no_other_caller(
    tmp_path: Path, simulator: str
) -> None:
    data = settle(tmp_path / "data")
    with gateway(data, "--workers", "3") as server:
        admin = Client(server.url, login("admin"))
        admin.trust_local()
        models = [admin.model(admin.connector(f"{simulator}/echo"), f"keyed {n}") for n in range(2)]
        for model in models:
            admin.ok("POST", f"{ML}/models/{model}/_deploy")
        wanted = {"name": "app", "owner": "caller", "duration_seconds": 600, "limits": {"limit": 40, "unit": "DAYS"}}
        made = admin.ok("POST", "/_plugins/_security/api/apitokens", wanted)
        keyed = Client(server.url, always={"Authorization": f"ApiKey {made['token']}"})
        found = statuses(keyed, models[0], 30) + statuses(keyed, models[1], 30)
        assert found == {200: 40, 429: 20}
        refused = keyed.predict(models[0], v="x")
        assert refused.body["error"]["reason"] == "Request is throttled at API key level."
        assert 0 < int(refused.headers["retry-after"]) <= 86_400 // 40
        assert Client(server.url, login("caller")).predict(models[0], v="x").status == 200
        assert Client(server.url, login("caller")).predict(models[1], v="x").status == 200
        [shown] = admin.ok("GET", "/_plugins/_security/api/apitokens")
        assert shown["limits"] == {"limit": 40, "unit": "DAYS"}
        fresh = admin.ok("POST", f"/_plugins/_security/api/apitokens/{made['id']}/_rotate")
        rotated = Client(server.url, always={"Authorization": f"ApiKey {fresh['token']}"})
        assert statuses(rotated, models[0], 6) == {429: 6}
        assert "Traceback" not in server.errors
