"""Over a socket: YAML, gzip, pretty and stack traces on control plane, predict and errors alike."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from urllib.parse import urlsplit

import pytest

from client import ML, Answer, Client

JSON = {"Content-Type": "application/json"}
MISSING = f"{ML}/connectors/no_such_connector"
PREDICT = f"{ML}/models/no_such_model/_predict"
UNKNOWN = f"{ML}/foo"
ROUTES = (
    ("GET", MISSING, 404),
    ("POST", PREDICT, 404),
    ("GET", UNKNOWN, 400),
    ("POST", MISSING, 405),
    ("GET", "/", 200),
)


@pytest.fixture(scope="module")
def model(client: Client, simulator: str) -> str:
    return client.model(client.connector(f"{simulator}/echo"), name="forms")


def raw(client: Client, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A reply as bytes."""
    address = urlsplit(client.base)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("method", "path", "status"), ROUTES)
def test_yaml_is_spoken_on_every_route_and_in_every_error(client: Client, method: str, path: str, status: int) -> None:
    by_format = client.raw(method, f"{path}?format=yaml")
    by_accept = client.raw(method, path, headers={"Accept": "application/yaml"})
    for answer in (by_format, by_accept):
        assert answer.status == status
        assert answer.headers["content-type"] == "application/yaml"
        assert answer.text.startswith("---\n")


def test_a_predict_is_answered_in_yaml(client: Client, model: str) -> None:
    path = f"{ML}/models/{model}/_predict"
    answer = client.raw("POST", f"{path}?format=yaml", b'{"parameters":{"v":"x"}}', JSON)
    assert answer.status == 200
    assert answer.text.startswith('---\ninference_results:\n- output:\n  - name: "response"\n    dataAsMap:\n')


@pytest.mark.parametrize(("method", "path"), [("GET", MISSING), ("POST", PREDICT)])
def test_binary_forms_are_a_406(client: Client, method: str, path: str) -> None:
    answer = client.raw(method, f"{path}?format=cbor")
    assert (answer.status, answer.body) == (
        406,
        {"error": "Replies in [cbor] are not supported; take json or yaml", "status": 406},
    )


@pytest.mark.parametrize(("method", "path", "status"), ROUTES)
def test_pretty_is_kept_everywhere(client: Client, method: str, path: str, status: int) -> None:
    answer = client.raw(method, f"{path}?pretty")
    assert (answer.status, answer.text[:4]) == (status, "{\n  ")


@pytest.mark.parametrize(("method", "path"), [("GET", MISSING), ("POST", PREDICT)])
def test_a_stack_trace_is_given_when_asked_and_shows_no_path(client: Client, method: str, path: str) -> None:
    assert "stack_trace" not in client.raw(method, path).text
    answer = client.raw(method, f"{path}?error_trace=true", b"{}" if method == "POST" else None, JSON)
    error = answer.body["error"]
    assert error["stack_trace"].startswith(f"StatusFault[{error['reason']}]\n\tat fairlead.service.")
    assert "/" not in error["stack_trace"]
    assert f"[{error['root_cause'][0]['reason']}]" in error["root_cause"][0]["stack_trace"]


@pytest.mark.parametrize("name", ["pretty", "human", "error_trace"])
def test_a_flag_that_is_none_is_refused_before_the_provider_is_asked(client: Client, model: str, name: str) -> None:
    answer = client.raw("POST", f"{ML}/models/{model}/_predict?{name}=maybe", b'{"parameters":{}}', JSON)
    assert answer.status == 400
    assert answer.body["error"]["reason"] == "Failed to parse value [maybe] as only [true] or [false] are allowed."


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_coded_bodies_are_read_on_every_route(client: Client, model: str, coding: str, pack: object) -> None:
    assert callable(pack)
    headers = {**JSON, "Content-Encoding": coding}
    created = client.raw("POST", f"{ML}/connectors/_create", pack(b'{"dry_run":true}'), headers)
    assert created.body == {"connector_id": "dryRunConnector"}
    answer = client.raw("POST", f"{ML}/models/{model}/_predict", pack(b'{"parameters":{"v":"packed"}}'), headers)
    assert answer.status == 200
    assert "packed" in answer.text


def refused(client: Client, path: str, body: bytes, coding: str) -> Answer:
    return client.raw("POST", path, body, {**JSON, "Content-Encoding": coding})


@pytest.mark.parametrize("path", [f"{ML}/connectors/_create", PREDICT])
def test_bombs_broken_and_unknown_codings_are_refused(client: Client, path: str) -> None:
    bomb = refused(client, path, gzip.compress(bytes(8 << 20)), "gzip")
    assert (bomb.status, bomb.body["error"]["reason"]) == (
        400,
        "The request body expands to more than 200 times its size",
    )
    assert refused(client, path, b"{}", "gzip").status == 400
    unknown = refused(client, path, b"{}", "br")
    assert (unknown.status, unknown.body["error"]) == (415, "Content-Encoding [br] is not supported")
    assert unknown.headers["accept-encoding"] == "gzip, deflate"


def test_large_replies_are_compressed_for_who_takes_it(client: Client, model: str) -> None:
    text = "word " * 600
    body = json.dumps({"parameters": {"v": text}}).encode()
    predict = ("POST", f"{ML}/models/{model}/_predict", body)
    settings = ("GET", "/_cluster/settings?include_defaults", b"")
    for method, path, sent in (predict, settings):
        status, headers, packed = raw(
            client, method, path, sent, Accept_Encoding="gzip", Content_Type="application/json"
        )
        assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "Accept-Encoding")
        _, plain_headers, plain = raw(client, method, path, sent, Content_Type="application/json")
        assert "content-encoding" not in plain_headers
        assert len(packed) < len(plain) / 2
        assert gzip.decompress(packed)[:20] == plain[:20]


def test_small_replies_are_never_compressed(client: Client) -> None:
    _, headers, body = raw(client, "GET", "/", Accept_Encoding="gzip")
    assert "content-encoding" not in headers
    assert json.loads(body)["version"]["distribution"] == "opensearch"
