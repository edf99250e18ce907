"""Whatever a provider does to its connection, the caller gets an error in the usual form, the connection is closed, and the
next call is served; with either transport."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import Client
from process import gateway

CASES = json.loads((Path(__file__).parent / "cases" / "upstream_faults.json").read_text("utf-8"))
PATIENCE = 30.0
_GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{"a":1}'


class Provider:
    """Plays one case on its first connection and answers well on all others. `released`: the gateway let go of the first."""

    def __init__(self, case: dict[str, Any]) -> None:
        self._case = case
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/x"
        self.released = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()

    def _serve(self) -> None:
        first = True
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            with connection, contextlib.suppress(ConnectionError):
                connection.recv(65536)
                if first:
                    first = False
                    self._play(connection)
                else:
                    connection.sendall(_GOOD)

    def _play(self, connection: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            for piece in self._case["send"] * self._case.get("times", 1):
                connection.sendall(piece.encode("latin-1"))
        match self._case["then"]:
            case "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.released.set()
                return
            case "close":
                self.released.set()
                return
            case "half":
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while connection.recv(65536):
                pass
        self.released.set()


@pytest.fixture(scope="module", params=["owned", "aiohttp"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    environment = {"FAIRLEAD_TRANSPORT": request.param}
    with gateway(tmp_path_factory.mktemp("gateway") / "data", environment=environment) as server:
        made = Client(server.url)
        made.trust_local()
        yield made
        assert server.running(), server.errors
        assert "Traceback" not in server.errors, server.errors


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_provider_that_misbehaves_is_an_error_of_its_own_call_only(client: Client, case: dict[str, Any]) -> None:
    with Provider(case) as provider:
        # Only what is silent shall end by the clock: any other case, and the call after it, has more time than it needs.
        silent = case.get("reason") == "Read timed out" or "times" in case
        config = {"read_timeout": 1 if silent else 20, "max_connection": 1}
        model = client.model(client.connector(provider.url, client_config=config), f"{case['name']} {provider.url}")
        answer = client.predict(model)
        wanted = case["status"] if isinstance(case["status"], list) else [case["status"]]
        assert answer.status in wanted, answer
        assert answer.body["status"] == answer.status
        reason = answer.body["error"]["reason"]
        assert reason.startswith(f"Error communicating with remote model: {case.get('reason', '')}"), reason
        assert "secret" not in answer.text
        assert provider.released.wait(PATIENCE)
        assert client.predict(model).status == 200
