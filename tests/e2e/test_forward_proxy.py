"""Calls to providers go through the operator's proxy, but for the hosts that are called directly."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from client import Client
from process import gateway


class Forwarding(ThreadingHTTPServer):
    """A proxy for plain http that keeps what it was asked: target and credentials."""

    asked: list[tuple[str, str | None]]


class _Handler(BaseHTTPRequestHandler):
    server: Forwarding

    def do_POST(self) -> None:
        self.server.asked.append((self.path, self.headers["Proxy-Authorization"]))
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        provider = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
        with contextlib.closing(provider):
            provider.request("POST", target.path, body, {"Content-Type": "application/json"})
            reply = provider.getresponse()
            text = reply.read()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing on the console."""


@contextlib.contextmanager
def forwarding() -> Iterator[Forwarding]:
    with Forwarding(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)


def test_a_predict_goes_through_the_proxy_with_its_credentials(tmp_path: Path, simulator: str) -> None:
    with forwarding() as proxy:
        environment = {
            "FAIRLEAD_UPSTREAM_PROXY": f"http://127.0.0.1:{proxy.server_port}",
            "FAIRLEAD_UPSTREAM_PROXY_CREDENTIALS": "jane:planted-secret",
        }
        with gateway(tmp_path / "data", "--log-level", "debug", environment=environment) as server:
            client = Client(server.url)
            client.trust_local()
            model = client.model(client.connector(f"{simulator}/echo"))
            assert client.predict(model).status == 200
        assert proxy.asked == [(f"{simulator}/echo", "Basic amFuZTpwbGFudGVkLXNlY3JldA==")]
        assert "planted-secret" not in server.output + server.errors


def test_hosts_in_the_list_are_called_directly(tmp_path: Path, simulator: str) -> None:
    with forwarding() as proxy:
        environment = {
            "FAIRLEAD_UPSTREAM_PROXY": f"http://127.0.0.1:{proxy.server_port}",
            "FAIRLEAD_UPSTREAM_NO_PROXY": "127.0.0.0/8",
        }
        with gateway(tmp_path / "data", environment=environment) as server:
            client = Client(server.url)
            client.trust_local()
            model = client.model(client.connector(f"{simulator}/echo"))
            assert client.predict(model).status == 200
        assert proxy.asked == []


def test_a_proxy_that_is_away_is_told_with_its_stage(tmp_path: Path, simulator: str) -> None:
    with forwarding() as proxy:
        port = proxy.server_port
    with gateway(tmp_path / "data", environment={"FAIRLEAD_UPSTREAM_PROXY": f"http://127.0.0.1:{port}"}) as server:
        client = Client(server.url)
        client.trust_local()
        model = client.model(client.connector(f"{simulator}/echo"))
        answer = client.predict(model)
        assert answer.status >= 500
        assert "proxy" in answer.text.lower()
