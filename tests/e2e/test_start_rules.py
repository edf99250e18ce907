"""What a server refuses to start with (spec/06 14.3): exit status 78 and one line that begins with the setting."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from client import Client
from command import fairlead
from fairlead.cli.settings_sources import load
from fairlead.cli.start_rules import RULES, refusal
from identities import PASSWORD, login, quick_hash
from process import gateway

CASES = json.loads((Path(__file__).parents[1] / "unit" / "cli" / "cases" / "start_rules.json").read_text("utf-8"))
PUBLIC = {"host": "0.0.0.0", "tls_terminated_by_proxy": True, "trusted_proxies": "10.0.0.0/8"}


def started(folder: Path, settings: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    given = {f"FAIRLEAD_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "fairlead.cli.main", "serve", "--port", "0", "--data-dir", str(folder / "data")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env={**inherited, **given},
        check=False,
    )


def refused(*, by_the_store: bool) -> list[dict[str, Any]]:
    """Whether there are users is known only from the store; everything else is judged before anything is made."""
    return [
        c for c in CASES if c["refused"] and (c["refused"] == "auth" and "auth" not in c["settings"]) is by_the_store
    ]


@pytest.mark.parametrize("case", refused(by_the_store=False), ids=lambda case: str(case["settings"]))
def test_a_refused_start_is_status_78_and_one_line_that_begins_with_the_setting(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {f"FAIRLEAD_{name.upper()}": str(value) for name, value in case["settings"].items()}
    done = fairlead("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), environment=given)
    assert (done.status, done.output) == (78, "")
    [line] = done.errors.splitlines()
    assert line.startswith(f"fairlead: {case['refused']}: ")
    assert not (tmp_path / "data" / "fairlead.db").exists()


@pytest.mark.parametrize("case", refused(by_the_store=True), ids=lambda case: str(case["settings"]))
def test_a_start_that_the_store_speaks_against_is_refused_alike(case: dict[str, Any], tmp_path: Path) -> None:
    done = started(tmp_path, case["settings"])
    assert (done.returncode, done.stdout) == (78, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"fairlead: {case['refused']}: ")
    assert (tmp_path / "data" / "fairlead.db").exists()


@pytest.mark.parametrize("case", [c for c in CASES if not c["refused"]], ids=lambda case: str(case["settings"]))
def test_what_is_not_refused_passes_every_rule(case: dict[str, Any], tmp_path: Path) -> None:
    assert refusal(load({**case["settings"], "data_dir": tmp_path}, {}, None)) is None


def test_every_rule_has_a_case() -> None:
    held_below = {"master_key_file", "data_dir"}
    assert {rule.setting for rule in RULES} - held_below <= {case["refused"] for case in CASES}


def test_a_master_key_file_open_to_others_is_refused_on_a_public_address(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("00" * 32)
    key.chmod(0o640)
    settings = {**PUBLIC, "data_dir": tmp_path, "master_key_file": str(key)}
    assert (refusal(load(settings, {}, None)) or "").startswith("master_key_file: ")
    key.chmod(0o600)
    assert refusal(load(settings, {}, None)) is None


def test_a_directory_that_everybody_may_write_above_the_data_is_refused_on_a_public_address(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    settings = {**PUBLIC, "data_dir": folder / "data"}
    folder.chmod(0o777)
    assert (refusal(load(settings, {}, None)) or "").startswith("data_dir: ")
    folder.chmod(0o1777)
    assert refusal(load(settings, {}, None)) is None


def test_a_gateway_without_login_answers_only_to_its_own_names(tmp_path: Path) -> None:
    with gateway(tmp_path, environment={"FAIRLEAD_ALLOWED_HOSTS": "gw.internal"}) as server:
        client = Client(server.url)
        assert client.raw("GET", "/", headers={"Host": "gw.internal"}).status == 200
        for path in ("/", "/_plugins/_ml/models/x/_predict"):
            method = "POST" if path.endswith("predict") else "GET"
            refused = client.raw(method, path, headers={"Host": "evil.example:9200"})
            assert refused.status == 403
            assert "allowed_hosts" in refused.body["error"]
            assert client.raw(method, path, headers={"Origin": "http://evil.example"}).status == 403


def served(folder: Path, hashed: str | None, **settings: Any) -> subprocess.CompletedProcess[str]:
    """A start with a directory of security files in which `ann` has the hash."""
    security = folder / "security"
    security.mkdir()
    users = f"ann: {{hash: '{hashed}'}}" if hashed else ""
    (security / "internal_users.yml").write_text(f"_meta: {{type: internalusers, config_version: 2}}\n{users}\n")
    return started(folder, {**settings, "security": str(security)})


def test_a_password_that_is_the_users_name_is_refused_on_a_public_address(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    done = served(tmp_path, quick_hash("ann"), **PUBLIC)
    assert done.returncode == 78
    assert "security: the password of user 'ann'" in done.stderr


def test_logins_that_nobody_could_pass_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    done = served(tmp_path, None)
    assert done.returncode == 78
    assert "auth: nobody could log in" in done.stderr
    assert (started(tmp_path, {"auth": "on"}).returncode) == 78


def test_a_given_password_makes_the_first_administrator_and_nobody_later(tmp_path: Path) -> None:
    first, second = {"FAIRLEAD_INITIAL_ADMIN_PASSWORD": PASSWORD}, {"OPENSEARCH_INITIAL_ADMIN_PASSWORD": PASSWORD + "x"}
    with gateway(tmp_path, environment=first) as server:
        assert Client(server.url)("GET", "/").status == 401
        assert Client(server.url, login("admin"))("GET", "/_plugins/_security/api/account").status == 200
    with gateway(tmp_path, environment=second) as server:
        assert Client(server.url, login("admin"))("GET", "/").status == 200
        assert Client(server.url, login("admin") + "x")("GET", "/").status == 401
    assert "there are users already" in server.errors


@pytest.mark.parametrize("variable", ["FAIRLEAD_INITIAL_ADMIN_PASSWORD", "OPENSEARCH_INITIAL_ADMIN_PASSWORD"])
def test_a_weak_first_password_is_refused_by_its_rule(tmp_path: Path, variable: str) -> None:
    server = gateway(tmp_path, environment={variable: "admin"})
    with pytest.raises(AssertionError, match="ended with code 78"):
        server.start()
    assert "initial_admin_password: Weak password" in server.errors


def test_the_first_password_may_come_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\nremark\n")
    password.chmod(0o644)
    refused = started(tmp_path, {"initial_admin_password_file": str(password)})
    assert refused.returncode == 78
    [line] = refused.stderr.splitlines()
    assert line.startswith("fairlead: initial_admin_password_file ")
    password.chmod(0o600)
    with gateway(tmp_path / "data", environment={"FAIRLEAD_INITIAL_ADMIN_PASSWORD_FILE": str(password)}) as server:
        assert Client(server.url, login("admin"))("GET", "/").status == 200


def on_terminal(folder: Path, **settings: str) -> tuple[int, int, subprocess.Popen[bytes]]:
    """A start with a terminal for input and output; its other end, that of the error stream, and the process."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    given = {f"FAIRLEAD_{name.upper()}": value for name, value in settings.items()}
    ours, theirs = os.openpty()
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "fairlead.cli.main", "serve", "--port", "0", "--data-dir", str(folder)],
        stdin=theirs,
        stdout=theirs,
        stderr=write,
        cwd=folder,
        env={**inherited, "FAIRLEAD_LOG_LEVEL": "debug", **given},
    )
    os.close(theirs)
    os.close(write)
    return ours, read, process


