"""A caller that goes away takes its upstream call along, and nothing else; callers beyond what a pool takes are told to wait."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from urllib.parse import urlsplit

import pytest

from client import LOCAL, ML, Client
from process import gateway
from sockets import PATIENCE, accepted, asking, listening

REPLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


SERVERS = {
    "owned": {"FAIRLEAD_TRANSPORT": "owned"},
    "aiohttp": {"FAIRLEAD_TRANSPORT": "aiohttp"},
    "without the fast lane": {"FAIRLEAD_FAST_LANE": "0"},
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    data = tmp_path_factory.mktemp("data")
    with gateway(data, environment={"FAIRLEAD_POOL_QUEUE": "1", **SERVERS[request.param]}) as process:
        client = Client(process.url)
        client.ok("PUT", "/_cluster/settings", LOCAL)
        yield client


def test_a_caller_that_leaves_closes_its_upstream_call(server: Client) -> None:
    with listening() as (provider, url):
        model = server.model(server.connector(url), f"leaving {url}")
        caller = asking(server.base, model)
        with accepted(provider) as upstream:
            caller.close()
            assert upstream.recv(1) == b""


def test_a_caller_that_leaves_while_its_model_is_deployed_leaves_no_open_task(server: Client) -> None:
    with listening() as (provider, url):
        model = server.model(server.connector(url), f"deploying {url}")
        caller = asking(server.base, model)
        with accepted(provider) as upstream:
            caller.close()
            assert upstream.recv(1) == b""
    found = server.ok("POST", f"{ML}/tasks/_search", {"query": {"match_all": {}}, "size": 1000})
    assert {hit["_source"]["state"] for hit in found["hits"]["hits"]} == {"COMPLETED"}


def test_one_callers_leaving_does_not_touch_anothers_call(server: Client) -> None:
    with listening() as (provider, url), ThreadPoolExecutor(1) as pool:
        model = server.model(server.connector(url), f"staying {url}")
        leaving = asking(server.base, model)
        first = accepted(provider)
        staying = pool.submit(server.predict, model)
        with first, accepted(provider) as second:
            leaving.close()
            assert first.recv(1) == b""
            second.sendall(REPLY)
            assert staying.result(PATIENCE).status == 200


def test_a_connection_that_was_left_in_the_middle_of_a_body_is_forgotten(server: Client) -> None:
    with listening() as (_, url):
        model = server.model(server.connector(url), f"half {url}")
        address = urlsplit(server.base)
        with socket.create_connection((address.hostname, address.port), PATIENCE) as caller:
            head = f"POST {ML}/models/{model}/_predict HTTP/1.1\r\nHost: {address.netloc}\r\n"
            caller.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{".encode())
        assert server("GET", "/").status == 200


def test_callers_beyond_pool_and_queue_are_told_to_come_again(server: Client) -> None:
    with listening() as (provider, url), ThreadPoolExecutor(4) as pool:
        connector = server.connector(url, client_config={"max_connection": 1})
        model = server.model(connector, f"full {url}")
        running = [pool.submit(server.predict, model)]
        with accepted(provider) as upstream:
            running += [pool.submit(server.predict, model) for _ in range(3)]
            refused = [call.result() for _, call in zip(range(2), as_completed(running, PATIENCE), strict=False)]
            assert {answer.status for answer in refused} == {429}
            assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
            upstream.sendall(REPLY)
            with _next(provider, upstream) as other:
                other.sendall(REPLY)
                assert sorted(call.result(PATIENCE).status for call in running) == [200, 200, 429, 429]


def _next(provider: socket.socket, upstream: socket.socket) -> socket.socket:
    """Where the caller that waited now asks: the connection kept alive."""
    assert upstream.recv(65536)
    return upstream.dup()
