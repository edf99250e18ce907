"""Streams whose caller does not read: memory stays flat, the provider is stopped, and in the end the caller is let go."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from client import Client
from process import gateway
from sockets import accepted, listening
from streams import LAST_CHUNK, SSE_HEAD, Caller, chunk, openai

OPENAI: dict[str, Any] = {"_llm_interface": "openai/v1/chat/completions"}
EVENT = chunk(openai("x" * 4000))
OFFERED = 64 << 20
KEPT = 8 << 20
"""More than a stream keeps (256 kB of its provider, 64 kB of its caller), and far less than was offered."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with gateway(tmp_path_factory.mktemp("data")) as process:
        client = Client(process.url)
        client.trust_local()
        client.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.stream_enabled": True}})
        yield client
        assert "Traceback" not in process.errors


def metric(client: Client, name: str) -> int:
    found = re.search(rf"^{name}(?:{{.*}})? (\S+)$", client("GET", "/_fairlead/metrics").text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def offer(upstream: socket.socket) -> int:
    """Bytes that were taken until nobody took any more for half a second."""
    sent = 0
    upstream.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while sent < OFFERED:
            sent += upstream.send(EVENT)
    return sent


def test_memory_stays_flat_and_the_provider_is_stopped(server: Client) -> None:
    with listening() as (listener, url):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        model = server.model(server.connector(url), "unread")
        with Caller(server.base, model, buffer=65536, **OPENAI), accepted(listener) as upstream:
            upstream.sendall(SSE_HEAD)
            before = metric(server, "fairlead_worker_resident_bytes")
            sent = offer(upstream)
            assert sent < OFFERED
            assert metric(server, "fairlead_worker_resident_bytes") - before < KEPT
            assert metric(server, "fairlead_streams_open") == 1


def test_a_caller_that_never_reads_is_let_go_and_its_provider_is_closed(server: Client) -> None:
    server.ok("PUT", "/_cluster/settings", {"persistent": {"fairlead.stream.total_seconds": 1}})
    try:
        with listening() as (listener, url):
            model = server.model(server.connector(url), "never read")
            with Caller(server.base, model, buffer=65536, **OPENAI), accepted(listener) as upstream:
                upstream.sendall(SSE_HEAD)
                with contextlib.suppress(ConnectionError):  # sending may be what meets the end
                    offer(upstream)
                upstream.settimeout(60)
                with contextlib.suppress(ConnectionResetError):
                    assert upstream.recv(1) == b""
                ends = time.monotonic() + 60
                while metric(server, "fairlead_streams_open"):  # the caller is still there, and has not read
                    assert time.monotonic() < ends, "it is waited for without end"
                    time.sleep(0.1)
    finally:
        server.ok("PUT", "/_cluster/settings", {"persistent": {"fairlead.stream.total_seconds": 600}})


def test_a_caller_of_http_1_0_gets_the_events_without_chunks(server: Client) -> None:
    with listening() as (listener, url):
        model = server.model(server.connector(url), "old")
        address = urlsplit(server.base)
        body = b'{"parameters":{"_llm_interface":"openai/v1/chat/completions"}}'
        with socket.create_connection((str(address.hostname), int(address.port or 0)), 10) as caller:
            path = f"/_plugins/_ml/models/{model}/_predict/stream"
            head = f"POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            caller.sendall(head.encode() + body)
            with accepted(listener) as upstream:
                upstream.sendall(SSE_HEAD)
                for text in ("one", "two", "three", "four"):
                    upstream.sendall(chunk(openai(text)))
                upstream.sendall(chunk(b"data: [DONE]\n\n") + LAST_CHUNK)
                with caller.makefile("rb") as answer:
                    whole = answer.read()
    assert re.findall(rb'"content":"(\w*)"', whole) == [b"one", b"two", b"three", b"four", b""]
