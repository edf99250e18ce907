"""Access control through a real process with users: two workers, every change in force on both."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import ML, Client
from contract import runner
from process import PARITY_USERS, gateway

CONTROLLED = {
    "persistent": {
        "plugins.ml_commons.connector_access_control_enabled": True,
        "plugins.ml_commons.model_access_control_enabled": True,
    }
}
REFUSED = "User doesn't have privilege to perform this operation on this model"
SECONDS = 60.0
CALLS = 12
"""Calls, each on a connection of its own, that reach both workers."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("access") / "data"
    with gateway(data, "--workers", "2", "--security", str(PARITY_USERS)) as server:
        admin = Client(server.url, "admin:Admin_pass_1")
        admin.trust_local()
        admin.ok("PUT", "/_cluster/settings", CONTROLLED)
        yield server.url
        assert "Traceback" not in server.errors, server.errors


def user(url: str, name: str) -> Client:
    return Client(url, f"{name}:{name.capitalize()}_pass_1")


def settled(client: Client, model: str, status: int) -> bool:
    """Whether all workers soon answer a predict with `status`."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if {client.predict(model, v="x").status for _ in range(CALLS)} == {status}:
            return True
    return False


def test_predict_follows_the_group_on_every_worker(url: str, simulator: str) -> None:
    alice, bob, carol = (user(url, name) for name in ("alice", "bob", "carol"))
    group = alice.ok("POST", f"{ML}/model_groups/_register", {"name": "e2e follow", "access_mode": "private"})
    path = f"{ML}/model_groups/{group['model_group_id']}"
    model = alice.model(alice.connector(f"{simulator}/echo"), model_group_id=group["model_group_id"])
    alice.ok("POST", f"{ML}/models/{model}/_deploy")
    assert settled(alice, model, 200)
    refused = bob.predict(model, v="x")
    assert (refused.status, refused.body["error"]["reason"]) == (403, REFUSED)
    alice.ok("PUT", path, {"backend_roles": ["ml-team"]})
    assert settled(bob, model, 200)
    assert {carol.predict(model, v="x").status for _ in range(CALLS)} == {403}
    alice.ok("PUT", path, {"access_mode": "public"})
    assert settled(carol, model, 200)
    alice.ok("PUT", path, {"access_mode": "private"})
    assert settled(carol, model, 403)
    assert settled(bob, model, 403)
    assert carol.predict(model, v="x").body["error"]["reason"] == REFUSED


def test_what_the_original_forgets_is_asked(url: str, simulator: str) -> None:
    """The recorded steps where any answer is accepted: ours is held here (S-24, S-25, deletions)."""
    admin, alice, carol = (user(url, name) for name in ("admin", "alice", "carol"))
    foreign = alice.connector(f"{simulator}/echo")
    answer = carol("DELETE", f"{ML}/connectors/{foreign}")
    assert (answer.status, answer.body["error"]["reason"]) == (403, "You are not allowed to delete this connector")
    body = {"name": "e2e forgotten", "function_name": "remote", "connector_id": foreign}
    answer = carol("POST", f"{ML}/models/_register", body)
    assert (answer.status, answer.body["error"]["reason"]) == (
        400, f"You don't have permission to use the connector provided, connector id: {foreign}",
    )  # fmt: skip
    found = admin.ok("POST", f"{ML}/model_groups/_search", {"query": {"term": {"name.keyword": "e2e forgotten"}}})
    assert found["hits"]["total"]["value"] == 0
    mine = carol.model(carol.connector(f"{simulator}/echo"))
    answer = carol("PUT", f"{ML}/models/{mine}", {"connector_id": foreign})
    assert (answer.status, answer.body["error"]["reason"]) == (
        403, f"You don't have permission to update the connector, connector id: {foreign}",
    )  # fmt: skip
    group = alice.ok("POST", f"{ML}/model_groups/_register", {"name": "e2e kept"})["model_group_id"]
    answer = carol("DELETE", f"{ML}/model_groups/{group}")
    assert (answer.status, answer.body["error"]["reason"]) == (
        403, "User doesn't have privilege to delete this model group",
    )  # fmt: skip
    assert alice.ok("DELETE", f"{ML}/model_groups/{group}")["result"] == "deleted"
    assert alice.ok("DELETE", f"{ML}/connectors/{foreign}")["result"] == "deleted"
    assert carol("DELETE", f"{ML}/connectors/{foreign}").status == 404
    assert admin.ok("DELETE", f"{ML}/connectors/{foreign}")["result"] == "not_found"


def test_owner_and_roles_are_those_of_the_authenticated_user_whatever_the_body_says(url: str, simulator: str) -> None:
    alice = user(url, "alice")
    body = {"name": "e2e owner", "add_all_backend_roles": True, "owner": {"name": "admin"}, "access": "public"}
    group = alice.ok("POST", f"{ML}/model_groups/_register", body)["model_group_id"]
    shown = alice.ok("GET", f"{ML}/model_groups/{group}")
    assert (shown["owner"]["name"], shown["access"], shown["backend_roles"]) == (
        "alice", "restricted", ["ml-team", "search-team"],
    )  # fmt: skip
    answer = alice("PUT", f"{ML}/model_groups/{group}", {"owner": {"name": "admin"}, "description": "x"})
    assert answer.status == 200
    assert alice.ok("GET", f"{ML}/model_groups/{group}")["owner"]["name"] == "alice"


DAVE = """
dave:
  hash: "$2y$12$1efqFK9mnmO/Rvr/y4LXxeAxNGJpbfXxpLENMv2pnoUW/HQDxYul6"
  backend_roles: []
  opendistro_security_roles: [ml_full_access]
"""
"""The user that the recorded scenario makes: no backend roles."""


def test_a_user_without_backend_roles_is_answered_as_recorded(tmp_path: Path, simulator: str) -> None:
    users = shutil.copytree(PARITY_USERS, tmp_path / "users")
    with (users / "internal_users.yml").open("a", encoding="utf-8") as file:
        file.write(DAVE)
    area, name = runner.load("access"), "access: user without backend roles"
    [scenario] = [scenario for scenario in area.scenarios if scenario["name"] == name]
    with gateway(tmp_path / "data", "--security", str(users)) as server:
        answers = runner.drive(scenario, server.url, simulator, runner.LOGINS)
    parity = runner.compare(area, {name: answers})
    assert parity.steps == len(scenario["steps"])
    assert parity.unwanted == (), "\n".join(runner.report(parity, show=True))
