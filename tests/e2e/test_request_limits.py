"""Requests that are too large or too slow are refused with a status of their own; nothing hangs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client import ML, Client
from process import gateway
from sockets import said


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {"FAIRLEAD_BODY_TIMEOUT": "0.4", "FAIRLEAD_MAX_BODY_BYTES": "2000"}
    with gateway(tmp_path_factory.mktemp("limits") / "data", environment=environment) as server:
        yield server.url


POST = b"POST /_plugins/_ml/connectors/_create HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def test_a_body_that_does_not_come_is_a_408(base: str) -> None:
    answer = said(base, [POST + b'Content-Length: 100\r\n\r\n{"name":'])
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"did not arrive within 0.4 seconds" in answer


def test_a_head_that_never_ends_is_a_431(base: str) -> None:
    answer = said(base, [POST, *([b"X-Filler: " + b"a" * 1000 + b"\r\n"] * 80)])
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("path", [f"{ML}/connectors/_create", f"{ML}/models/abc/_predict"])
def test_a_body_beyond_the_limit_is_a_413(base: str, path: str) -> None:
    answer = Client(base)("POST", path, {"name": "x" * 3000})
    assert answer.status == 413
    assert "larger than 2000 bytes" in answer.body["error"]["reason"]


def test_a_chunked_body_beyond_the_limit_is_a_413(base: str) -> None:
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    answer = said(
        base, [POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk, b"0\r\n\r\n"]
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_what_is_no_http_is_a_400_and_the_server_goes_on(base: str) -> None:
    assert b"400" in said(base, [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no http\r\n\r\n"]).split(b"\r\n")[0]
    assert Client(base)("GET", "/").status == 200


def test_requests_one_after_the_other_on_one_connection_are_answered_in_order(base: str) -> None:
    get = b"GET /_plugins/_ml/models/%d HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"
    answer = said(base, [get % (1, b"") + get % (2, b"") + get % (3, b"Connection: close\r\n")])
    assert answer.count(b"HTTP/1.1 404") == 3
