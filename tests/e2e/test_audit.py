"""The audit log of a real server: logins that failed, denials and changes; no secret; closed when it cannot be written."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client import LOCAL, ML, Client
from fairlead.security.audit_sinks import broken_links
from identities import PASSWORD, login, settle
from process import gateway, providers

CANARY = "sk-audit-canary-4711"


def events(data: Path) -> list[dict[str, Any]]:
    path = data / "audit" / "audit.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_logins_denials_and_changes_are_told_and_no_value_of_them(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    with gateway(data, "--workers", "2", environment={"FAIRLEAD_AUDIT_CHAIN": "true"}) as server:
        Client(server.url, f"admin:{CANARY}")("GET", "/")
        Client(server.url, login("reader"))("DELETE", f"{ML}/connectors/c1")
        Client(server.url, always={"_opendistro_security_user": CANARY})("GET", "/")
        admin = Client(server.url, login("admin"), always={"X-Request-Id": "r-42"})
        admin.ok("PUT", "/_cluster/settings", LOCAL)
        id = admin.connector("http://127.0.0.1:9/x", credential={"key": CANARY})
        model = admin.model(id, name=CANARY)
        admin.predict(model, v=CANARY)
        admin("PUT", f"{ML}/connectors/{id}", {"nonsense": CANARY})
        admin("DELETE", f"{ML}/connectors/{id}")
    text = (data / "audit" / "audit.log").read_text()
    assert CANARY not in text
    assert PASSWORD not in text
    found = events(data)
    told = {(e["audit_category"], e.get("audit_request_effective_user"), e.get("audit_outcome")) for e in found}
    assert told >= {
        ("FAILED_LOGIN", "admin", None),
        ("MISSING_PRIVILEGES", "reader", None),
        ("BAD_HEADERS", None, None),
        ("CLUSTER_SETTINGS_CHANGED", "admin", "done"),
        ("CONNECTOR_WRITE", "admin", "done"),
        ("CONNECTOR_WRITE", "admin", "refused"),
        ("RESOURCE_WRITE", "admin", "done"),
    }
    made = next(e for e in found if e["audit_category"] == "CONNECTOR_WRITE")
    assert made["audit_resource"] == f"connector_id={id}"
    assert "credential.key" in made["audit_request_fields"]
    assert (made["audit_request_id"], made["audit_request_auth_method"]) == ("r-42", "basic")
    assert made["audit_rest_request_path"] == f"{ML}/connectors/_create"
    assert broken_links(text.splitlines(), "0" * 64) == []


def test_a_destination_that_is_refused_is_told(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    with gateway(data) as server:
        admin = Client(server.url, login("admin"))
        admin.ok("PUT", "/_cluster/settings", LOCAL)
        model = admin.model(admin.connector("http://127.0.0.1:9/x"))
        admin.ok(
            "PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.connector.private_ip_enabled": False}}
        )
        assert admin.predict(model).status == 400
    assert [e["audit_resource"] for e in events(data) if e["audit_category"] == "EGRESS_DENIED"] == ["127.0.0.1:9"]


@pytest.mark.parametrize(("mode", "status"), [("block", 503), ("drop", 200)])
def test_changes_wait_for_a_log_that_cannot_be_written_unless_they_need_not(
    tmp_path: Path, mode: str, status: int
) -> None:
    data = settle(tmp_path / "data")
    with gateway(data, environment={"FAIRLEAD_AUDIT_ON_FAILURE": mode}) as server:
        admin = Client(server.url, login("admin"))
        admin.ok("PUT", "/_cluster/settings", LOCAL)
        path = data / "audit" / "audit.log"
        until(lambda: len(events(data)) == 1)
        path.unlink()
        path.mkdir()
        Client(server.url, "admin:wrong")("GET", "/")
        until(lambda: admin("PUT", "/_cluster/settings", LOCAL).status == status)
        assert admin("GET", f"{ML}/stats").status == 200
        path.rmdir()
        until(lambda: any(e["audit_category"] == "FAILED_LOGIN" for e in events(data)))
        until(lambda: admin("PUT", "/_cluster/settings", LOCAL).status == 200)


def test_all_requests_are_told_where_that_is_asked_for_and_on_standard_output(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    environment = {"FAIRLEAD_AUDIT_DISABLED_CATEGORIES": "", "FAIRLEAD_AUDIT_SINKS": "stdout"}
    with gateway(data, environment=environment) as server:
        Client(server.url, login("reader")).ok("GET", f"{ML}/stats")
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    assert [(e["audit_category"], e.get("audit_request_privilege")) for e in lines] == [
        ("AUTHENTICATED", None),
        ("GRANTED_PRIVILEGES", "cluster:admin/opensearch/ml/stats/nodes"),
    ]
    assert not (data / "audit").exists()


def test_rotating_keys_by_command_is_told(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    with gateway(data):
        pass
    command = [sys.executable, "-m", "fairlead.cli.main", "keys", "--data-dir", str(data), "rotate"]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    assert subprocess.run([*command, "--dry-run"], capture_output=True, timeout=60, check=False).returncode == 0
    [event] = events(data)
    assert (event["audit_category"], event["audit_outcome"]) == ("KEY_ROTATION", "done")


def test_one_in_a_thousand_uses_of_a_credential_is_told(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    with providers() as provider, gateway(data) as server:
        admin = Client(server.url, login("admin"))
        admin.ok("PUT", "/_cluster/settings", LOCAL)
        model = admin.model(admin.connector(f"{provider.url}/echo"))
        for _ in range(3):
            admin.predict(model)
    told = [e for e in events(data) if e["audit_category"] == "CREDENTIAL_USE"]
    assert [e["audit_resource"] for e in told] == [f"model_id={model}"]


def test_without_logins_there_is_no_audit_log(tmp_path: Path) -> None:
    with gateway(tmp_path) as server:
        Client(server.url).ok("PUT", "/_cluster/settings", LOCAL)
    assert not (tmp_path / "audit").exists()
