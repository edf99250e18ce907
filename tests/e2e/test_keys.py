"""`fairlead keys` beside running servers: rotation under load, crashes at each step, wrong keys, exports."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from client import ML, Client
from command import fairlead
from process import gateway
from security.key_servers import TOKEN, Vault, serving

HERE = Path(__file__).resolve().parents[1]


def keys(data: Path, *arguments: str, status: int = 0, environment: dict[str, str] | None = None) -> str:
    done = fairlead("keys", "--data-dir", str(data), *arguments, environment=environment)
    assert done.status == status, done
    return done.output + done.errors


def listed(data: Path) -> Any:
    return json.loads(keys(data, "list", "--json"))


class Callers:
    """Threads that predict on kept connections until told to stop; every answer that is no 200 is kept."""

    def __init__(self, url: str, models: list[str], rate: int) -> None:
        self._address = urlsplit(url)
        self._models = models
        self._pause = 4 / rate
        self._stop = threading.Event()
        self.done = 0
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(4)]

    def _run(self, number: int) -> None:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=120)
        while not self._stop.is_set():
            number += 1
            model = self._models[number % len(self._models)]
            body = json.dumps({"parameters": {"v": "x"}})
            connection.request("POST", f"{ML}/models/{model}/_predict", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
            if reply.status != 200 or f"Bearer secret-{model}" not in text:
                self.failed.append(text)
            self.done += 1
            time.sleep(self._pause)
        connection.close()

    def some_more(self) -> None:
        """Returns when every connection was answered several times from now on."""
        wanted, deadline = self.done + 50, time.monotonic() + 30
        while self.done < wanted:
            assert time.monotonic() < deadline
            time.sleep(self._pause)

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def test_both_keys_are_rotated_under_load_without_a_failed_predict(tmp_path: Path, simulator: str) -> None:
    data = tmp_path / "data"
    with gateway(data, "--workers", "2") as server:
        client = Client(server.url)
        client.trust_local()
        models = []
        for number in range(6):
            connector = client.connector(f"{simulator}/echo", name=f"c{number}")
            models.append(client.model(connector, f"m{number}"))
            # The credential names its model, so that a mixed-up one is seen.
            client.ok("PUT", f"{ML}/connectors/{connector}", {"credential": {"key": f"secret-{models[-1]}"}})
            client.ok("POST", f"{ML}/models/{models[-1]}/_deploy")
        before = listed(data)
        with Callers(server.url, models, 200) as callers:
            for _ in range(2):
                callers.some_more()
                said = keys(data, "rotate")
                assert "6 values of 6 resources are sealed anew" in said
                callers.some_more()
            after = listed(data)
            for row in after["data_keys"]:
                if not row["active"]:
                    keys(data, "retire", row["id"])
            for row in after["wrapping_keys"]:
                if not row["active"]:
                    keys(data, "retire", row["id"])
            callers.some_more()
            client.ok("PUT", f"{ML}/connectors/{connector}", {"credential": {"key": f"secret-{models[-1]}"}})
        assert callers.failed == []
        health = client.ok("GET", "/_fairlead/health")
        assert health["keys"] == {"status": "ok"}
    now = listed(data)
    assert [(row["active"], row["at_hand"], row["values"]) for row in now["data_keys"]] == [(True, True, 6)]
    assert [row["active"] for row in now["wrapping_keys"]] == [True]
    assert not {row["id"] for row in now["data_keys"]} & {row["id"] for row in before["data_keys"]}
    assert now["data_keys"][0]["sealed"] >= 1
    with gateway(data) as again:
        client = Client(again.url)
        assert all(f"secret-{model}" in client.predict(model, v="x").text for model in models)


def test_a_rotation_killed_at_any_step_loses_nothing_and_is_finished_by_the_same_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "security" / "rotation_child.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(HERE)])},
        check=False,
    )
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["killed"] >= 10


def test_a_wrong_key_locks_only_what_needs_it_and_health_tells_of_it(tmp_path: Path, simulator: str) -> None:
    data = tmp_path / "data"
    with gateway(data) as server:
        client = Client(server.url)
        client.trust_local()
        connectors = [client.connector(f"{simulator}/echo", name=f"c{n}") for n in range(2)]
        models = [client.model(id, f"m{n}") for n, id in enumerate(connectors)]
        for model in models:
            client.ok("POST", f"{ML}/models/{model}/_deploy")
    key_id = listed(data)["wrapping_keys"][0]["id"]
    wrong = {"FAIRLEAD_MASTER_KEY": bytes(range(32)).hex()}
    with gateway(data, environment=wrong) as server:
        client = Client(server.url)
        health = client.ok("GET", "/_fairlead/health")
        assert health["status"] == "degraded"
        assert (health["keys"]["missing_key_id"], health["keys"]["affected_resources"]) == (key_id, 2)
        # What was deployed and what is deployed now fail with one error that names the key.
        for _ in range(2):
            answer = client.predict(models[0], v="x")
            assert (answer.status, answer.body["error"]["type"]) == (404, "resource_not_found_exception")
            assert f"Key [{key_id}] is not at hand." in answer.text
        # Everything that needs no old secret works.
        assert client.ok("GET", f"{ML}/connectors/{connectors[0]}")["name"] == "c0"
        client.ok("POST", f"{ML}/connectors/_search", {"query": {"match_all": {}}})
        client.ok("PUT", f"{ML}/connectors/{connectors[0]}", {"name": "renamed"})
        client.ok("PUT", f"{ML}/connectors/{connectors[0]}", {"credential": {"key": "fresh"}})
        assert '"Bearer fresh"' in client.predict(models[0], v="x").text.replace('\\"', '"')
        assert client.ok("GET", "/_fairlead/health")["keys"]["affected_resources"] == 1
        client.ok("POST", f"{ML}/models/{models[1]}/_undeploy")
        client.ok("DELETE", f"{ML}/models/{models[1]}")
        client.ok("DELETE", f"{ML}/connectors/{connectors[1]}")
        assert client.ok("GET", "/_fairlead/health")["keys"]["affected_resources"] == 0
    assert f"need key {key_id}" in server.errors


def test_an_export_brings_the_keys_back_on_another_machine(tmp_path: Path) -> None:
    data, word = tmp_path / "data", tmp_path / "word"
    with gateway(data):
        pass
    word.write_text("a long enough phrase\nsecond line\n")
    word.chmod(0o600)
    export = tmp_path / "export.json"
    said = keys(data, "export", str(export), "--passphrase-file", str(word))
    id = listed(data)["wrapping_keys"][0]["id"]
    assert id in said
    assert export.stat().st_mode & 0o777 == 0o600
    material = json.loads((data / "keys" / "keyring.json").read_text())["keys"][0]["key"]
    assert material not in export.read_text()
    assert "File exists" in keys(data, "export", str(export), "--passphrase-file", str(word), status=1)
    (data / "keys" / "keyring.json").unlink()
    assert "ABSENT" in keys(data, "list")
    assert id in keys(data, "import", str(export), "--passphrase-file", str(word))
    assert listed(data)["data_keys"][0]["at_hand"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("rotate",), "there is no database in"),
        (("list",), "there is no database in"),
        (("import", "none.json"), "none.json: No such file or directory"),
    ],
)
def test_commands_without_a_server_s_data_make_none(tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    assert text in keys(tmp_path / "data", *arguments, status=1)
    assert not (tmp_path / "data").exists()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(tmp_path: Path, simulator: str) -> None:
    data = tmp_path / "data"
    with gateway(data) as server:
        client = Client(server.url)
        client.trust_local()
        client.connector(f"{simulator}/echo")
        before = listed(data)
        said = keys(data, "rotate", "--dry-run")
        assert "1 data keys would be wrapped anew" in said
        assert "1 values of 1 resources would be sealed anew" in said
        assert listed(data) == before


def test_the_passphrase_is_never_taken_from_the_command_line(tmp_path: Path) -> None:
    with gateway(tmp_path / "data"):
        pass
    said = keys(tmp_path / "data", "export", str(tmp_path / "x"), status=1)
    assert "there is no terminal to ask for the pass-phrase: give --passphrase-file" in said


def spellings(material: bytes) -> list[str]:
    plain = base64.b64encode(material).decode()
    return [plain, plain.rstrip("="), base64.urlsafe_b64encode(material).decode().rstrip("="), material.hex()]


def test_no_command_and_no_log_ever_shows_a_key_or_a_passphrase(tmp_path: Path, simulator: str) -> None:
    """The canaries are the keys themselves: those of the file, a given one, and the pass-phrase of an export."""
    data, word = tmp_path / "data", tmp_path / "word"
    passphrase, given = "canary-passphrase-7f3b", bytes(range(7, 39))
    word.write_text(passphrase)
    word.chmod(0o600)
    seen = []
    with gateway(data, "--log-level", "debug") as server:
        client = Client(server.url)
        client.trust_local()
        model = client.model(client.connector(f"{simulator}/echo"))
        seen += [client.predict(model, v="x").text, client("GET", "/_fairlead/health").text]
        for arguments in (("rotate",), ("list",), ("list", "--json"), ("rotate", "--dry-run")):
            seen.append(keys(data, *arguments))
        seen.append(keys(data, "export", str(tmp_path / "export"), "--passphrase-file", str(word)))
        seen.append((tmp_path / "export").read_text())
    seen += [server.output, server.errors]
    entries = json.loads((data / "keys" / "keyring.json").read_text())["keys"]
    assert len(entries) == 2
    forbidden = [text for entry in entries for text in spellings(base64.b64decode(entry["key"]))]
    environment = {"FAIRLEAD_MASTER_KEY": given.hex()}
    with gateway(data, "--log-level", "debug", environment=environment) as server:
        client = Client(server.url)
        seen += [client.predict(model, v="x").text, client("GET", "/_fairlead/health").text]
        seen.append(client("GET", "/_cluster/settings?include_defaults=true").text)
        seen.append(keys(data, "list", environment=environment))
        seen.append(keys(data, "rotate", status=1, environment=environment))
    seen += [server.output, server.errors]
    for text in seen:
        for canary in [*forbidden, *spellings(given), passphrase]:
            assert canary not in text
    for file in data.rglob("*"):
        if file.is_file() and file.name != "keyring.json":
            content = file.read_bytes()
            assert not any(canary.encode() in content for canary in forbidden)


def test_predicts_and_updates_ask_no_key_service(tmp_path: Path, simulator: str) -> None:
    with serving(Vault) as vault:
        environment = {
            "FAIRLEAD_KEY_SERVICE": "vault",
            "FAIRLEAD_VAULT_ADDRESS": vault.url,
            "FAIRLEAD_VAULT_TOKEN": '{"$env": "OWN_TOKEN"}',
            "FAIRLEAD_VAULT_TRANSIT_KEY": "transit/fairlead",
            "OWN_TOKEN": TOKEN,
        }
        with gateway(tmp_path / "data", "--workers", "2", environment=environment) as server:
            client = Client(server.url)
            client.trust_local()
            started = len(vault.calls)
            assert started
            connector = client.connector(f"{simulator}/echo")
            model = client.model(connector)
            for _ in range(8):
                assert '"Bearer secret' in client.predict(model, v="x").text.replace("\\", "")
            client.ok("PUT", f"{ML}/connectors/{connector}", {"credential": {"key": "secret-2"}})
            assert len(vault.calls) == started
            # Away while it is not needed, and nobody notices.
            vault.refuse = 503
            deadline = time.monotonic() + 60  # the other worker may be a poll behind
            while "Bearer secret-2" not in client.predict(model, v="x").text:
                assert time.monotonic() < deadline
            assert client.ok("GET", "/_fairlead/health")["keys"] == {"status": "ok"}
        assert TOKEN not in server.output + server.errors
        assert vault.faults == []
    assert not (tmp_path / "data" / "keys").exists()
