"""A provider that refuses, hangs, drops, truncates or talks nonsense gives a clear error with its status, never a hang."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Client
from process import gateway
from sockets import silent_port


def _model(client: Client, url: str, name: str, **changes: object) -> str:
    return client.model(client.connector(url, **changes), name)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 429, 500, 503, 529])
def test_the_providers_status_and_body_are_handed_on(client: Client, simulator: str, status: int) -> None:
    answer = client.predict(_model(client, f"{simulator}/status/{status}", f"status {status}"))
    assert answer.status == status
    assert answer.body["error"]["type"] == "status_exception"
    assert answer.body["error"]["reason"].startswith("Error from remote service: {")
    assert answer.body["status"] == status


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/drop", 500, "Error communicating with remote model"),
        ("/truncate", 502, ""),
        ("/empty", 502, "Remote service returned empty response body"),
        ("/redirect?to=http%3A%2F%2F127.0.0.1%2F", 302, ""),
    ],
)
def test_a_broken_reply_is_an_error(client: Client, simulator: str, path: str, status: int, reason: str) -> None:
    answer = client.predict(_model(client, simulator + path, f"broken {path[:6]}"))
    assert answer.status == status, answer
    assert answer.body["error"]["reason"].startswith(reason)
    assert "location" not in answer.headers


def test_a_refused_connection_is_an_error(client: Client) -> None:
    with silent_port() as port:
        answer = client.predict(_model(client, f"http://127.0.0.1:{port}/x", "refused"))
    assert answer.status == 500
    assert "Error communicating with remote model" in answer.body["error"]["reason"]


def test_a_backoff_ends_with_the_time_for_retries(client: Client, simulator: str) -> None:
    days = {"max_retry_times": 1, "retry_backoff_millis": 2**31 - 1, "retry_timeout_seconds": 1}
    answer = client.predict(_model(client, f"{simulator}/status/503", "long backoff", client_config=days))
    assert answer.status == 503
    assert len(answer.body["error"]["suppressed"]) == 1


def test_a_provider_that_never_answers_ends_at_the_read_timeout(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        model = _model(client, f"http://127.0.0.1:{port}/x", "silent", client_config={"read_timeout": 1})
        answer = client.predict(model)
    assert answer.status == 500
    assert "Error communicating with remote model" in answer.body["error"]["reason"]


def test_text_that_is_no_json_is_wrapped(client: Client, simulator: str) -> None:
    answer = client.predict(_model(client, f"{simulator}/raw?b64=c29ycnksIGJ1c3k=&type=text/plain", "plain text"))
    assert answer.status == 200
    assert answer.body["inference_results"][0]["output"][0]["dataAsMap"] == {"response": "sorry, busy"}


def test_a_multi_byte_reply_in_one_byte_chunks_arrives_whole(client: Client, simulator: str) -> None:
    answer = client.predict(_model(client, f"{simulator}/chunked?b64=eyJhIjoi8J%2BYgMOpIn0=&size=1", "chunked"))
    assert answer.body["inference_results"][0]["output"][0]["dataAsMap"] == {"a": "😀é"}


@pytest.fixture
def hostile() -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers every request with the bytes in the list, and its address."""
    answer: list[bytes] = [b""]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(ConnectionError):  # a client may have heard enough
                    connection.recv(65536)
                    connection.sendall(answer[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x", answer
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 999 Odd\r\n", 502),
        (b"HTTP/1.1 304 Not Modified\r\n", (500, 502)),
        (b"HTTP/1.1 429 Slow down\r\nRetry-After: a\x01b\r\n", (429, 500)),
        (b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nX-Request-Id: r-1\r\n", 429),
    ],
)
def test_an_odd_status_or_header_still_gets_an_answer(
    client: Client, hostile: tuple[str, list[bytes]], head: bytes, status: int | tuple[int, ...]
) -> None:
    url, answer = hostile
    answer[0] = head + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    reply = client.predict(_model(client, url, f"odd {head[9:12].decode()}"))
    assert reply.status in (status if isinstance(status, tuple) else (status,))
    if b"Retry-After: 7" in head:
        assert reply.headers["retry-after"] == "7"
        assert reply.headers["x-upstream-request-id"] == "r-1"


def _chunks(body: bytes) -> bytes:
    """The body in chunks of one byte each."""
    return b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"


def test_a_mebibyte_of_four_byte_characters_in_one_byte_chunks_arrives_whole(
    client: Client, hostile: tuple[str, list[bytes]]
) -> None:
    url, answer = hostile
    text = "😀" * (2**20 // 4)
    answer[0] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + _chunks(f'{{"a":"{text}"}}'.encode())
    reply = client.predict(_model(client, url, "one-byte chunks"))
    assert reply.body["inference_results"][0]["output"][0]["dataAsMap"] == {"a": text}


def test_a_reply_cut_at_nine_tenths_is_a_502(client: Client, hostile: tuple[str, list[bytes]]) -> None:
    url, answer = hostile
    body = b'{"a":"' + b"x" * 9992 + b'"}'
    answer[0] = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + body[:9000]
    assert client.predict(_model(client, url, "cut")).status == 502


def test_a_reply_beyond_the_size_limit_is_refused_and_not_held(
    tmp_path: Path, hostile: tuple[str, list[bytes]]
) -> None:
    url, answer = hostile
    body = b'{"a":"' + b"x" * 100_000_000 + b'"}'
    answer[0] = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with gateway(tmp_path / "data") as server:
        own = Client(server.url)
        own.trust_local()
        model = _model(own, url, "huge")
        own.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.max_json_size": 1_000_000}})
        before = _peak_kb(server.pid)
        reply = own.predict(model)
        assert reply.status in (400, 502)
        assert _peak_kb(server.pid) - before < 50_000


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
