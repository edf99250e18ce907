"""The Security REST API on a real server: what the recorded area does not ask (spec/06 2.2 to 2.8, 14.1)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import ML, Answer, Client
from fairlead.service.security.key_entries import split_token
from identities import PASSWORD, PEOPLE, login, quick_hash, settle
from process import Server, gateway

API = "/_plugins/_security/api"
CASES = json.loads((Path(__file__).parent / "cases" / "security_bodies.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = settle(tmp_path_factory.mktemp("security") / "data")
    with gateway(data, "--workers", "2") as running:
        yield running


@pytest.fixture
def admin(server: Server) -> Client:
    return Client(server.url, login("admin"))


def sent(client: Client, method: str, path: str, body: Any, **headers: str) -> Answer:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return client.raw(method, path, raw, {"Content-Type": "application/json", **headers})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_a_body_is_refused_with_its_reason(admin: Client, case: dict[str, Any]) -> None:
    body = case["raw"] if "raw" in case else case["body"]
    answer = sent(admin, case["method"], f"{API}/{case['path']}", body)
    assert (answer.status, answer.body) == (case["status"], case["answer"])


def test_what_is_disabled_for_a_role_is_refused_and_told(tmp_path: Path) -> None:
    people = {**PEOPLE, "manager": {"opendistro_security_roles": ["security_rest_api_access"]}}
    entries = "security_rest_api_access/INTERNALUSERS/DELETE,security_rest_api_access/ROLES/*,global/AUDIT/GET"
    data = settle(tmp_path / "data", people)
    with gateway(data, environment={"FAIRLEAD_SECURITY_ENDPOINTS_DISABLED": entries}) as running:
        manager, admin = (Client(running.url, login(name)) for name in ("manager", "admin"))
        for prefix in (API, "/_opendistro/_security/api"):
            for path in ("internalusers/nobody", "user/nobody"):  # the alias is no way around
                answer = manager("DELETE", f"{prefix}/{path}")
                assert answer.status == 403
                assert "does not have any access to endpoint INTERNALUSERS and method DELETE." in answer.body["message"]
        assert manager("GET", f"{API}/roles").status == 403
        assert manager("GET", f"{API}/internalusers").status == 200
        assert (admin("GET", f"{API}/roles").status, admin("GET", f"{API}/audit").status) == (200, 403)
        disabled = manager.ok("GET", f"{API}/permissionsinfo")["disabled_endpoints"]
        assert disabled["INTERNALUSERS"] == ["DELETE"]
        assert set(disabled["ROLES"]) == {"GET", "PUT", "DELETE", "PATCH"}
        assert admin("DELETE", f"{API}/internalusers/nobody").status == 200


def test_the_audit_configuration_is_shown_and_not_changed(admin: Client) -> None:
    shown = admin.ok("GET", f"{API}/audit")
    assert shown["config"]["enabled"] is True
    assert shown["config"]["audit"]["disabled_rest_categories"] == ["AUTHENTICATED", "GRANTED_PRIVILEGES"]
    assert shown["config"]["audit"]["log_request_body"] is False
    assert "/audit/log_request_body" in shown["_readonly"]
    for method, path in (("PATCH", "audit"), ("PUT", "audit/config")):
        answer = sent(admin, method, f"{API}/{path}", {"enabled": False})
        assert (answer.status, answer.body) == (403, {"status": "FORBIDDEN", "message": "Access denied"})


def test_who_is_logged_in_may_ask_for_the_certificates_view_and_nobody_else(server: Server) -> None:
    path = "/_plugins/_security/whoamiprotected"
    assert Client(server.url)("GET", path).status == 401
    assert Client(server.url, login("nobody"))("GET", path).text == "No security data"


@pytest.mark.parametrize("who", ["full", "reader", "caller", "nobody"])
def test_only_who_has_a_role_for_it_may_call_it_and_objects_are_not_looked_for_before(server: Server, who: str) -> None:
    client = Client(server.url, login(who))
    answers = [client("GET", f"{API}/internalusers/{name}") for name in ("admin", "nosuch")]
    answers.append(sent(client, "PUT", f"{API}/internalusers/x", "{bad"))
    assert {answer.status for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1
    text = f"No permission to access REST API: User {who} with Security roles ["
    assert answers[0].body["message"].startswith(text)
    assert client("GET", f"{API}/account").status == 200
    assert client("GET", f"{API}/permissionsinfo").body["has_api_access"] is False


def test_the_older_prefix_and_aliases_lead_to_the_same(admin: Client) -> None:
    for path in ("/_opendistro/_security/api/internalusers", f"{API}/user", f"{API}/internalusers"):
        assert "reader" in admin.ok("GET", path)
    assert admin("PATCH", f"{API}/user").status == 405
    assert "cluster_all" in admin.ok("GET", f"{API}/actiongroup")


def test_a_tag_guards_against_who_wrote_meanwhile(admin: Client) -> None:
    path = f"{API}/roles/tagged"
    assert sent(admin, "PUT", path, {"description": "1"}).status == 201
    tag = admin("GET", path).headers["etag"]
    assert sent(admin, "PUT", path, {"description": "2"}, **{"If-Match": tag}).status == 200
    late = sent(admin, "PUT", path, {"description": "3"}, **{"If-Match": tag})
    assert (late.status, late.body["status"]) == (412, "PRECONDITION_FAILED")
    assert admin.ok("GET", path)["tagged"]["description"] == "2"
    patch = [{"op": "remove", "path": "/tagged"}]
    assert sent(admin, "PATCH", f"{API}/roles", patch, **{"If-Match": tag}).status == 412
    assert (
        sent(admin, "PATCH", f"{API}/roles", patch, **{"If-Match": admin("GET", f"{API}/roles").headers["etag"]}).status
        == 200
    )
    assert sent(admin, "PUT", path, {"description": "4"}, **{"If-Match": "*"}).status == 412


def test_writers_that_race_lose_nothing(admin: Client) -> None:
    names = [f"racer-{n}" for n in range(8)]
    answers: list[int] = []

    def write(name: str) -> None:
        patch = [{"op": "add", "path": f"/{name}", "value": {"cluster_permissions": ["x"]}}]
        answers.append(sent(admin, "PATCH", f"{API}/roles", patch).status)

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * len(names)
    assert set(names) <= set(admin.ok("GET", f"{API}/roles"))


def test_a_patch_is_all_or_nothing(admin: Client) -> None:
    patch = [
        {"op": "add", "path": "/half", "value": {"cluster_permissions": ["x"]}},
        {"op": "remove", "path": "/all_access"},
    ]
    assert sent(admin, "PATCH", f"{API}/roles", patch).body == {
        "status": "FORBIDDEN",
        "message": "Resource 'all_access' is static.",
    }
    assert admin("GET", f"{API}/roles/half").status == 404


def test_nobody_promotes_himself_by_a_role_a_group_a_mapping_or_a_user(admin: Client) -> None:
    full = "security_rest_api_full_access"
    assert sent(admin, "PUT", f"{API}/actiongroups/g1", {"allowed_actions": ["x"], "type": "cluster"}).status == 201
    assert sent(admin, "PUT", f"{API}/roles/r1", {"cluster_permissions": ["g1"]}).status == 201
    denied = [
        sent(admin, "PUT", f"{API}/roles/evil", {"cluster_permissions": ["restapi:*"]}),
        sent(admin, "PUT", f"{API}/actiongroups/evil", {"allowed_actions": ["restapi:admin/roles"]}),
        sent(admin, "PUT", f"{API}/rolesmapping/{full}", {"users": ["admin"]}),
        sent(admin, "PUT", f"{API}/internalusers/evil", {"password": PASSWORD, "opendistro_security_roles": [full]}),
        sent(
            admin,
            "PATCH",
            f"{API}/roles/r1",
            [{"op": "add", "path": "/cluster_permissions/-", "value": "restapi:admin/roles"}],
        ),
    ]
    assert [(answer.status, answer.body["message"]) for answer in denied] == [(403, "Access denied")] * 5


def test_a_changed_password_counts_at_once_on_every_worker(server: Server, admin: Client) -> None:
    path = f"{API}/internalusers/changer"
    assert sent(admin, "PUT", path, {"hash": quick_hash("first-Secret-77")}).status == 201
    old, new = Client(server.url, "changer:first-Secret-77"), Client(server.url, "changer:second-Secret-77")
    for _ in range(6):
        assert old("GET", f"{API}/account").status == 200
    assert sent(admin, "PUT", path, {"hash": quick_hash("second-Secret-77")}).status == 200
    assert {old("GET", f"{API}/account").status for _ in range(12)} == {401}
    assert {new("GET", f"{API}/account").status for _ in range(12)} == {200}
    assert admin("DELETE", path).status == 200
    assert {new("GET", f"{API}/account").status for _ in range(12)} == {401}


def test_a_role_that_is_taken_away_is_gone_with_the_next_request(server: Server, admin: Client) -> None:
    path = f"{API}/roles/fleeting"
    user = {"hash": quick_hash(), "opendistro_security_roles": ["fleeting"]}
    assert sent(admin, "PUT", path, {"cluster_permissions": ["cluster:monitor/*"]}).status == 201
    assert sent(admin, "PUT", f"{API}/internalusers/holder", user).status == 201
    holder = Client(server.url, login("holder"))
    assert {holder("GET", "/").status for _ in range(8)} == {200}
    assert admin("DELETE", path).status == 200
    assert {holder("GET", "/").status for _ in range(8)} == {403}


def key_client(server: Server, token: str, scheme: str = "ApiKey") -> Any:
    client = Client(server.url)
    return lambda method, path, body=None: client.raw(
        method, path, body, {"Authorization": f"{scheme} {token}", "Content-Type": "application/json"}
    )


def make_key(admin: Client, **body: Any) -> dict[str, str]:
    answer = sent(admin, "POST", f"{API}/apitokens", {"duration_seconds": 600, **body})
    assert answer.status == 200, answer
    made: dict[str, str] = answer.body
    return made


def test_a_key_is_its_owner_within_its_scope_and_never_more(server: Server, admin: Client) -> None:
    key = make_key(admin, name="narrow", owner="full")
    for scheme in ("ApiKey", "Bearer", "apikey"):
        ask = key_client(server, key["token"], scheme)
        assert ask("POST", f"{ML}/models/nosuch/_predict", b'{"parameters":{}}').status == 404
        assert ask("GET", f"{ML}/models/nosuch").status == 403
    wide = key_client(server, make_key(admin, name="wide", owner="caller", cluster_permissions=["*"])["token"])
    assert wide("POST", f"{ML}/models/nosuch/_predict", b'{"parameters":{}}').status == 404
    assert wide("GET", f"{ML}/models/nosuch").status == 403


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ([], "Wrong datatype"),
        ({"limit": 5}, "[limits.unit] must be one of "),
        ({"unit": "DAYS"}, "[limits.limit] must be a number above 0"),
        ({"limit": True, "unit": "DAYS"}, "[limits.limit] must be a number above 0"),
        ({"limit": 0, "unit": "DAYS"}, "[limits.limit] must be a number above 0"),
        ({"limit": 1e300, "unit": "DAYS"}, "[limits.limit] must be a number above 0"),
        ({"limit": "9", "unit": "DAYS"}, "[limits.limit] must be a number above 0"),
        ({"limit": 5, "unit": "days"}, "[limits.unit] must be one of "),
        ({"limit": 5, "unit": ["DAYS"]}, "[limits.unit] must be one of "),
        ({"limit": 5, "unit": "DAYS", "burst": 9}, "Invalid configuration"),
    ],
)
def test_a_limit_that_could_not_be_kept_makes_no_key(admin: Client, limits: Any, said: str) -> None:
    answer = sent(admin, "POST", f"{API}/apitokens", {"name": "odd", "duration_seconds": 60, "limits": limits})
    assert answer.status == 400
    assert said in answer.text
    assert "odd" not in [row["name"] for row in admin.ok("GET", f"{API}/apitokens")]


def test_a_key_of_an_administrator_opens_neither_the_security_api_nor_the_own_password(
    server: Server, admin: Client
) -> None:
    ask = key_client(server, make_key(admin, name="own", cluster_permissions=["*", "restapi:*"])["token"])
    assert ask("GET", f"{API}/account").body["user_name"] == "admin"
    assert ask("GET", f"{API}/internalusers").status == 403
    body = json.dumps({"current_password": PASSWORD, "password": "Gr4ndeur-Of-Tides_8"}).encode()
    changed = ask("PUT", f"{API}/account", body)
    assert (changed.status, changed.body["message"]) == (403, "Token-authenticated users cannot change passwords")


def test_a_key_for_one_model_opens_no_other_and_no_route_without_a_model(server: Server, admin: Client) -> None:
    key = make_key(admin, name="one-model", owner="full", cluster_permissions=["*"], model_ids=["m1"])
    ask = key_client(server, key["token"])
    assert ask("GET", f"{ML}/models/m1").status == 404
    assert ask("POST", f"{ML}/models/m1/_predict", b'{"parameters":{}}').status == 404
    assert ask("GET", f"{ML}/models/m2").status == 403
    assert ask("POST", f"{ML}/models/_undeploy", b'{"model_ids":["m2"]}').status == 403
    assert ask("GET", "/").status == 403


def test_a_key_for_a_group_opens_the_models_that_are_in_it_now(server: Server, admin: Client) -> None:
    mine, other = (
        admin.ok("POST", f"{ML}/model_groups/_register", {"name": name})["model_group_id"] for name in ("mine", "other")
    )
    connector = admin.connector("https://api.openai.com/v1/x")
    key = make_key(admin, name="one-group", owner="full", cluster_permissions=["*"], model_group_ids=[mine])
    ask = key_client(server, key["token"])
    # Each model is new to the worker that did not register it, and is opened at once all the same.
    models = [admin.model(connector, f"in {n}", model_group_id=mine) for n in range(6)]
    assert [ask("GET", f"{ML}/models/{model}").status for model in models] == [200] * 6
    foreign = admin.model(connector, "elsewhere", model_group_id=other)
    for path in (f"models/{foreign}", "models/nosuch", f"model_groups/{mine}", f"profile/models/{models[0]},{foreign}"):
        assert ask("GET", f"{ML}/{path}").status == 403, path
    assert ask("POST", f"{ML}/models/{foreign}/_predict", b'{"parameters":{}}').status == 403
    assert ask("POST", f"{ML}/models/{foreign}/_predict/stream", b'{"parameters":{}}').status == 403
    admin.ok("PUT", f"{ML}/models/{models[0]}", {"model_group_id": other})
    until = time.monotonic() + 60
    while {ask("GET", f"{ML}/models/{models[0]}").status for _ in range(8)} != {403}:
        assert time.monotonic() < until, "a worker goes on with the group before"
    row = next(row for row in admin.ok("GET", f"{API}/apitokens") if row["id"] == key["id"])
    assert row["model_group_ids"] == [mine]


def test_a_key_from_elsewhere_is_no_key(server: Server, admin: Client) -> None:
    far = key_client(
        server, make_key(admin, name="far", owner="full", allowed_cidrs=["10.0.0.0/8", "::1/128"])["token"]
    )
    near = key_client(server, make_key(admin, name="near", owner="full", allowed_cidrs=["127.0.0.0/8"])["token"])
    assert far("GET", f"{API}/account").status == 401
    assert near("GET", f"{API}/account").status == 200


def test_a_revoked_key_opens_nothing_on_any_worker_once_the_answer_is_there(server: Server, admin: Client) -> None:
    key = make_key(admin, name="short-lived", owner="full")
    ask = key_client(server, key["token"])
    stop, late = threading.Event(), []
    revoked = threading.Event()

    def use() -> None:
        while not stop.is_set():
            was = revoked.is_set()
            status = ask("GET", f"{API}/account").status
            if was:
                late.append(status)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    answer = admin("DELETE", f"{API}/apitokens/{key['id']}")
    revoked.set()
    assert answer.body == {"message": f"Token {key['id']} revoked successfully."}
    late += [ask("GET", f"{API}/account").status for _ in range(20)]
    stop.set()
    for thread in threads:
        thread.join()
    assert set(late) == {401}
    shown = {row["id"]: row for row in admin.ok("GET", f"{API}/apitokens")}
    assert shown[key["id"]]["revoked_at"] > 0


def test_a_rotated_key_has_a_new_secret_and_the_old_one_for_its_grace_time(server: Server, admin: Client) -> None:
    key = make_key(admin, name="turning", owner="full")
    graced = sent(admin, "POST", f"{API}/apitokens/{key['id']}/_rotate", {"grace_seconds": 600}).body
    assert graced["id"] == key["id"]
    for token in (key["token"], graced["token"]):
        assert key_client(server, token)("GET", f"{API}/account").status == 200
    again = admin("POST", f"{API}/apitokens/{key['id']}/_rotate").body
    statuses = [
        key_client(server, token)("GET", f"{API}/account").status
        for token in (key["token"], graced["token"], again["token"])
    ]
    assert statuses == [401, 401, 200]


def test_keys_die_with_their_owner_even_if_the_name_comes_back(server: Server, admin: Client) -> None:
    path = f"{API}/internalusers/mortal"
    assert sent(admin, "PUT", path, {"hash": quick_hash()}).status == 201
    key = make_key(admin, name="of-mortal", owner="mortal")
    ask = key_client(server, key["token"])
    assert ask("GET", f"{API}/account").status == 200
    assert admin("DELETE", path).status == 200
    assert sent(admin, "PUT", path, {"hash": quick_hash()}).status == 201
    assert ask("GET", f"{API}/account").status == 401


def test_a_list_of_keys_shows_use_and_scope_and_no_secret(server: Server, admin: Client) -> None:
    key = make_key(admin, name="listed", owner="full", model_ids=["m1"])
    key_client(server, key["token"])("GET", f"{API}/account")
    answer = admin("GET", f"{API}/apitokens")
    row = next(row for row in answer.body if row["id"] == key["id"])
    assert (row["name"], row["owner"], row["created_by"], row["model_ids"]) == ("listed", "full", "admin", ["m1"])
    assert row["expires_at"] - row["iat"] == 600_000
    parts = split_token(key["token"])
    assert parts is not None
    assert parts[1] not in answer.text
    assert "hash" not in answer.text


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, None),
        ({"name": " "}, 400, "Token name is required."),
        ({"name": "a b"}, 400, "Token name must contain only alphanumeric characters, hyphens, and underscores."),
        ({"name": "n0"}, 400, "Non-expiring tokens are not allowed. Maximum duration is 7776000 seconds."),
        ({"name": "n0", "duration_seconds": -1}, 400, "Token duration must be positive."),
        ({"name": "n0", "duration_seconds": 7776001}, 400, "Token duration exceeds the maximum allowed duration of 7776000 seconds."),
        ({"name": "n0", "duration_seconds": 1, "owner": "nosuch"}, 400, "[owner] 'nosuch' is not an internal user that you may make a key for."),
        ({"name": "n0", "duration_seconds": 1, "allowed_cidrs": ["10.0.0.1/8"]}, 400, "[allowed_cidrs] '10.0.0.1/8' is not a network: 10.0.0.0/8, fd00::/8"),
        ({"name": "n0", "duration_seconds": "1"}, 400, None),
        ({"name": "n0", "duration_seconds": 1, "nope": 1}, 400, None),
    ],
)  # fmt: skip
def test_a_key_that_may_not_be_is_not_made(admin: Client, body: Any, status: int, message: str | None) -> None:
    answer = sent(admin, "POST", f"{API}/apitokens", body)
    assert answer.status == status
    assert message is None or answer.body["message"] == message


def test_two_keys_cannot_have_one_name(admin: Client) -> None:
    make_key(admin, name="twice", owner="full")
    answer = sent(admin, "POST", f"{API}/apitokens", {"name": "twice", "duration_seconds": 60})
    assert (answer.status, answer.body["message"]) == (400, "A token with name 'twice' already exists.")


@pytest.mark.parametrize("change", [0, 10, 30, -1])
def test_a_key_with_one_character_changed_is_no_key(server: Server, admin: Client, change: int) -> None:
    token = make_key(admin, name=f"changed{change}".replace("-", "m"), owner="full")["token"]
    at = change % len(token)
    wrong = token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1 :]
    assert key_client(server, wrong)("GET", f"{API}/account").status == 401


def test_the_cache_can_be_emptied_and_limits_kept(admin: Client) -> None:
    assert admin.ok("DELETE", f"{API}/cache") == {"status": "OK", "message": "Cache flushed successfully."}
    assert admin.ok("DELETE", f"{API}/cache/user/x")["message"] == "Cache invalidated for user: x"
    path = f"{API}/authfailurelisteners/one"
    assert sent(admin, "PUT", path, {"type": "ip", "allowed_tries": 0}).status == 400
    assert sent(admin, "PUT", path, {"type": "nope"}).body["message"].startswith("[type]")
    assert sent(admin, "PUT", path, {"type": "ip"}).body["one"]["time_window_seconds"] == 3600
    assert admin.ok("DELETE", path) == {}
    assert admin("DELETE", path).status == 404
    assert admin("GET", path).status == 405


def test_settings_of_the_process_are_shown_and_not_changed(admin: Client) -> None:
    shown = admin.ok("GET", f"{API}/securityconfig")["config"]["dynamic"]
    assert list(shown["authc"]) == ["api_key_auth_domain", "basic_auth_domain"]
    assert admin("PATCH", f"{API}/securityconfig").body == {"status": "FORBIDDEN", "message": "Access denied"}


def test_with_security_off_there_is_no_security_api(tmp_path: Path) -> None:
    with gateway(tmp_path / "data") as server:
        answer = Client(server.url)("GET", "/_plugins/_security/health")
        assert (answer.status, answer.text) == (
            400,
            '{"error":"no handler found for uri [/_plugins/_security/health] and method [GET]"}',
        )


def test_logins_while_a_hash_is_made_anew_all_succeed_on_every_worker(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    with gateway(data, "--workers", "2", environment={"FAIRLEAD_PASSWORD_REHASH": "yes"}) as running:
        client = Client(running.url, login("caller"))
        found: list[int] = []

        def use() -> None:
            found.extend(client("GET", f"{API}/account").status for _ in range(25))

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        audit = data / "audit" / "audit.log"
        until = time.monotonic() + 60
        while "made anew" not in (audit.read_text("utf-8") if audit.exists() else ""):
            assert time.monotonic() < until, running.errors
            found.append(client("GET", f"{API}/account").status)
        found += [client("GET", f"{API}/account").status for _ in range(10)]
    assert set(found) == {200}
