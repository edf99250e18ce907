"""A small client for tests: JSON over one real connection a request, and the walk from blueprint to ready model."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ML = "/_plugins/_ml"
LOCAL = {
    "persistent": {
        "plugins.ml_commons.trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1:.*$"],
        "plugins.ml_commons.connector.private_ip_enabled": True,
    }
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body; `text` is the body as it came."""

    status: int
    body: Any
    text: str
    headers: dict[str, str]


def basic(login: str) -> dict[str, str]:
    """The header of `name:password`."""
    return {"Authorization": "Basic " + base64.b64encode(login.encode()).decode("ascii")}


class Client:
    """Speaks to one server; as `login` (`name:password`), if one is given, over TLS with `tls`. `always` are headers of
    every request."""

    def __init__(
        self,
        base: str,
        login: str = "",
        *,
        tls: ssl.SSLContext | None = None,
        always: dict[str, str] | None = None,
    ) -> None:
        self.base = base
        self._address = urlsplit(base)
        self._tls = tls
        self._always = {**(basic(login) if login else {}), **(always or {})}

    def raw(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        host, port = self._address.hostname or "", self._address.port
        connection = http.client.HTTPConnection(host, port, timeout=120)
        if self._address.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=120, context=self._tls)
        try:
            connection.request(method, path, body, {**self._always, **(headers or {})})
            reply = connection.getresponse()
            text = reply.read().decode()
            try:
                parsed = json.loads(text)
            except ValueError:
                parsed = None
            return Answer(reply.status, parsed, text, {k.lower(): v for k, v in reply.getheaders()})
        finally:
            connection.close()

    def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        if body is None:
            return self.raw(method, path)
        return self.raw(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self(method, path, body)
        assert answer.status == 200, (method, path, answer)
        return answer.body

    def trust_local(self) -> None:
        self.ok("PUT", "/_cluster/settings", LOCAL)

    def connector(self, url: str, **changes: Any) -> str:
        """A connector whose one action posts `{"v": <parameter v>}` to `url`."""
        action = {
            "action_type": "predict",
            "method": "POST",
            "url": url,
            "headers": {"Authorization": "Bearer ${credential.key}"},
            "request_body": '{"v":"${parameters.v:-none}"}',
            **changes.pop("action", {}),
        }
        body = {"name": "test", "version": 1, "protocol": "http", "credential": {"key": "secret"}, "actions": [action]}
        return str(self.ok("POST", f"{ML}/connectors/_create", body | changes)["connector_id"])

    def model(self, connector_id: str, name: str = "test model", **changes: Any) -> str:
        body = {"name": name, "function_name": "remote", "connector_id": connector_id, **changes}
        return str(self.ok("POST", f"{ML}/models/_register", body)["model_id"])

    def predict(self, model_id: str, **parameters: Any) -> Answer:
        return self("POST", f"{ML}/models/{model_id}/_predict", {"parameters": parameters})
