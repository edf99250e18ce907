"""Connections of one source: how many it may hold, who is not counted, and that a place is free again when one ends."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from fairlead.api.sources import Sources
from fairlead.security.forwarded import Proxies
from process import Server, gateway

MOST = 4
_ASK = b"GET /_fairlead/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module", params=["no", "yes"], ids=["uvicorn", "lane"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {
        "FAIRLEAD_FAST_LANE": request.param,
        "FAIRLEAD_CONNECTIONS_PER_SOURCE": str(MOST),
        "FAIRLEAD_TRUSTED_PROXIES": "127.0.0.9",
    }
    with gateway(tmp_path_factory.mktemp("sources") / "data", environment=environment) as running:
        yield running


class Caller:
    """One kept connection from an address of this machine."""

    def __init__(self, server: Server, source: str) -> None:
        address = urlsplit(server.url)
        self.socket = socket.create_connection((address.hostname or "", address.port or 0), 20, (source, 0))

    def status(self) -> bytes:
        """Of the answer; empty where the connection was closed without one that could be read."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(_ASK)
            return self.socket.recv(65536)[9:12]
        return b""


def test_a_source_holds_so_many_and_another_source_is_served_meanwhile(server: Server) -> None:
    with contextlib.ExitStack() as stack:

        def caller(source: str) -> Caller:
            made = Caller(server, source)
            stack.callback(made.socket.close)
            return made

        held = [caller("127.0.0.2") for _ in range(MOST)]
        assert [each.status() for each in held] == [b"200"] * MOST
        refused = caller("127.0.0.2")
        # Nothing is sent, so that what the server says is not lost with a reset.
        assert refused.socket.recv(65536).startswith(b"HTTP/1.1 429 ")
        assert refused.socket.recv(65536) == b""
        assert caller("127.0.0.3").status() == b"200"
        assert [caller("127.0.0.9").status() for _ in range(3 * MOST)] == [b"200"] * 3 * MOST
        assert [each.status() for each in held] == [b"200"] * MOST
        held[0].socket.close()
        # The server learns of it in its own time: until then the newcomer is refused, never another.
        assert any(caller("127.0.0.2").status() == b"200" for _ in range(500))
    ends = time.monotonic() + 20
    while not (told := server.errors.count("127.0.0.2 holds 4 connections")) and time.monotonic() < ends:
        time.sleep(0.01)  # a thread reads what the server says
    assert told == 1
    assert "Traceback" not in server.errors


def test_a_network_of_ipv6_is_one_source_and_what_is_not_an_address_is_none() -> None:
    sources = Sources(2, Proxies(["10.0.0.0/8"]))
    entered = [sources.enter(f"2001:db8::{number}") for number in range(3)]
    assert entered == ["2001:db8::/64", "2001:db8::/64", None]
    assert sources.enter("2001:db8:0:1::1") == "2001:db8:0:1::/64"
    assert [sources.enter("10.1.2.3") for _ in range(5)] == [""] * 5
    assert [sources.enter("") for _ in range(5)] == [""] * 5
    sources.leave("2001:db8::/64")
    assert sources.enter("2001:db8::9") == "2001:db8::/64"


def test_sources_that_left_are_forgotten() -> None:
    sources = Sources(1, Proxies([]))
    for number in range(100):
        address = f"192.0.2.{number}"
        entered = sources.enter(address)
        assert sources.enter(address) is None
        assert entered is not None
        sources.leave(entered)
    assert (len(sources._open), len(sources._told)) == (0, 0)
