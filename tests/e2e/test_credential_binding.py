"""A credential goes to the origins it was given for, whoever changes the connector and whatever a caller sends (T-07)."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from process import gateway

MOVED = "A parameter of the request moves it to another host than the connector's own."


class Recorder(http.server.BaseHTTPRequestHandler):
    """Somebody else's server: notes what it was sent."""

    seen: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.headers["Authorization"])  # type: ignore[attr-defined]
        status = int(self.path.removeprefix("/status/")) if self.path.startswith("/status/") else 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"{}" if status == 200 else f"refused: {dict(self.headers)}".encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[Any]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Client]:
    with gateway(tmp_path / "data") as server:
        yield Client(server.url)


def trust(client: Client, patterns: list[str], mode: str | None = None) -> None:
    settings = {
        "plugins.ml_commons.trusted_connector_endpoints_regex": patterns,
        "plugins.ml_commons.connector.private_ip_enabled": True,
        "fairlead.egress.runtime_host": mode,
    }
    client.ok("PUT", "/_cluster/settings", {"persistent": settings})


def exactly(url: str) -> str:
    return "^" + url.replace(".", "\\.") + "/.*$"


@pytest.mark.parametrize(
    ("mode", "one_pattern", "moves"),
    [
        (None, False, False),
        (None, True, True),
        ("same_pattern", False, False),
        ("any_trusted", False, True),
        ("never", True, False),
    ],
)
def test_a_callers_parameter_moves_a_request_only_as_far_as_the_setting_says(
    own: Client, simulator: str, recorder: Any, mode: str | None, one_pattern: bool, moves: bool
) -> None:
    other = f"http://127.0.0.1:{recorder.server_address[1]}"
    both = ["^http://127\\.0\\.0\\.1:[0-9]+/.*$"]
    trust(own, both if one_pattern else [exactly(simulator), exactly(other)], mode)
    host = simulator.removeprefix("http://")
    model = own.model(own.connector("http://${parameters.host}/echo", parameters={"host": host}))
    assert own.predict(model, v="x").status == 200
    for _ in range(2):  # what was found out once is remembered
        answer = own.predict(model, host=other.removeprefix("http://"))
        if moves:
            assert answer.status == 200
        else:
            assert answer.status == 400
            assert MOVED in answer.text
    assert bool(recorder.seen) == moves
    assert own.predict(model, host=host).status == 200


def test_the_setting_acts_at_once_on_a_destination_that_was_admitted_before(
    own: Client, simulator: str, recorder: Any
) -> None:
    other = f"http://127.0.0.1:{recorder.server_address[1]}"
    trust(own, [exactly(simulator), exactly(other)], "any_trusted")
    host = simulator.removeprefix("http://")
    model = own.model(own.connector("http://${parameters.host}/echo", parameters={"host": host}))
    assert own.predict(model, host=other.removeprefix("http://")).status == 200
    trust(own, [exactly(simulator), exactly(other)], "never")
    assert MOVED in own.predict(model, host=other.removeprefix("http://")).text
    assert len(recorder.seen) == 1


@pytest.mark.parametrize("moved_by", ["url", "parameter"])
@pytest.mark.parametrize("inside", [False, True])
def test_an_update_that_moves_the_connector_needs_the_credential_again(
    own: Client, simulator: str, recorder: Any, inside: bool, moved_by: str
) -> None:
    own.trust_local()
    other = f"127.0.0.1:{recorder.server_address[1]}"
    action = {
        "action_type": "predict",
        "method": "POST",
        "url": "http://${parameters.host}/echo",
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": "{}",
    }
    connector = {
        "name": "c",
        "version": 1,
        "protocol": "http",
        "parameters": {"host": simulator.removeprefix("http://")},
        "credential": {"key": "canary", "spare": "canary"},
        "actions": [action],
    }
    if inside:
        body = {"name": "m", "function_name": "remote", "connector": connector}
        model = own.ok("POST", f"{ML}/models/_register", body)["model_id"]
        path = f"{ML}/models/{model}"
    else:
        id = own.ok("POST", f"{ML}/connectors/_create", connector)["connector_id"]
        model = own.model(id)
        path = f"{ML}/connectors/{id}"
    assert own.predict(model, v="x").status == 200

    def update(**changes: Any) -> Any:
        return own("PUT", path, {"connector": changes} if inside else changes)

    move: dict[str, Any] = {"parameters": {"host": other}}
    if moved_by == "url":
        move = {"actions": [{**action, "url": f"http://{other}/echo"}]}
    for given in ({}, {"credential": {"spare": "new"}}, {"credential": {}}):
        answer = update(**move, **given)
        assert answer.status == 400, answer
        assert "send the credential again" in answer.text
        assert "canary" not in answer.text
    own.predict(model, v="x")
    assert recorder.seen == []
    assert update(**move, credential={"key": "fresh", "spare": "fresh"}).status == 200
    own.predict(model, v="x")
    assert recorder.seen == ["Bearer fresh"]


def test_a_model_that_changes_its_connector_uses_that_ones_credential(
    own: Client, simulator: str, recorder: Any
) -> None:
    own.trust_local()
    model = own.model(own.connector(f"{simulator}/echo", credential={"key": "canary"}))
    other = own.connector(f"http://127.0.0.1:{recorder.server_address[1]}/x", credential={"key": "other"})
    assert own.predict(model, v="x").status == 200
    own.ok("PUT", f"{ML}/models/{model}", {"connector_id": other})
    own.predict(model, v="x")
    assert recorder.seen == ["Bearer other"]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 600])
def test_an_error_of_a_provider_that_quotes_the_request_does_not_show_the_credential(
    own: Client, recorder: Any, status: int
) -> None:
    """Who may predict was never given the key (T-08)."""
    own.trust_local()
    canary = "canary/quoted+by=provider"
    url = f"http://127.0.0.1:{recorder.server_address[1]}/status/{status}"
    model = own.model(own.connector(url, credential={"key": canary}))
    answer = own.predict(model, v="x")
    assert answer.status >= 400
    assert recorder.seen == [f"Bearer {canary}"]
    assert "refused" in answer.text
    assert "***" in answer.text
    assert canary not in answer.text


@pytest.mark.parametrize("place", ["request_body", "url"])
def test_a_placeholder_for_the_credential_means_nothing_outside_headers(
    own: Client, simulator: str, place: str
) -> None:
    """In a body or URL it stays text, and a caller's text is never expanded (T-06)."""
    own.trust_local()
    canary = "canary-in-the-body"
    action = (
        {"request_body": '{"v":"${parameters.v:-none}","k":"${credential.key}"}'} if place == "request_body" else {}
    )
    model = own.model(own.connector(f"{simulator}/echo", credential={"key": canary}, action={**action, "headers": {}}))
    answer = own.predict(model, v="${credential.key} ${parameters.x}")
    assert canary not in answer.text
    if place == "url":
        assert "${credential.key} ${parameters.x}" in answer.text
