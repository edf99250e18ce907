"""A gateway whose users are kept in files: what may be changed where, and what a change of a file does on every worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client import Client
from identities import PASSWORD, login, quick_hash
from process import Server, gateway

API = "/_plugins/_security/api"
FILE = {"FAIRLEAD_USERS": "file"}


def write(directory: Path, name: str, text: str) -> None:
    fresh = directory / "fresh"
    fresh.write_text(text)
    os.replace(fresh, directory / name)


def users(directory: Path, *names: str) -> None:
    lines = [f"{name}: {{hash: '{quick_hash()}', backend_roles: [admin]}}" for name in names]
    write(directory, "internal_users.yml", "\n".join(["_meta: {type: internalusers, config_version: 2}", *lines]))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("users")
    users(made, "root", "ann")
    text = "_meta: {type: rolesmapping, config_version: 2}\nall_access: {backend_roles: [admin]}"
    write(made, "roles_mapping.yml", text)
    return made


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Server]:
    with gateway(directory / "data", "--workers", "2", "--security", str(directory), environment=FILE) as running:
        yield running


def until(server: Server, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not all(holds() for _ in range(6)):  # on either worker
        assert time.monotonic() < end, server.errors
        time.sleep(0.1)


def status(server: Server, name: str) -> int:
    return Client(server.url, login(name))("GET", f"{API}/account").status


def test_the_rest_api_shows_and_changes_nothing_but_keys_and_limits(server: Server) -> None:
    root = Client(server.url, login("root"))
    assert set(root.ok("GET", f"{API}/internalusers")) == {"root", "ann"}
    patch = [{"op": "remove", "path": "/ann"}]
    account = {"current_password": PASSWORD, "password": "Gr4ndeur-Of-Tides_8"}
    for method, path, body in (
        ("PUT", "internalusers/eve", {"hash": quick_hash()}),
        ("PUT", "roles/r", {}),
        ("PATCH", "internalusers", patch),
        ("DELETE", "rolesmapping/all_access", None),
        ("DELETE", "internalusers/nosuch", None),
        ("PUT", "account", account),
    ):
        answer = root(method, f"{API}/{path}", body)
        assert (answer.status, answer.body["status"]) == (403, "FORBIDDEN"), path
        assert "kept in files" in answer.body["message"]
    assert root("POST", f"{API}/apitokens", {"name": "k", "duration_seconds": 60}).status == 200
    assert root("PUT", f"{API}/authfailurelisteners/l", {"type": "ip", "allowed_tries": 9}).status == 200
    assert root("DELETE", f"{API}/authfailurelisteners/l").status == 200
    assert Client(server.url)("GET", "/_fairlead/health/ready").body == {"status": "ok", "users": {"status": "ok"}}


def test_a_changed_file_counts_and_a_broken_one_leaves_the_old_in_force(server: Server, directory: Path) -> None:
    users(directory, "root", "cat")
    until(server, lambda: (status(server, "cat"), status(server, "ann")) == (200, 401))
    write(directory, "internal_users.yml", "_meta: {type: internalusers, config_version: 2}\ncat: {hsah: x}")
    root = Client(server.url, login("root"))
    until(server, lambda: root.ok("GET", "/_fairlead/health").get("users", {}).get("status") == "outdated")
    told = root.ok("GET", "/_fairlead/health")["users"]["reason"]
    assert "unknown key 'hsah'" in told
    ready = Client(server.url)("GET", "/_fairlead/health/ready")
    assert (ready.status, ready.body) == (200, {"status": "ok", "users": {"status": "outdated"}})
    assert status(server, "cat") == 200
    until(server, lambda: "unknown key 'hsah'" in server.errors)
    users(directory, "root", "ann")
    until(server, lambda: (status(server, "ann"), status(server, "cat")) == (200, 401))
    until(server, lambda: Client(server.url)("GET", "/_fairlead/health/ready").body["users"] == {"status": "ok"})


def test_commands_change_no_user_either(server: Server, directory: Path) -> None:
    for arguments in (("delete", "ann"), ("import", str(directory))):
        command = [
            sys.executable,
            "-m",
            "fairlead.cli.main",
            "users",
            "--data-dir",
            str(directory / "data"),
            *arguments,
        ]
        environment = {**os.environ, **FILE, "FAIRLEAD_SECURITY": str(directory)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
        assert done.returncode == 1
        assert "kept in files" in done.stderr
    assert json.dumps(Client(server.url, login("root")).ok("GET", f"{API}/internalusers")).count('"ann"') == 1