def until_ready(descriptor: int) -> str:
    """What the terminal shows up to the line with the address."""
    shown = b""
    while not re.search(rb"ready on \S+\r?\n", shown):
        ready, _, _ = select.select([descriptor], [], [], 30)
        assert ready, shown
        shown += os.read(descriptor, 65536)
    return shown.decode()


def test_a_terminal_is_shown_a_generated_first_password_once_and_no_log_is(tmp_path: Path) -> None:
    ours, errors, process = on_terminal(tmp_path, auth="on")
    try:
        shown = until_ready(ours)
        [password] = re.findall(r"^    (\S{24})\r?$", shown, re.MULTILINE)
        [url] = re.findall(r"http://\S+", shown)
        admin = Client(url, f"admin:{password}")
        assert admin("GET", "/_plugins/_security/api/account").body["roles"] == ["all_access"]
        changed = {"current_password": password, "password": PASSWORD}
        assert admin("PUT", "/_plugins/_security/api/account", changed).status == 200
        assert admin("GET", "/").status == 401
        assert Client(url, login("admin"))("GET", "/").status == 200
    finally:
        process.terminate()
        process.wait(30)
        with open(errors, "rb") as stream:
            logged = stream.read()
        os.close(ours)
    assert password.encode() not in logged
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or password.encode() not in path.read_bytes(), path


def test_a_start_without_logins_says_in_one_line_who_may_spend_the_credentials(tmp_path: Path) -> None:
    with gateway(tmp_path / "open") as server:
        pass
    assert server.errors.count("nobody has to log in") == 1
    with gateway(tmp_path / "users", environment={"FAIRLEAD_INITIAL_ADMIN_PASSWORD": PASSWORD}) as server:
        pass
    assert "nobody has to log in" not in server.errors
