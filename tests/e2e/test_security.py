"""A real server with users: who is let in, what each may do, and what a stranger learns of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client import ML, Client
from identities import PASSWORD, authorization, login, settle
from process import Server, gateway

CHALLENGE = 'Basic realm="OpenSearch Security"'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = settle(tmp_path_factory.mktemp("security") / "data")
    with gateway(data) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/no/such/path"),
        ("PATCH", "/_cluster/settings"),
        ("POST", f"{ML}/connectors/_create"),
        ("POST", f"{ML}/models/m/_predict"),
        ("GET", f"{ML}/models/m/_predict"),
    ],
)
def test_a_stranger_gets_401_for_every_path_there_is_and_is_not(server: Server, method: str, path: str) -> None:
    answer = Client(server.url).raw(method, path)
    assert (answer.status, answer.text) == (401, "Unauthorized")
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("who", ["full:wrong", "nosuch:wrong", "full:", ":x", "full", "FULL:" + PASSWORD])
def test_wrong_credentials_are_answered_alike_whatever_is_wrong(server: Server, who: str) -> None:
    stranger, wrong = Client(server.url).raw("GET", "/"), Client(server.url, who).raw("GET", "/")
    assert (wrong.status, wrong.text, wrong.headers) == (stranger.status, stranger.text, stranger.headers)


@pytest.mark.parametrize(
    "value", ["Bearer a.b.c", "ApiKey os_abc", "Basic", "Basic !!!", "Negotiate x", "", "Basic " + "QUFB" * 2000]
)
def test_credentials_of_another_kind_are_not_believed(server: Server, value: str) -> None:
    assert Client(server.url).raw("GET", "/", headers={"Authorization": value}).status == 401


def test_two_authorization_headers_are_refused_even_if_one_is_right(server: Server) -> None:
    where = urlsplit(server.url)
    right = authorization("full")
    with socket.create_connection((where.hostname or "", where.port or 0), 10) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "
            + right
            + b"\r\nAuthorization: Basic "
            + right
            + b"\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 401"


def test_a_strangers_body_is_not_waited_for(server: Server) -> None:
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname or "", where.port or 0), 10) as connection:
        connection.sendall(b"POST /_plugins/_ml/models/m/_predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 401"


def test_liveness_is_open_to_everybody_and_options_is_answered(server: Server) -> None:
    client = Client(server.url)
    assert client.raw("GET", "/_fairlead/health/live").status == 200
    assert client.raw("GET", "/_fairlead/health/ready/").status == 200
    assert client.raw("OPTIONS", f"{ML}/connectors/_create").status == 200
    assert client.raw("GET", "/_fairlead/health").status == 401


def test_reserved_headers_are_refused_everywhere(server: Server) -> None:
    answer = Client(server.url).raw("GET", "/_fairlead/health/live", headers={"_OpenDistro_Security_User": "admin"})
    assert answer.status == 403
    assert answer.body["error"]["status"] == "error"


def test_a_missing_privilege_is_403_and_names_what_is_missing(server: Server) -> None:
    answer = Client(server.url, login("reader")).raw("POST", f"{ML}/models/m/_predict", b"{}")
    reason = "no permissions for [cluster:admin/opensearch/ml/predict] and User [name=reader, backend_roles=[], requestedTenant=null]"
    assert (answer.status, answer.body["error"]["type"], answer.body["error"]["reason"]) == (
        403,
        "security_exception",
        reason,
    )
    assert "www-authenticate" not in answer.headers


def test_a_tenant_header_is_shown_as_it_was_sent(server: Server) -> None:
    answer = Client(server.url, login("nobody")).raw("GET", "/", headers={"securitytenant": "blue"})
    assert answer.body["error"]["reason"].endswith("requestedTenant=blue]")


def test_asking_for_a_permission_does_nothing_and_says_whether_it_is_there(server: Server) -> None:
    path, body = f"{ML}/model_groups/_register?perform_permission_check=true", b'{"name":"x"}'
    headers = {"Content-Type": "application/json"}
    reader, full = (Client(server.url, login(name)) for name in ("reader", "full"))
    wanted = {"accessAllowed": False, "missingPrivileges": ["cluster:admin/opensearch/ml/register_model_group"]}
    assert reader.raw("POST", path, body, headers).body == wanted
    assert full.raw("GET", f"{ML}/models/x?perform_permission_check").body == {
        "accessAllowed": True,
        "missingPrivileges": [],
    }
    assert full.raw("GET", f"{ML}/models/x?perform_permission_check=maybe").status == 400
    assert reader.raw("POST", f"{ML}/models/x/_predict?perform_permission_check=true", b"{}", headers).status == 404


def test_with_security_off_the_permission_check_is_an_unknown_parameter(tmp_path: Path) -> None:
    with gateway(tmp_path / "data") as open_server:
        answer = Client(open_server.url)("GET", "/?perform_permission_check=true")
        assert answer.status == 400
        assert "unrecognized parameter" in answer.text


def test_users_in_the_store_turn_authentication_on_and_a_setting_turns_it_off(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    with gateway(data, "--auth", "off") as server:
        assert Client(server.url)("GET", "/").status == 200
    with gateway(data, "--workers", "2") as server:
        assert Client(server.url)("GET", "/").status == 401
        assert Client(server.url, login("admin"))("GET", "/").status == 200
