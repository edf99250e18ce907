"""`fairlead users` and `fairlead apikeys` beside a running server, and the first administrator of a new store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from client import ML, Client
from identities import PASSWORD
from process import PARITY_USERS, StartFailed, gateway

API = "/_plugins/_security/api"


def fairlead(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, *rest = arguments
    return subprocess.run(
        [sys.executable, "-m", "fairlead.cli.main", command, "--data-dir", str(data), *rest],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\nwhatever follows\n")
    path.chmod(0o600)
    return str(path)


def test_users_are_made_before_the_first_start_and_changed_while_it_runs(tmp_path: Path, secret: str) -> None:
    data = tmp_path / "data"
    made = fairlead(data, "users", "add", "--admin", "root", "--password-file", secret)
    assert (made.returncode, made.stdout) == (0, "'root' created.\n"), made.stderr
    assert (
        fairlead(data, "users", "add", "app", "--role", "ml_predict_access", "--password-file", secret).returncode == 0
    )
    again = fairlead(data, "users", "add", "app", "--password-file", secret)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    with gateway(data, "--workers", "2") as server:
        root, app = Client(server.url, f"root:{PASSWORD}"), Client(server.url, f"app:{PASSWORD}")
        assert "app" in root.ok("GET", f"{API}/internalusers")
        assert {app("GET", f"{API}/account").status for _ in range(6)} == {200}
        other = Path(secret)
        other.write_text("An0ther-long-Passw0rt-77")
        assert fairlead(data, "users", "passwd", "app", "--password-file", secret).returncode == 0
        assert {app("GET", f"{API}/account").status for _ in range(6)} == {401}
        listed = fairlead(data, "users", "list", "--json")
        assert set(json.loads(listed.stdout)) == {"root", "app"}
        assert "argon2" not in listed.stdout
        assert fairlead(data, "users", "delete", "app").returncode == 0
        assert fairlead(data, "users", "delete", "app").stderr == "fairlead: user 'app' not found.\n"


def test_an_administrator_who_locked_everybody_out_comes_back_by_a_command(tmp_path: Path, secret: str) -> None:
    """As the guide says it; each way is against another mistake, on a running server."""
    data = tmp_path / "data"
    fairlead(data, "users", "add", "--admin", "root", "--password-file", secret)
    with gateway(data, "--workers", "2") as server:
        root, rescue = (Client(server.url, f"{name}:{PASSWORD}") for name in ("root", "rescue"))
        mapping = f"{API}/rolesmapping/all_access"

        def statuses(client: Client) -> set[int]:
            return {client("GET", f"{API}/internalusers").status for _ in range(6)}

        # The mapping is gone: whoever is made an administrator brings it back, for the others too.
        root.ok("DELETE", mapping)
        assert statuses(root) == {403}
        assert fairlead(data, "users", "add", "--admin", "rescue", "--password-file", secret).returncode == 0
        assert (statuses(rescue), statuses(root)) == ({200}, {200})
        # The mapping names somebody else: a role that a user has by itself needs no mapping.
        root.ok("DELETE", f"{API}/internalusers/rescue")
        root.ok("PUT", mapping, {"backend_roles": ["typing-error"]})
        assert statuses(root) == {403}
        made = fairlead(data, "users", "add", "rescue", "--role", "all_access", "--password-file", secret)
        assert made.returncode == 0, made.stderr
        rescue.ok("PUT", mapping, {"backend_roles": ["admin"]})
        assert statuses(root) == {200}
        # The last administrator is gone.
        for name in ("rescue", "root"):
            assert root("DELETE", f"{API}/internalusers/{name}").status == 200
        assert statuses(root) == {401}
        assert fairlead(data, "users", "add", "--admin", "root", "--password-file", secret).returncode == 0
        assert statuses(root) == {200}


def test_keys_are_made_rotated_and_revoked_while_it_runs(tmp_path: Path, secret: str) -> None:
    data = tmp_path / "data"
    fairlead(data, "users", "add", "app", "--role", "ml_full_access", "--password-file", secret)
    with gateway(data, "--workers", "2") as server:
        made = fairlead(data, "apikeys", "create", "prod", "--owner", "app", "--days", "1", "--limit", "500/days")
        token = made.stdout.strip()
        assert made.returncode == 0, made.stderr

        def statuses(text: str) -> set[int]:
            headers = {"Authorization": f"ApiKey {text}", "Content-Type": "application/json"}
            path = f"{ML}/models/none/_predict"
            return {Client(server.url).raw("POST", path, b'{"parameters":{}}', headers).status for _ in range(6)}

        assert statuses(token) == {404}
        row = json.loads(fairlead(data, "apikeys", "list", "--json").stdout)[0]
        assert row["limits"] == {"limit": 500.0, "unit": "DAYS"}
        wrong = fairlead(data, "apikeys", "create", "other", "--owner", "app", "--days", "1", "--limit", "many/DAYS")
        assert (wrong.returncode, "limits.limit" in wrong.stderr) == (1, True)
        fresh = fairlead(data, "apikeys", "rotate", row["id"]).stdout.strip()
        assert (statuses(token), statuses(fresh)) == ({401}, {404})
        assert fairlead(data, "apikeys", "revoke", row["id"]).returncode == 0
        assert statuses(fresh) == {401}
        assert fairlead(data, "apikeys", "revoke", "nosuch").stderr == "fairlead: Token nosuch not found.\n"


def test_files_of_opensearch_replace_what_is_there(tmp_path: Path, secret: str) -> None:
    data = tmp_path / "data"
    fairlead(data, "users", "add", "old", "--password-file", secret)
    imported = fairlead(data, "users", "import", str(PARITY_USERS))
    assert (imported.returncode, imported.stdout) == (0, "4 internalusers, 2 rolesmapping\n"), imported.stderr
    assert "old" not in fairlead(data, "users", "list").stdout
    assert fairlead(data, "users", "import", str(tmp_path / "nosuch")).returncode == 1


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [("weak", 0o600, "Weak password"), (PASSWORD, 0o644, "password file"), ("", 0o600, "Password is too short")],
)
def test_a_password_that_may_not_be_makes_no_user(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(mode)
    done = fairlead(tmp_path / "data", "users", "add", "app", "--password-file", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_terminal_and_file_there_is_no_password(tmp_path: Path) -> None:
    done = fairlead(tmp_path / "data", "users", "add", "app")
    assert (done.returncode, "--password-file" in done.stderr) == (1, True)


@pytest.mark.parametrize("variable", ["FAIRLEAD_INITIAL_ADMIN_PASSWORD", "OPENSEARCH_INITIAL_ADMIN_PASSWORD"])
def test_an_initial_password_makes_an_administrator_once(tmp_path: Path, variable: str) -> None:
    data = tmp_path / "data"
    for password, status in ((PASSWORD, 200), ("ignored-An0ther-one", 401)):
        with gateway(data, environment={variable: password}) as server:
            assert Client(server.url, f"admin:{password}")("GET", f"{API}/internalusers").status == status


def test_a_weak_initial_password_stops_the_start_with_its_rule(tmp_path: Path) -> None:
    with pytest.raises(StartFailed) as failed:
        gateway(tmp_path / "data", environment={"FAIRLEAD_INITIAL_ADMIN_PASSWORD": "weak"}).start()
    assert "ended with code 78" in str(failed.value)
    assert "initial_admin_password: Weak password" in str(failed.value)


def test_an_initial_password_may_stand_in_a_file(tmp_path: Path, secret: str) -> None:
    with gateway(tmp_path / "data", environment={"FAIRLEAD_INITIAL_ADMIN_PASSWORD_FILE": secret}) as server:
        assert Client(server.url, f"admin:{PASSWORD}")("GET", "/").status == 200
