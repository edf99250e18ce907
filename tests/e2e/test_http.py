"""Bytes as they come from a socket: what is no clear HTTP is refused, what only looks odd is answered."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client import Client

CASES = json.loads((Path(__file__).parent / "cases" / "http.json").read_text("utf-8"))
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n\r\n"
POST = b"POST /_plugins/_ml/connectors/_create HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = b'{"dry_run":true}'


def say(client: Client, request: bytes) -> bytes:
    """Everything that comes until the server closes."""
    address = urlsplit(client.base)
    received = b""
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += part
    return received


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answer)]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_request_is_answered_as_listed_and_the_connection_ends(client: Client, case: dict[str, object]) -> None:
    answer = say(client, str(case["request"]).encode("latin-1"))
    assert statuses(answer) == case["statuses"]
    if case["statuses"] == [400]:
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 400


def test_more_than_200_headers_are_a_431(client: Client) -> None:
    assert statuses(say(client, GET + b"A: b\r\n" * 198 + CLOSE)) == [200]
    assert statuses(say(client, GET + b"A: b\r\n" * 200 + CLOSE)) == [431]


def test_a_target_over_16_kb_is_a_414(client: Client) -> None:
    assert statuses(say(client, GET.replace(b"/ ", b"/?pretty=" + b"a" * 17_000 + b" ", 1) + CLOSE)) == [414]


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(client: Client) -> None:
    answer = say(client, POST + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(answer) == [413]
    assert b"connection: close" in answer.lower()


def test_a_body_of_more_than_2_mib_is_read_for_predicts_only(client: Client) -> None:
    text = json.dumps({"parameters": {"v": "x" * 2 * 1024 * 1024}}).encode()
    kind = {"Content-Type": "application/json"}
    assert client.raw("POST", "/_plugins/_ml/models/absent/_predict", text, kind).status == 404
    refused = client.raw("POST", "/_plugins/_ml/models/_search", text, kind)
    assert refused.status == 413
    assert "larger than 2097152 bytes" in refused.body["error"]["reason"]


def test_the_rest_of_a_refused_body_is_dropped_and_the_connection_goes_on(client: Client) -> None:
    size = 33 * 1024 * 1024
    head = POST + b"Content-Length: %d\r\n\r\n" % size
    # Past what is dropped the connection ends; the answer stands before.
    assert statuses(say(client, head + bytes(size) + GET + CLOSE)) == [413]
    unknown = b"POST /foo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    assert statuses(say(client, unknown + bytes(100_000) + GET + CLOSE)) == [400, 200]


def test_a_wish_for_h2c_does_not_cost_the_body_nor_the_requests_after_it(client: Client) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    size = len(BODY) + 100_000
    large = POST + upgrade + b"Content-Length: %d\r\n\r\n" % size + BODY + b" " * 100_000
    small = POST + upgrade + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    answer = say(client, small + large + GET + CLOSE)
    assert statuses(answer) == [200, 200, 200]
    assert answer.count(b"dryRunConnector") == 2
