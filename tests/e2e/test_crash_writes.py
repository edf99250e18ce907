"""kill -9 while a write of any kind is on its way: what was acknowledged stays, what was not happened whole or not at all."""

from __future__ import annotations

import http.client
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client import ML, Client
from process import Server, gateway

GONE: dict[str, Any] = {"gone": True}
"""What is expected of a resource that was deleted."""

KINDS = (
    "register group", "update group", "create connector", "update connector", "register model", "update model", "deploy",
    "undeploy", "change setting", "delete task", "delete model", "delete connector", "delete group", "create controller",
    "update controller", "delete controller", "put word list", "delete word list",
)  # fmt: skip
SETTINGS = ("monitoring_request_count", "max_ml_task_per_node", "max_model_on_node", "max_batch_ingestion_tasks")
WRITERS = len(SETTINGS)
ENOUGH = 2
"""Writes of a kind that are acknowledged before one is interrupted."""


class Killed(Exception):
    """The server is gone."""


@dataclass
class Ledger:
    """What writers were told, and what they had asked when the server was gone. `expected` has, by path, the states that
    a resource may be in: one after an acknowledgement, two while a change is on its way."""

    client: Client
    kill_at: str
    expected: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    dropped: set[str] = field(default_factory=set)
    due: threading.Event = field(default_factory=threading.Event)

    def write(self, kind: str, method: str, path: str, body: Any, *effects: tuple[str, dict[str, Any]]) -> Any:
        """One write; `effects` say which path is in which state once it is acknowledged."""
        if kind == self.kill_at and self.done[kind] >= ENOUGH:
            self.due.set()
        for target, state in effects:
            self.expected.setdefault(target, [{}]).append(state)  # a setting's first change: it may be as it was
            if state is GONE:
                self.dropped.add(target.rsplit("/", 1)[1])
        try:
            answer = self.client(method, path, body)
        except (OSError, http.client.HTTPException) as fault:
            raise Killed from fault
        assert answer.status == 200, (kind, answer)
        for target, state in effects:
            self.expected[target] = [state]
        self.done[kind] += 1
        return answer.body


def lives(ledger: Ledger, writer: int, provider: str) -> None:
    """Takes resources through their lives, every second one to its end, until the server is gone."""
    connector_body = {
        "name": "crash", "version": 1, "protocol": "http", "credential": {"key": "secret"},
        "actions": [{"action_type": "predict", "method": "POST", "url": f"{provider}/echo", "request_body": "{}",
                     "headers": {"Authorization": "Bearer ${credential.key}"}}],
    }  # fmt: skip
    setting = f"plugins.ml_commons.{SETTINGS[writer]}"
    number = 0
    while True:
        number += 1
        name = f"{ledger.kill_at} {writer} {number}"
        group = ledger.write("register group", "POST", f"{ML}/model_groups/_register", {"name": name})["model_group_id"]
        group_path = f"{ML}/model_groups/{group}"
        ledger.expected[group_path] = [{"name": name}]
        changed = {"description": name}
        ledger.write("update group", "PUT", group_path, changed, (group_path, {"name": name, **changed}))
        connector = ledger.write("create connector", "POST", f"{ML}/connectors/_create", connector_body)["connector_id"]
        connector_path = f"{ML}/connectors/{connector}"
        ledger.expected[connector_path] = [{"name": "crash"}]
        ledger.write("update connector", "PUT", connector_path, changed, (connector_path, changed))
        body = {"name": name, "function_name": "remote", "connector_id": connector, "model_group_id": group}
        made = ledger.write("register model", "POST", f"{ML}/models/_register", body)
        model_path, task_path = f"{ML}/models/{made['model_id']}", f"{ML}/tasks/{made['task_id']}"
        ledger.expected[model_path] = [{"model_state": "REGISTERED", "model_version": "1"}]
        ledger.expected[task_path] = [{"state": "COMPLETED", "model_id": made["model_id"]}]
        ledger.write("update model", "PUT", model_path, changed, (model_path, changed))
        ledger.write(
            "deploy", "POST", f"{model_path}/_deploy", None, (model_path, {**changed, "model_state": "DEPLOYED"})
        )
        set_to = (f"/_cluster/settings?flat_settings#{setting}", {setting: str(number)})
        ledger.write("change setting", "PUT", "/_cluster/settings", {"persistent": {setting: number}}, set_to)
        controller_path = f"{ML}/controllers/{made['model_id']}"
        for verb, method, limit in (("create", "POST", str(number)), ("update", "PUT", str(number + 1))):
            limits = {"user_rate_limiter": {"somebody": {"limit": limit, "unit": "MINUTES"}}}
            ledger.write(f"{verb} controller", method, controller_path, limits, (controller_path, limits))
        words_path = f"/_fairlead/word_lists/words-{'-'.join(name.split())}"
        words = {"phrases": {"title": [name]}}
        ledger.write("put word list", "PUT", words_path, words, (words_path, words))
        if number % 2:
            continue
        ledger.write("delete word list", "DELETE", words_path, None, (words_path, GONE))
        ledger.write("delete controller", "DELETE", controller_path, None, (controller_path, GONE))
        off = {"model_state": "UNDEPLOYED"}
        ledger.write("undeploy", "POST", f"{model_path}/_undeploy", None, (model_path, off))
        ledger.write("delete task", "DELETE", task_path, None, (task_path, GONE))
        ledger.write("delete model", "DELETE", model_path, None, (model_path, GONE))
        ledger.write("delete connector", "DELETE", connector_path, None, (connector_path, GONE))
        ledger.write("delete group", "DELETE", group_path, None, (group_path, GONE))


