"""A real server with identity sources beyond passwords: tokens of an issuer, proxies, certificates, limits on failures."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from identities import login, settle
from process import Server, gateway
from tokens import Signer
from transport.certificates import Authority

pytest.importorskip("yaml")
pytest.importorskip("joserfc")

CONFIG = """
_meta: {{type: config, config_version: 2}}
config:
  dynamic:
    auth_failure_listeners:
      names: {{type: username, allowed_tries: 3}}
      sources: {{type: ip, allowed_tries: 5}}
    authc:
      passwords: {{http_authenticator: {{type: basic, challenge: true}}, authentication_backend: {{type: internal}}}}
      tokens:
        http_authenticator:
          type: jwt
          config:
            jwks_uri: {keys}
            required_issuer: https://idp.example
            required_audience: fairlead
            algorithms: [RS256]
            roles_key: roles
      proxy:
        http_authenticator: {{type: extended-proxy, config: {{attr_header_prefix: x-proxy-ext-}}}}
"""
SIGNER = Signer("k1")


class Issuer:
    """Serves a key set on 127.0.0.1."""

    def __init__(self) -> None:
        issuer = self
        self.keys: list[dict[str, Any]] = [SIGNER.jwk()]
        self.asked = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/keys"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    playing = Issuer()
    yield playing
    playing.close()


def serving(folder: Path, issuer: Issuer, **settings: str) -> Server:
    data = settle(folder / "data")
    security = folder / "security"
    security.mkdir(exist_ok=True)
    (security / "config.yml").write_text(CONFIG.format(keys=issuer.url))
    environment = {
        "FAIRLEAD_IDP_NETWORKS": "127.0.0.0/8",
        "FAIRLEAD_TRUSTED_PROXIES": "127.0.0.2",
        **{f"FAIRLEAD_{name.upper()}": value for name, value in settings.items()},
    }
    return gateway(data, "--security", str(security), environment=environment)


def token(**claims: Any) -> dict[str, str]:
    body = {"iss": "https://idp.example", "aud": "fairlead", "sub": "ann", "exp": int(time.time()) + 600, **claims}
    return {"Authorization": "Bearer " + SIGNER.token(body)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("identity"), issuer) as running:
        yield running


def test_a_token_of_the_issuer_logs_in_with_the_roles_that_are_mapped(server: Server) -> None:
    admin = Client(server.url, always=token(roles=["admin"]))
    assert admin("GET", f"{ML}/stats").status == 200
    nobody = Client(server.url, always=token())
    answer = nobody("GET", f"{ML}/stats")
    assert answer.status == 403
    assert "User [name=ann" in answer.text


@pytest.mark.parametrize("claims", [{"exp": 1}, {"aud": "x"}, {"iss": "https://evil.example"}, {"sub": ""}])
def test_a_token_that_is_not_good_is_401_and_falls_through_to_nothing(server: Server, claims: dict[str, Any]) -> None:
    answer = Client(server.url, always=token(**claims))("GET", "/")
    assert (answer.status, answer.text) == (401, "Unauthorized")


def test_names_of_unknown_keys_make_no_flood(server: Server, issuer: Issuer) -> None:
    before = issuer.asked
    for number in range(30):
        forged = SIGNER.token({"iss": "https://idp.example"}, kid=f"unknown{number}")
        assert Client(server.url, always={"Authorization": f"Bearer {forged}"})("GET", "/").status == 401
    assert issuer.asked <= before + 1


def test_a_client_that_is_no_proxy_names_nobody(server: Server) -> None:
    headers = {"x-proxy-user": "admin", "x-proxy-roles": "admin", "x-forwarded-for": "127.0.0.2"}
    assert Client(server.url, always=headers)("GET", "/").status == 401


def test_the_listed_proxy_names_the_caller(tmp_path: Path, issuer: Issuer) -> None:
    with serving(tmp_path, issuer, trusted_proxies="127.0.0.0/8") as running:
        headers = {"x-proxy-user": "bob", "x-proxy-roles": "admin", "x-forwarded-for": "192.0.2.7"}
        assert Client(running.url, always=headers)("GET", f"{ML}/stats").status == 200
        assert Client(running.url, always={"x-proxy-user": "bob"})("GET", f"{ML}/stats").status == 403
        # One attacker behind the proxy is held off, and nobody else (S-06).
        attacker, other = ({"x-forwarded-for": address} for address in ("203.0.113.66", "192.0.2.7"))
        for _ in range(3):
            assert Client(running.url, "full:wrong", always=attacker)("GET", "/").status == 401
        assert Client(running.url, login("full"), always=attacker)("GET", "/").status == 401
        assert Client(running.url, login("full"), always=other)("GET", "/").status == 200


def test_a_blocked_source_is_not_asked_for_another_password(tmp_path: Path, issuer: Issuer) -> None:
    with serving(tmp_path, issuer) as running:
        known = Client(running.url, login("caller"))
        assert known("GET", "/").status == 403
        for number in range(5):
            answer = Client(running.url, f"user{number}:wrong")("GET", "/")
            assert (answer.status, "www-authenticate" in answer.headers) == (401, True)
        blocked = Client(running.url, login("full"))("GET", "/")
        assert (blocked.status, blocked.text) == (401, "Authentication finally failed")
        assert "www-authenticate" not in blocked.headers
        # Neither who was logged in before nor who has another credential pays for it.
        assert known("GET", "/").status == 403
        assert Client(running.url, always=token(roles=["admin"]))("GET", "/").status == 200


def test_a_super_admins_certificate_needs_no_user_and_is_never_blocked(tmp_path: Path, issuer: Issuer) -> None:
    ours = Authority("ours")
    pair = ours.issue("127.0.0.1")
    (tmp_path / "cert.pem").write_text(pair.cert)
    (tmp_path / "key.pem").write_text(pair.key)
    (tmp_path / "ca.pem").write_text(ours.pem)
    with serving(
        tmp_path,
        issuer,
        tls_certificate=str(tmp_path / "cert.pem"),
        tls_key=str(tmp_path / "key.pem"),
        tls_client_ca=str(tmp_path / "ca.pem"),
        tls_client_auth="optional",
        admin_dn="CN=root,O=x",
        trusted_proxies="127.0.0.2",
    ) as running:

        def client(subject: str | None, login: str = "") -> Client:
            context = ssl.create_default_context(cadata=ours.pem)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if subject is not None:
                pair = ours.issue("client", subject=subject)
                (tmp_path / "client.pem").write_text(pair.cert + pair.key)
                context.load_cert_chain(tmp_path / "client.pem")
            return Client(running.url, login, tls=context)

        for _ in range(6):
            assert client(None, "root:wrong")("GET", "/").status == 401
        assert client("CN=Root, O=X".replace(", ", ","))("GET", f"{ML}/stats").status == 200
        assert client("CN=ann,O=x")("GET", "/").status == 401
        root = ssl.PEM_cert_to_DER_cert(ours.issue("c", subject="CN=root,O=x").cert)
        spoofed = {"Client-Cert": f":{base64.b64encode(root).decode()}:"}
        assert client(None).raw("GET", "/", headers=spoofed).status == 401


@pytest.mark.parametrize(
    ("config", "settings", "said"),
    [
        ("required_issuer: https://idp.example", {}, "required_issuer"),
        ("algorithms: [RS256]", {}, "algorithms"),
        ("", {"trusted_proxies": ""}, "trusted_proxies"),
    ],
)
def test_a_source_without_its_rules_refuses_the_start(
    tmp_path: Path, issuer: Issuer, config: str, settings: dict[str, str], said: str
) -> None:
    server = serving(tmp_path, issuer, **settings)
    path = tmp_path / "security" / "config.yml"
    path.write_text(path.read_text().replace(config, "") if config else path.read_text())
    with pytest.raises(AssertionError, match="ended with code 78") as raised:
        server.start()
    assert said in str(raised.value)
