"""A real process behind TLS or a Unix socket: reload under open connections, client certificates, who may connect."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from client import Client
from identities import login, settle
from process import Server, gateway
from transport.certificates import Authority, Pair

OURS, OTHERS = Authority("ours"), Authority("others")


def tls_gateway(folder: Path, *arguments: str, **settings: str) -> Server:
    given = {"certificate": folder / "cert.pem", "key": folder / "key.pem", "reload_seconds": "0.05", **settings}
    environment = {f"FAIRLEAD_TLS_{name.upper()}": str(value) for name, value in given.items()}
    return gateway(folder / "data", *arguments, environment=environment)


def write(folder: Path, pair: Pair) -> None:
    (folder / "key.pem").write_text(pair.key)
    (folder / "cert.pem").write_text(pair.cert)


def trusting(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, OURS.issue("127.0.0.1"))
    return tmp_path


def serves(url: str, authority: Authority) -> bool:
    try:
        return Client(url, tls=trusting(authority))("GET", "/").status == 200
    except (ssl.SSLError, ConnectionError):
        return False


def test_changed_files_serve_new_connections_of_every_worker_and_open_ones_live_on(folder: Path) -> None:
    with tls_gateway(folder, "--workers", "2") as server:
        assert server.url.startswith("https://")
        port = int(server.url.rpartition(":")[2])
        kept = http.client.HTTPSConnection("127.0.0.1", port, context=trusting(OURS), timeout=120)
        kept.request("GET", "/")
        assert kept.getresponse().read()
        write(folder, OTHERS.issue("127.0.0.1"))
        # Ten in a row: whichever worker takes a connection has the new files.
        until(lambda: all(serves(server.url, OTHERS) for _ in range(10)))
        assert not serves(server.url, OURS)
        kept.request("GET", "/")
        assert kept.getresponse().status == 200
        kept.close()


def test_files_that_cannot_serve_are_told_in_the_log_and_the_old_ones_stay(folder: Path) -> None:
    with tls_gateway(folder) as server:
        (folder / "cert.pem").write_text("no certificate")
        until(lambda: "the old ones stay" in server.errors)
        assert serves(server.url, OURS)


def test_plain_http_and_old_protocols_get_no_answer(folder: Path) -> None:
    with tls_gateway(folder) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            received = b""
            try:
                while part := plain.recv(4096):
                    received += part
            except ConnectionResetError:
                pass
            assert b"HTTP/" not in received
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(raw, server_hostname="127.0.0.1")
        assert serves(server.url, OURS)


def test_a_client_without_the_certificate_that_is_required_gets_no_answer(folder: Path) -> None:
    (folder / "ca.pem").write_text(OURS.pem)
    with tls_gateway(folder, client_ca=str(folder / "ca.pem"), client_auth="require") as server:
        assert not serves(server.url, OURS)
        for authority, admitted in ((OURS, True), (OTHERS, False)):
            pair = authority.issue("client")
            (folder / "c.pem").write_text(pair.cert + pair.key)
            context = trusting(OURS)
            context.load_cert_chain(folder / "c.pem")
            try:
                status = Client(server.url, tls=context)("GET", "/").status
            except (ssl.SSLError, ConnectionError):
                status = 0
            assert (status == 200) is admitted


def over_socket(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_a_unix_socket_is_its_owners_and_gone_after_the_stop(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with gateway(tmp_path / "data", "--socket", str(path)) as server:
        assert server.url == f"http+unix://{path}"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert over_socket(path).startswith(b"HTTP/1.1 200")
        taken = subprocess.run(
            [
                sys.executable,
                "-m",
                "fairlead.cli.main",
                "serve",
                "--data-dir",
                str(tmp_path / "d"),
                "--socket",
                str(path),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (taken.returncode, "another server listens there" in taken.stderr) == (78, True)
    assert not path.exists()


def test_a_socket_that_a_killed_server_left_is_taken_over_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = gateway(tmp_path / "data", "--socket", str(path)).start()
    server.kill()
    assert path.exists()
    with gateway(tmp_path / "data", "--socket", str(path)):
        assert over_socket(path).startswith(b"HTTP/1.1 200")
    path.write_text("precious")
    refused = subprocess.run(
        [sys.executable, "-m", "fairlead.cli.main", "serve", "--data-dir", str(tmp_path / "d"), "--socket", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (refused.returncode, path.read_text()) == (78, "precious")


def test_certificates_are_shown_and_reloaded_for_super_admins_only(folder: Path) -> None:
    api = "/_plugins/_security/api"
    settle(folder / "data")
    (folder / "ca.pem").write_text(OURS.pem)
    pair = OURS.issue("c", subject="CN=root")
    (folder / "root.pem").write_text(pair.cert + pair.key)
    environment = {
        "FAIRLEAD_ADMIN_DN": "CN=root",
        "FAIRLEAD_TLS_CERTIFICATE": str(folder / "cert.pem"),
        "FAIRLEAD_TLS_KEY": str(folder / "key.pem"),
        "FAIRLEAD_TLS_CLIENT_CA": str(folder / "ca.pem"),
        "FAIRLEAD_TLS_CLIENT_AUTH": "optional",
        "FAIRLEAD_TLS_RELOAD_SECONDS": "0",
    }
    with gateway(folder / "data", environment=environment) as server:
        admin = Client(server.url, login("admin"), tls=trusting(OURS))
        for method, path in (("GET", "certificates"), ("GET", "ssl/certs"), ("PUT", "ssl/http/reloadcerts")):
            refused = admin(method, f"{api}/{path}")
            assert (refused.status, refused.body["message"]) == (403, "Access denied")
        context = trusting(OURS)
        context.load_cert_chain(folder / "root.pem")
        root = Client(server.url, tls=context)
        whoami = "/_plugins/_security/whoami"
        seen = {"dn": None, "is_admin": False, "is_node_certificate_request": False}
        assert admin.ok("GET", whoami) == seen
        assert root.ok("GET", whoami) == seen | {"dn": "CN=root", "is_admin": True}
        [node] = root.ok("GET", f"{api}/certificates")["nodes"].values()
        [shown] = node["certificates"]["http"]
        assert (shown["issuer_dn"], shown["not_before"]) == ("CN=ours", "2024-01-01T00:00:00Z")
        [older] = root.ok("GET", f"{api}/ssl/certs")["http_certificates_list"]
        assert older["not_after"] == "2124-01-01T00:00:00Z"
        write(folder, OURS.issue("127.0.0.1", "new.example"))
        assert root.ok("PUT", f"{api}/ssl/http/reloadcerts") == {"message": "updated http certs"}
        [node] = root.ok("GET", f"{api}/certificates")["nodes"].values()
        assert "new.example" in node["certificates"]["http"][0]["san"]
        (folder / "cert.pem").write_text("no PEM")
        assert root("PUT", f"{api}/ssl/http/reloadcerts").status == 400
        assert (
            serves(server.url, OURS) is False
        )  # a stranger is asked to log in, over the certificate that is still served
        assert Client(server.url, login("admin"), tls=trusting(OURS))("GET", "/").status == 200
