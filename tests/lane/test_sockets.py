"""The lane on real sockets: TLS, a Unix socket, callers that read late, a stop in the middle of a predict."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client import LOCAL, ML, Client
from process import gateway
from sockets import PATIENCE, accepted, asking, listening, said
from transport.certificates import Authority

LANE = {"FAIRLEAD_FAST_LANE": "1"}
SMALL = {**LANE, "FAIRLEAD_MAX_BODY_BYTES": "2000", "FAIRLEAD_BODY_TIMEOUT": "0.4"}
HEAD = f"POST {ML}/models/nobody/_predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n".encode()
LAST = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
JSON = {"Content-Type": "application/json"}


def until_refused(base: str) -> None:
    """Until nobody listens there any more."""
    address = urlsplit(base)
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
        while time.monotonic() < deadline:
            socket.create_connection((address.hostname, address.port), PATIENCE).close()
        raise AssertionError(f"{base} still listens")


def test_a_kept_tls_connection_carries_predicts_and_everything_else(tmp_path: Path) -> None:
    authority = Authority("lane")
    pair = authority.issue("127.0.0.1")
    (tmp_path / "cert.pem").write_text(pair.cert)
    (tmp_path / "key.pem").write_text(pair.key)
    files = {"FAIRLEAD_TLS_CERTIFICATE": str(tmp_path / "cert.pem"), "FAIRLEAD_TLS_KEY": str(tmp_path / "key.pem")}
    context = ssl.create_default_context(cadata=authority.pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with gateway(tmp_path / "data", environment={**LANE, **files}) as server, listening() as (provider, url):
        client = Client(server.url, tls=context)
        client.ok("PUT", "/_cluster/settings", LOCAL)
        model = client.model(client.connector(url))
        address = urlsplit(server.url)
        kept = http.client.HTTPSConnection(address.hostname or "", address.port, context=context, timeout=PATIENCE)
        upstream: socket.socket | None = None
        for text in ["first", "second", "x" * 300_000]:
            kept.request("POST", f"{ML}/models/{model}/_predict", b'{"parameters":{"v":"1"}}', JSON)
            if upstream is None:
                upstream = accepted(provider)
            else:
                assert upstream.recv(65536)
            reply = json.dumps({"text": text}).encode()
            upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply))
            answer = json.loads(kept.getresponse().read())
            assert answer["inference_results"][0]["output"][0]["dataAsMap"] == {"text": text}
            kept.request("GET", f"{ML}/models/{model}")
            assert json.loads(kept.getresponse().read())["name"] == "test model"
        kept.close()
        assert upstream is not None
        upstream.close()


def test_a_unix_socket_has_the_lane_too(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with gateway(tmp_path / "data", "--socket", str(path), environment=LANE), socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PATIENCE)
        caller.connect(str(path))
        ask = HEAD + b"%sContent-Length: 2\r\n\r\n{}"
        caller.sendall(ask % b"" + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + ask % b"Connection: close\r\n")
        received = b""
        while part := caller.recv(65536):
            received += part
    assert re.findall(rb"HTTP/1\.1 (\d{3})", received) == [b"404", b"200", b"404"]


def test_a_stop_lets_a_predict_end_and_closes_its_connection(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", environment=LANE) as server, listening() as (provider, url):
        client = Client(server.url)
        client.trust_local()
        with asking(server.url, client.model(client.connector(url))) as caller, accepted(provider) as upstream:
            os.kill(server.pid, signal.SIGTERM)
            until_refused(server.url)
            upstream.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}')
            received = b""
            while part := caller.recv(65536):
                received += part
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nconnection: close\r\n" in received
        assert b'{"ok":true}' in received
        assert server.stop() == 0
        assert "Traceback" not in server.errors


def test_a_caller_that_reads_late_gets_all_of_a_large_answer(tmp_path: Path) -> None:
    size = 6_000_000
    with gateway(tmp_path / "data", environment=LANE) as server, listening() as (provider, url):
        client = Client(server.url)
        client.trust_local()
        model = client.model(client.connector(url))
        body = b'{"text":"%s"}' % (b"y" * size)
        with asking(server.url, model) as caller:
            caller.sendall(LAST)
            with accepted(provider) as upstream:
                upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            # Others are served while this one does not read.
            assert client("GET", "/").status == 200
            received = bytearray()
            while part := caller.recv(1 << 20):
                received += part
        assert received.count(b"y" * size) == 1
        assert received.count(b"HTTP/1.1 404 ") == 1


LIMITS = [
    (HEAD + b"Content-Length: 3000\r\n\r\n" + bytes(3000) + LAST, [413, 404]),
    (HEAD + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", [413]),
    (
        HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"400\r\n" + bytes(1024) + b"\r\n") * 3,
        [413],
    ),
    (HEAD + b'Content-Length: 100\r\n\r\n{"parameters":', [408]),
    (HEAD.replace(b" HTTP", b"?pretty=" + b"a" * 17_000 + b" HTTP") + b"\r\n", [414]),
    (HEAD + b"A: b\r\n" * 200 + b"\r\n", [431]),
    (HEAD + b"A: " + b"b" * 70_000 + b"\r\n\r\n", [431]),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gateway(tmp_path_factory.mktemp("small") / "data", environment=SMALL) as server:
        yield server.url


@pytest.mark.parametrize(("request_bytes", "statuses"), LIMITS, ids=[str(statuses) for _, statuses in LIMITS])
def test_a_limit_has_the_status_that_it_has_elsewhere(small: str, request_bytes: bytes, statuses: list[int]) -> None:
    answer = said(small, [request_bytes])
    assert [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)] == statuses
