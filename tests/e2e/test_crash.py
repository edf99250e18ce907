"""What was acknowledged is there after the process was killed in the middle of its work."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path

from client import ML, Client
from process import gateway


def _write_until_killed(client: Client, acknowledged: list[str], enough: threading.Event) -> None:
    number = 0
    while True:
        number += 1
        try:
            answer = client("POST", f"{ML}/model_groups/_register", {"name": f"group {threading.get_ident()} {number}"})
        except (OSError, http.client.HTTPException):
            return
        acknowledged.append(answer.body["model_group_id"])
        if len(acknowledged) >= 60:
            enough.set()


def test_kill_9_during_writes_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()
    server = gateway(tmp_path / "data").start()
    client = Client(server.url)
    writers = [threading.Thread(target=_write_until_killed, args=(client, acknowledged, enough)) for _ in range(4)]
    for writer in writers:
        writer.start()
    assert enough.wait(30)
    server.kill()
    for writer in writers:
        writer.join(30)
    with gateway(tmp_path / "data") as again:
        reader = Client(again.url)
        for id in acknowledged:
            reader.ok("GET", f"{ML}/model_groups/{id}")


def test_a_deployed_model_predicts_again_after_a_kill(tmp_path: Path, simulator: str) -> None:
    server = gateway(tmp_path / "data").start()
    client = Client(server.url)
    client.trust_local()
    model = client.model(client.connector(f"{simulator}/echo"))
    assert client.predict(model, v="before").status == 200
    server.kill()
    with gateway(tmp_path / "data") as again:
        client = Client(again.url)
        assert client.ok("GET", f"{ML}/models/{model}")["model_state"] == "DEPLOYED"
        answer = client.predict(model, v="after")
        assert answer.status == 200, answer
        assert '\\"after\\"' in answer.text


def test_no_task_stays_open_after_a_kill(tmp_path: Path, simulator: str) -> None:
    server = gateway(tmp_path / "data").start()
    client = Client(server.url)
    client.trust_local()
    for number in range(5):
        model = client.model(client.connector(f"{simulator}/echo"), f"model {number}")
        client.ok("POST", f"{ML}/models/{model}/_deploy")
    server.kill()
    with gateway(tmp_path / "data") as again:
        found = Client(again.url).ok("POST", f"{ML}/tasks/_search", {"query": {"match_all": {}}, "size": 100})
        assert found["hits"]["total"]["value"] == 10
        assert {hit["_source"]["state"] for hit in found["hits"]["hits"]} == {"COMPLETED"}


def test_two_processes_that_start_at_once_on_an_empty_directory_share_key_and_store(
    tmp_path: Path, simulator: str
) -> None:
    servers = [gateway(tmp_path / "data") for _ in range(2)]
    starters = [threading.Thread(target=server.start) for server in servers]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(60)
    first, second = (Client(server.url) for server in servers)
    try:
        assert first.ok("GET", "/")["cluster_uuid"] == second.ok("GET", "/")["cluster_uuid"]
        first.trust_local()
        model = first.model(first.connector(f"{simulator}/echo"))
        first.ok("POST", f"{ML}/models/{model}/_deploy")
        assert '"Bearer secret"' in second.predict(model, v="x").text
    finally:
        for server in servers:
            server.stop()
