"""Clients that want the same thing at once, answered by several workers on one store: one order, nothing lost, no 5xx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from client import ML, Answer, Client
from process import gateway

CLIENTS = 50


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with gateway(tmp_path_factory.mktemp("race") / "data", "--workers", "4") as server:
        made = Client(server.url)
        made.trust_local()
        yield made
        assert "Traceback" not in server.errors, server.errors


def at_once(client: Client, requests: list[tuple[str, str, Any]]) -> list[Answer]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: client(*request), requests))


def versions_of(client: Client, group: str) -> Counter[str]:
    query = {"query": {"term": {"model_group_id": group}}, "size": 1000}
    found = client.ok("POST", f"{ML}/models/_search", query)["hits"]["hits"]
    return Counter(hit["_source"]["model_version"] for hit in found)


def test_fifty_clients_that_register_into_one_group_get_fifty_versions(crew: Client, simulator: str) -> None:
    connector = crew.connector(f"{simulator}/echo")
    group = crew.ok("POST", f"{ML}/model_groups/_register", {"name": "fifty"})["model_group_id"]
    body = {"function_name": "remote", "connector_id": connector, "model_group_id": group}
    wanted = [("POST", f"{ML}/models/_register", {"name": f"m {n}", **body}) for n in range(CLIENTS)]
    assert Counter(answer.status for answer in at_once(crew, wanted)) == {200: CLIENTS}
    assert versions_of(crew, group) == {str(number): 1 for number in range(1, CLIENTS + 1)}
    assert crew.ok("GET", f"{ML}/model_groups/{group}")["latest_version"] == CLIENTS


def test_models_of_one_new_name_share_one_group(crew: Client, simulator: str) -> None:
    connector = crew.connector(f"{simulator}/echo")
    body = {"name": "same name", "function_name": "remote", "connector_id": connector}
    answers = at_once(crew, [("POST", f"{ML}/models/_register", body)] * 20)
    assert Counter(answer.status for answer in answers) == {200: 20}
    groups = {crew.ok("GET", f"{ML}/models/{answer.body['model_id']}")["model_group_id"] for answer in answers}
    assert len(groups) == 1
    assert versions_of(crew, groups.pop()) == {str(number): 1 for number in range(1, 21)}


def test_of_groups_with_one_name_one_is_made(crew: Client) -> None:
    answers = at_once(crew, [("POST", f"{ML}/model_groups/_register", {"name": "taken once"})] * 20)
    assert Counter(answer.status for answer in answers) == {200: 1, 400: 19}


def test_updates_of_different_members_are_all_kept(crew: Client, simulator: str) -> None:
    connector = crew.connector(f"{simulator}/echo", parameters={"first": "0"})
    path = f"{ML}/connectors/{connector}"
    changes = [("PUT", path, {"parameters": {f"p{number}": str(number)}}) for number in range(20)]
    assert Counter(answer.status for answer in at_once(crew, changes)) == {200: 20}
    assert crew.ok("GET", path)["parameters"] == {"first": "0", **{f"p{n}": str(n) for n in range(20)}}


def test_what_is_deleted_many_times_at_once_is_deleted_once(crew: Client, simulator: str) -> None:
    connector = crew.connector(f"{simulator}/echo")
    answers = at_once(crew, [("DELETE", f"{ML}/connectors/{connector}", None)] * 20)
    assert Counter((answer.status, answer.body["result"]) for answer in answers) == {
        (200, "deleted"): 1,
        (200, "not_found"): 19,
    }


def test_a_model_is_deployed_and_undeployed_by_many_and_ends_in_one_state(crew: Client, simulator: str) -> None:
    model = crew.model(crew.connector(f"{simulator}/echo"), "to and fro")
    path = f"{ML}/models/{model}"
    answers = at_once(crew, [("POST", f"{path}/{name}", None) for name in ("_deploy", "_undeploy") * 10])
    assert {answer.status for answer in answers} == {200}
    crew.ok("POST", f"{path}/_deploy")
    assert crew.ok("GET", path)["model_state"] == "DEPLOYED"
    assert {answer.status for answer in at_once(crew, [("POST", f"{path}/_predict", {"parameters": {}})] * 20)} == {200}


def test_no_registration_survives_without_its_connector(crew: Client, simulator: str) -> None:
    for number in range(5):
        connector = crew.connector(f"{simulator}/echo")
        body = {"name": f"orphan {number}", "function_name": "remote", "connector_id": connector}
        requests = [("POST", f"{ML}/models/_register", body)] * 4 + [
            ("DELETE", f"{ML}/connectors/{connector}", None)
        ] * 4
        answers = at_once(crew, requests)
        assert {answer.status for answer in answers} <= {200, 404, 409}, answers
        there = crew("GET", f"{ML}/connectors/{connector}").status == 200
        made = [answer for answer in answers[:4] if answer.status == 200]
        assert there == bool(made), answers