def until_killed(ledger: Ledger, writer: int, provider: str) -> None:
    try:
        lives(ledger, writer, provider)
    except Killed:
        pass
    finally:
        ledger.due.set()  # a writer that failed ends the round


def shown(client: Client, path: str) -> dict[str, Any]:
    answer = client("GET", path.partition("#")[0])
    if answer.status == 404:
        return GONE
    assert answer.status == 200, (path, answer)
    found: dict[str, Any] = answer.body.get("persistent", answer.body)
    return found


def documents(client: Client, plural: str) -> dict[str, dict[str, Any]]:
    found = client.ok("POST", f"{ML}/{plural}/_search", {"size": 10000})["hits"]
    assert found["total"]["value"] == len(found["hits"])
    return {hit["_id"]: hit["_source"] for hit in found["hits"]}


def assert_nothing_is_half_there(client: Client, dropped: set[str]) -> None:
    """Of what a write makes together either all is there or nothing; `dropped` are ids whose deletion was asked for."""
    models, tasks = documents(client, "models"), documents(client, "tasks")
    groups, connectors = documents(client, "model_groups"), documents(client, "connectors")
    versions = [(model["model_group_id"], model["model_version"]) for model in models.values()]
    assert len(set(versions)) == len(versions)
    for model in models.values():
        assert model["connector_id"] in connectors
        assert int(model["model_version"]) <= groups[model["model_group_id"]]["latest_version"]
        assert model["model_state"] in ("REGISTERED", "DEPLOYED", "UNDEPLOYED")
    kept = {task["model_id"] for id, task in tasks.items() if task["task_type"] == "REGISTER_MODEL"}
    assert kept - dropped <= set(models)
    assert {task["state"] for task in tasks.values()} == {"COMPLETED"}
    deployed = {task["model_id"] for task in tasks.values() if task["task_type"] == "DEPLOY_MODEL"}
    assert {id for id, model in models.items() if model["model_state"] != "REGISTERED"} <= deployed


def crash(server: Server, kind: str, provider: str) -> Ledger:
    """Writes with several clients and kills the server while a write of `kind` is on its way."""
    client = Client(server.url)
    ledger = Ledger(client, kind)
    writers = [threading.Thread(target=until_killed, args=(ledger, n, provider)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert ledger.due.wait(30)
    server.kill()
    for writer in writers:
        writer.join(30)
    assert ledger.done[kind] >= ENOUGH, ledger.done
    return ledger


def assert_it_was_kept(client: Client, ledger: Ledger) -> None:
    for path, states in ledger.expected.items():
        found = shown(client, path)
        assert any(state.items() <= found.items() for state in states), (ledger.kill_at, path, states, found)


def assert_deployed_models_predict(client: Client) -> None:
    deployed = [id for id, model in documents(client, "models").items() if model["model_state"] == "DEPLOYED"]
    assert len(deployed) >= len(KINDS)
    for model in deployed:
        answer = client.predict(model)
        assert (answer.status, "Bearer secret" in answer.text) == (200, True), answer


def test_kill_9_during_any_write_loses_nothing_acknowledged_and_leaves_nothing_half(
    tmp_path: Path, simulator: str
) -> None:
    server = gateway(tmp_path / "data").start()
    try:
        Client(server.url).trust_local()
        dropped: set[str] = set()
        for kind in KINDS:
            ledger = crash(server, kind, simulator)
            dropped |= ledger.dropped
            server = gateway(tmp_path / "data").start()
            assert_it_was_kept(Client(server.url), ledger)
            assert_nothing_is_half_there(Client(server.url), dropped)
        assert_deployed_models_predict(Client(server.url))
    finally:
        server.kill()
