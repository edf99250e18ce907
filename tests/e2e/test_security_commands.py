"""`fairlead users` and `fairlead apikeys` beside a running server, and the first administrator of a new store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client import ML, Client
from command import Done, fairlead
from identities import PASSWORD
from process import PARITY_USERS, StartFailed, gateway

API = "/_plugins/_security/api"


def beside(data: Path, *arguments: str) -> Done:
    command, *rest = arguments
    return fairlead(command, "--data-dir", str(data), *rest)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\nwhatever follows\n")
    path.chmod(0o600)
    return str(path)


def test_users_are_made_before_the_first_start_and_changed_while_it_runs(tmp_path: Path, secret: str) -> None:
    data = tmp_path / "data"
    made = beside(data, "users", "add", "--admin", "root", "--password-file", secret)
    assert (made.status, made.output) == (0, "'root' created.\n"), made.errors
    assert beside(data, "users", "add", "app", "--role", "ml_predict_access", "--password-file", secret).status == 0
    again = beside(data, "users", "add", "app", "--password-file", secret)
    assert (again.status, "already" in again.errors) == (1, True)
    with gateway(data, "--workers", "2") as server:
        root, app = Client(server.url, f"root:{PASSWORD}"), Client(server.url, f"app:{PASSWORD}")
        assert "app" in root.ok("GET", f"{API}/internalusers")
        assert {app("GET", f"{API}/account").status for _ in range(6)} == {200}
        other = Path(secret)
        other.write_text("An0ther-long-Passw0rt-77")
        assert beside(data, "users", "passwd", "app", "--password-file", secret).status == 0
        assert {app("GET", f"{API}/account").status for _ in range(6)} == {401}
        listed = beside(data, "users", "list", "--json")
        assert set(json.loads(listed.output)) == {"root", "app"}
        assert "argon2" not in listed.output
        assert beside(data, "users", "delete", "app").status == 0
        assert beside(data, "users", "delete", "app").errors == "fairlead: user 'app' not found.\n"


def test_an_administrator_who_locked_everybody_out_comes_back_by_a_command(tmp_path: Path, secret: str) -> None:
    """As the guide says it; each way is against another mistake, on a running server."""
    data = tmp_path / "data"
    beside(data, "users", "add", "--admin", "root", "--password-file", secret)
    with gateway(data, "--workers", "2") as server:
        root, rescue = (Client(server.url, f"{name}:{PASSWORD}") for name in ("root", "rescue"))
        mapping = f"{API}/rolesmapping/all_access"

        def statuses(client: Client) -> set[int]:
            return {client("GET", f"{API}/internalusers").status for _ in range(6)}

        # The mapping is gone: whoever is made an administrator brings it back, for the others too.
        root.ok("DELETE", mapping)
        assert statuses(root) == {403}
        assert beside(data, "users", "add", "--admin", "rescue", "--password-file", secret).status == 0
        assert (statuses(rescue), statuses(root)) == ({200}, {200})
        # The mapping names somebody else: a role that a user has by itself needs no mapping.
        root.ok("DELETE", f"{API}/internalusers/rescue")
        root.ok("PUT", mapping, {"backend_roles": ["typing-error"]})
        assert statuses(root) == {403}
        made = beside(data, "users", "add", "rescue", "--role", "all_access", "--password-file", secret)
        assert made.status == 0, made.errors
        rescue.ok("PUT", mapping, {"backend_roles": ["admin"]})
        assert statuses(root) == {200}
        # The last administrator is gone.
        for name in ("rescue", "root"):
            assert root("DELETE", f"{API}/internalusers/{name}").status == 200
        assert statuses(root) == {401}
        assert beside(data, "users", "add", "--admin", "root", "--password-file", secret).status == 0
        assert statuses(root) == {200}


def test_keys_are_made_rotated_and_revoked_while_it_runs(tmp_path: Path, secret: str) -> None:
    data = tmp_path / "data"
    beside(data, "users", "add", "app", "--role", "ml_full_access", "--password-file", secret)
    with gateway(data, "--workers", "2") as server:
        made = beside(data, "apikeys", "create", "prod", "--owner", "app", "--days", "1", "--limit", "500/days")
        token = made.output.strip()
        assert made.status == 0, made.errors

        def statuses(text: str) -> set[int]:
            headers = {"Authorization": f"ApiKey {text}", "Content-Type": "application/json"}
            path = f"{ML}/models/none/_predict"
            return {Client(server.url).raw("POST", path, b'{"parameters":{}}', headers).status for _ in range(6)}

        assert statuses(token) == {404}
        row = json.loads(beside(data, "apikeys", "list", "--json").output)[0]
        assert row["limits"] == {"limit": 500.0, "unit": "DAYS"}
        wrong = beside(data, "apikeys", "create", "other", "--owner", "app", "--days", "1", "--limit", "many/DAYS")
        assert (wrong.status, "limits.limit" in wrong.errors) == (1, True)
        fresh = beside(data, "apikeys", "rotate", row["id"]).output.strip()
        assert (statuses(token), statuses(fresh)) == ({401}, {404})
        assert beside(data, "apikeys", "revoke", row["id"]).status == 0
        assert statuses(fresh) == {401}
        assert beside(data, "apikeys", "revoke", "nosuch").errors == "fairlead: Token nosuch not found.\n"


def test_files_of_opensearch_replace_what_is_there(tmp_path: Path, secret: str) -> None:
    data = tmp_path / "data"
    beside(data, "users", "add", "old", "--password-file", secret)
    imported = beside(data, "users", "import", str(PARITY_USERS))
    assert (imported.status, imported.output) == (0, "4 internalusers, 2 rolesmapping\n"), imported.errors
    assert "old" not in beside(data, "users", "list").output
    assert beside(data, "users", "import", str(tmp_path / "nosuch")).status == 1


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [("weak", 0o600, "Weak password"), (PASSWORD, 0o644, "password file"), ("", 0o600, "Password is too short")],
)
def test_a_password_that_may_not_be_makes_no_user(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(mode)
    done = beside(tmp_path / "data", "users", "add", "app", "--password-file", str(path))
    assert (done.status, done.output) == (1, "")
    assert reason in done.errors
    assert done.errors.count("\n") == 1


def test_without_terminal_and_file_there_is_no_password(tmp_path: Path) -> None:
    done = beside(tmp_path / "data", "users", "add", "app")
    assert (done.status, "--password-file" in done.errors) == (1, True)


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
