"""A provider in a thread of the test process: answers what a function makes of each request, over http or TLS."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Answer = Callable[["Seen"], Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came; `port` is the caller's, one for each connection."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    port: int
    certificate: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Provider:
    """`seen` collects the requests. An answer is a JSON value, or a status and one."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
                length = int(self.headers["Content-Length"])
                request = Seen(
                    self.command,
                    self.path,
                    dict(self.headers.items()),
                    self.rfile.read(length),
                    self.client_address[1],
                    dict(peer or {}),
                )
                seen.append(request)
                answered = answer(request)
                status, value = answered if isinstance(answered, tuple) else (200, answered)
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that was refused by its certificate

            def get_request(self) -> tuple[Any, Any]:
                connection, address = super().get_request()
                if context is not None:
                    # The handshake is the handler thread's, so that a bad one does not stop the server.
                    connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                return connection, address

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_port)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def embeddings(request: Seen) -> Any:
    """An OpenAI embeddings reply: document n becomes [n, length of its text]."""
    data = [{"index": n, "embedding": [float(n), len(text)]} for n, text in enumerate(request.json["input"])]
    return {"object": "list", "data": data}


def blueprint(url: str, **changes: Any) -> dict[str, Any]:
    """An embedding connector for `url`, with a key in its Authorization header."""
    action = {
        "action_type": "predict",
        "method": "POST",
        "url": f"{url}/v1/embeddings",
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": '{"model":"${parameters.model}","input":${parameters.input}}',
        "pre_process_function": "connector.pre_process.openai.embedding",
        "post_process_function": "connector.post_process.openai.embedding",
        **changes.pop("action", {}),
    }
    body = {"name": "embedder", "version": 1, "protocol": "http", "parameters": {"model": "m"}, "actions": [action]}
    return body | changes
