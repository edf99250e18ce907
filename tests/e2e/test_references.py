"""Credentials that refer to secrets outside, through a real server: who may, what is read, and when it is read again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from identities import login, settle
from process import gateway

ASKED = 20
"""Connections after which both workers have certainly been asked: one in half a million runs misses one."""


def placed(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    fresh = folder / f".{name}"
    fresh.write_text(text)
    fresh.chmod(0o600)
    return fresh.replace(folder / name)


def eventually(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)


def sent(client: Client, model: str) -> str:
    answer = client.predict(model, v="x")
    assert answer.status == 200, answer
    return answer.text


def test_references_are_read_when_a_model_is_loaded_and_files_again_when_they_change(
    tmp_path: Path, simulator: str
) -> None:
    folder = tmp_path / "secrets"
    path = placed(folder, "key", "from-file-1\n")
    environment = {
        "FAIRLEAD_SECRET_ENV_PREFIXES": "TEAM_",
        "FAIRLEAD_SECRET_FILE_PREFIXES": str(folder),
        "TEAM_KEY": "from-environment",
    }
    data = tmp_path / "data"
    with gateway(data, "--workers", "2", "--log-level", "debug", environment=environment) as server:
        client = Client(server.url)
        client.trust_local()
        models = []
        for number, reference in enumerate(({"$env": "TEAM_KEY"}, {"$file": str(path)})):
            connector = client.connector(f"{simulator}/echo", credential={"key": reference, "plain": "plain-canary"})
            models.append(client.model(connector, f"m{number}"))
        assert "Bearer from-environment" in sent(client, models[0])
        assert "Bearer from-file-1" in sent(client, models[1])
        placed(folder, "key", "from-file-2\n")
        eventually(lambda: all("Bearer from-file-2" in sent(client, models[1]) for _ in range(ASKED)))
        # A file that cannot be read leaves the secret that is known.
        path.unlink()
        eventually(lambda: "goes on with the secrets it has" in server.errors)
        assert "Bearer from-file-2" in sent(client, models[1])
        placed(folder, "key", "from-file-3\n")
        eventually(lambda: all("Bearer from-file-3" in sent(client, models[1]) for _ in range(ASKED)))
        # Neither place nor secret is shown by anything.
        shown = [client("GET", f"{ML}/connectors/{connector}").text]
        shown += [
            client("POST", f"{ML}/{kind}/_search", {"query": {"match_all": {}}}).text
            for kind in ("connectors", "models", "tasks")
        ]
        for text in [*shown, server.errors, server.output]:
            for canary in ("TEAM_KEY", str(path), "from-file-", "from-environment", "plain-canary"):
                assert canary not in text
    for file in data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(word in content for word in (b"TEAM_KEY", str(path).encode(), b"from-file", b"from-env"))


@pytest.mark.parametrize("reference", [{"$env": "HOME"}, {"$file": "/etc/hostname"}, {"$vault": "kv/a#b"}])
def test_by_default_no_reference_is_allowed_anywhere(client: Client, simulator: str, reference: Any) -> None:
    [(scheme, place)] = reference.items()
    connector = {
        "name": "c",
        "version": 1,
        "protocol": "http",
        "credential": {"key": reference},
        "actions": [{"action_type": "predict", "method": "POST", "url": f"{simulator}/echo", "request_body": "{}"}],
    }
    id = client.connector(f"{simulator}/echo")
    model = client.ok(
        "POST",
        f"{ML}/models/_register",
        {
            "name": f"own {scheme[1:]}",
            "function_name": "remote",
            "connector": {**connector, "credential": {"key": "k"}},
        },
    )["model_id"]
    inline = {"name": f"inline {scheme[1:]}", "function_name": "remote", "connector": connector}
    for method, route, body in (
        ("POST", "connectors/_create", connector),
        ("PUT", f"connectors/{id}", {"credential": {"key": reference}}),
        ("POST", "models/_register", inline),
        ("PUT", f"models/{model}", {"connector": {"credential": {"key": reference}}}),
    ):
        answer = client(method, f"{ML}/{route}", body)
        assert answer.status == 400, (method, route, answer)
        assert f"Credential [key]: the settings do not allow this reference [{scheme}]" in answer.text
        assert place not in answer.text


@pytest.mark.parametrize(
    "value", [{}, {"$env": 5}, {"$env": "A", "$file": "/b"}, {"$exec": "id"}, {"env": "A"}, ["a"], None]
)
def test_anything_else_that_is_no_text_is_refused_by_the_name_of_the_field(
    client: Client, simulator: str, value: Any
) -> None:
    id = client.connector(f"{simulator}/echo")
    answer = client("PUT", f"{ML}/connectors/{id}", {"credential": {"key": value}})
    assert (answer.status, answer.body["error"]["type"]) == (400, "parse_exception")


def test_where_users_log_in_a_reference_needs_the_privilege(tmp_path: Path, simulator: str) -> None:
    environment = {"FAIRLEAD_SECRET_ENV_PREFIXES": "TEAM_", "TEAM_KEY": "from-environment"}
    with gateway(settle(tmp_path / "data"), environment=environment) as server:
        admin, full = Client(server.url, login("admin")), Client(server.url, login("full"))
        admin.trust_local()
        given = {"credential": {"key": {"$env": "TEAM_KEY"}}}
        id = admin.connector(f"{simulator}/echo", **given)
        assert "Bearer from-environment" in sent(admin, admin.model(id))
        answer = full("PUT", f"{ML}/connectors/{id}", given)
        assert answer.status == 403
        assert "a reference needs the privilege [cluster:admin/fairlead/secrets/use]" in answer.text
        own = full.connector(f"{simulator}/echo", name="plain")
        assert full("PUT", f"{ML}/connectors/{own}", given).status == 403
