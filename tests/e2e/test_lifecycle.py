"""The life of connectors, groups and models over REST: updates that running models follow, and refusals (spec/01, spec/02)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from client import ML, Answer, Client

BROKEN = "def x = ; return x;"
REFUSE = "fairlead.compat.refuse_update_of_deployed_connectors"


def reason(answer: Answer) -> str:
    return str(answer.body["error"]["reason"])


def inline(url: str) -> dict[str, Any]:
    action = {
        "action_type": "predict",
        "method": "POST",
        "url": url,
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": '{"v":"${parameters.v:-none}"}',
    }
    return {"name": "inner", "protocol": "http", "credential": {"key": "secret-1"}, "actions": [action]}


def registered(client: Client, name: str, **members: Any) -> str:
    body = {"name": name, "function_name": "remote", **members}
    return str(client.ok("POST", f"{ML}/models/_register", body)["model_id"])


def put(client: Client, model: str, **members: Any) -> Answer:
    return client("PUT", f"{ML}/models/{model}", members)


def shown(client: Client, model: str) -> Any:
    return client.ok("GET", f"{ML}/models/{model}")


def test_an_update_of_the_inner_connector_reaches_the_running_model_and_keeps_the_credential(
    client: Client, simulator: str
) -> None:
    model = registered(client, "inner", connector=inline(f"{simulator}/echo/one"))
    first = client.predict(model)
    assert "/echo/one" in first.text
    assert "Bearer secret-1" in first.text
    actions = [{**inline(f"{simulator}/echo/two")["actions"][0]}]
    assert put(client, model, connector={"description": "new", "actions": actions}).status == 200
    second = client.predict(model)
    assert "/echo/two" in second.text
    assert "Bearer secret-1" in second.text
    assert put(client, model, connector={"credential": {"key": "secret-2"}}).status == 200
    assert "Bearer secret-2" in client.predict(model).text
    found = shown(client, model)
    assert found["connector"]["description"] == "new"
    assert "credential" not in found["connector"]
    assert (found["model_id"], found["model_state"]) == (model, "DEPLOYED")


def test_another_connector_id_reaches_the_running_model(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo/old"), "moved")
    assert "/echo/old" in client.predict(model).text
    answer = put(client, model, connector_id=client.connector(f"{simulator}/echo/new"))
    assert answer.body["result"] == "updated"
    assert "/echo/new" in client.predict(model).text


def test_switching_a_model_off_and_on_acts_at_once(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo"), "switch")
    assert client.predict(model).status == 200
    put(client, model, is_enabled=False)
    assert client.predict(model).status == 403
    put(client, model, is_enabled=True)
    assert client.predict(model).status == 200


def test_no_predict_fails_while_its_connector_is_updated_again_and_again(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    model = client.model(connector, "under load")
    assert client.predict(model).status == 200
    done = threading.Event()
    answers: list[Answer] = []

    def predict() -> None:
        while not done.is_set():
            answers.append(client.predict(model))

    callers = [threading.Thread(target=predict) for _ in range(3)]
    for caller in callers:
        caller.start()
    for number in range(20):
        client.ok("PUT", f"{ML}/connectors/{connector}", {"credential": {"key": f"secret-{number}"}})
    done.set()
    for caller in callers:
        caller.join(30)
    assert len(answers) >= 3
    assert {answer.status for answer in answers} == {200}
    assert "Bearer secret-19" in client.predict(model).text


def test_members_merge_by_their_rules(client: Client, simulator: str) -> None:
    model = registered(
        client,
        "merge",
        connector_id=client.connector(f"{simulator}/echo"),
        deploy_setting={"model_ttl_minutes": 5},
        interface={"input": {"type": "object"}},
        guardrails={"input_guardrail": {"regex": ["a", "b"]}, "output_guardrail": {"regex": ["c"]}},
        rate_limiter={"limit": "4"},
        model_config={"model_type": "x", "additional_config": {"a": {"b": 1}}, "normalize_result": True},
    )
    changes = {
        "deploy_setting": {"is_auto_deploy_enabled": False},
        "interface": {"output": {"type": "array"}},
        "guardrails": {"input_guardrail": {"regex": ["z"]}},
        "rate_limiter": {"unit": "MINUTES"},
        "model_config": {"pooling_mode": "mean", "additional_config": {"a": {"c": 2}}, "normalize_result": False},
        "version": "9",
        "model_state": "DEPLOYED",
    }
    assert put(client, model, **changes).status == 200
    found = shown(client, model)
    assert found["deploy_setting"] == {"is_auto_deploy_enabled": False, "model_ttl_minutes": 5}
    assert found["interface"] == {"input": '{"type":"object"}', "output": '{"type":"array"}'}
    assert found["guardrails"] == {
        "type": "local_regex", "input_guardrail": {"regex": ["z"]}, "output_guardrail": {"regex": ["c"]},
    }  # fmt: skip
    assert found["rate_limiter"] == {"limit": "4", "unit": "MINUTES"}
    assert found["model_config"] == {
        "model_type": "x", "pooling_mode": "MEAN", "additional_config": {"a": {"b": 1, "c": 2}},
    }  # fmt: skip
    assert (found["model_version"], found["model_state"]) == ("1", "REGISTERED")


def test_an_update_is_refused_and_changes_nothing(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    model = client.model(connector, "refusals")
    inner = registered(client, "refusals inside", connector=inline(f"{simulator}/echo"))
    before = shown(client, model), shown(client, inner)
    cases = [
        (model, {"connector_id": "no-such"}, 404, "Failed to find connector:no-such"),
        (model, {"guardrails": {"input_guardrail": {"regex": ["(open"]}}}, 400, "Invalid regex in input_guardrail"),
        (model, {"guardrails": {"type": "model", "input_guardrail": {"model_id": "m"}}}, 400, "response_validation_regex"),
        (model, {"guardrails": {"type": "LOCAL_REGEX"}}, 400, "The type of guardrails is required, can not be null."),
        (model, {"interface": {"output": "not json"}}, 400, "[output]"),
        (model, {"model_config": {"model_type": "text_embedding"}}, 400, "Embedding dimension must be provided"),
        (model, {"model_group_id": "no-such"}, 404, "MODEL_GROUP_ID: no-such"),
        (model, {"connector": {"description": "x"}}, 400, "does not have an inline connector"),
        (inner, {"connector_id": connector}, 400, "maybe it uses an internal connector"),
        (inner, {"connector": {"protocol": "gopher"}}, 400, "Unsupported connector protocol"),
        (inner, {"connector": {"actions": [{**inline("http://127.0.0.1:1/x")["actions"][0]}]}}, 400, "credential again"),
        ("nope", {"description": "x"}, 404, "Failed to find model to update with the provided model id: nope"),
    ]  # fmt: skip
    for id, changes, status, text in cases:
        answer = put(client, id, **changes)
        assert (answer.status, text in reason(answer)) == (status, True), (changes, answer.text)
    assert (shown(client, model), shown(client, inner)) == before


@pytest.mark.parametrize(
    "member",
    ['"interface":{"input":{"a":1e999}}', '"model_config":{"additional_config":{"a":[1e999]}}', '"interface":{"input":1e999}'],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_number_that_no_json_can_hold_is_a_400(client: Client, simulator: str, member: str, method: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    path = f"{ML}/models/_register" if method == "POST" else f"{ML}/models/{client.model(connector, 'infinite')}"
    body = f'{{"name":"n","function_name":"remote","connector_id":"{connector}",{member}}}'
    if method == "PUT":
        body = f"{{{member}}}"
    answer = client.raw(method, path, body.encode(), {"Content-Type": "application/json"})
    assert answer.status == 400, answer


def test_register_refuses_what_would_fail_each_predict(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    cases = [
        ({"interface": {"input": "not json"}}, "[input]"),
        ({"guardrails": {"output_guardrail": {"regex": ["(open"]}}}, "Invalid regex in output_guardrail"),
        ({"model_config": {"all_config": '{"k":1}', "additional_config": {"k": 2}}}, "Duplicate keys found in both"),
    ]
    for members, text in cases:
        body = {"name": "bad", "function_name": "remote", "connector_id": connector, **members}
        answer = client("POST", f"{ML}/models/_register", body)
        assert (answer.status, text in reason(answer)) == (400, True), answer


def test_guardrails_are_shown_as_far_as_they_are_set(client: Client, simulator: str) -> None:
    given = {"input_guardrail": {"regex": [], "other": 1}, "output_guardrail": {}, "more": 2}
    model = registered(client, "empty guard", connector_id=client.connector(f"{simulator}/echo"), guardrails=given)
    assert shown(client, model)["guardrails"] == {"type": "local_regex"}


def test_a_connector_whose_script_cannot_compile_is_stored_with_a_warning(client: Client, simulator: str) -> None:
    """Issue 5: `Warning: 299`, at create, at update and for an inner connector."""
    body = {"name": "w", "version": 1, "protocol": "http", **inline(f"{simulator}/echo")}
    fine = client("POST", f"{ML}/connectors/_create", body)
    assert "warning" not in fine.headers
    action = {**body["actions"][0], "post_process_function": BROKEN}
    answers = [
        client("POST", f"{ML}/connectors/_create", {**body, "actions": [action]}),
        client("PUT", f"{ML}/connectors/{fine.body['connector_id']}", {"actions": [action]}),
        client(
            "POST",
            f"{ML}/models/_register",
            {"name": "w", "function_name": "remote", "connector": {**body, "actions": [action]}},
        ),
    ]
    for answer in answers:
        assert answer.status == 200, answer
        assert answer.headers["warning"].startswith('299 fairlead "post_process_function of action [PREDICT] does not ')


def test_with_the_compatibility_setting_a_connector_in_use_cannot_be_updated(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    model = client.model(connector, "held")
    client.ok("PUT", "/_cluster/settings", {"persistent": {REFUSE: True}})
    try:
        assert client("PUT", f"{ML}/connectors/{connector}", {"description": "free"}).status == 200
        client.ok("POST", f"{ML}/models/{model}/_deploy")
        refused = client("PUT", f"{ML}/connectors/{connector}", {"description": "held"})
        assert (refused.status, reason(refused)) == (
            400,
            f"1 models are still using this connector, please undeploy the models first: [{model}]",
        )
    finally:
        client.ok("PUT", "/_cluster/settings", {"persistent": {REFUSE: None}})
    assert client("PUT", f"{ML}/connectors/{connector}", {"description": "free again"}).status == 200


def test_a_group_name_may_be_longer_than_an_id(client: Client) -> None:
    name = "long name " * 100
    made = client.ok("POST", f"{ML}/model_groups/_register", {"name": name})
    taken = client("POST", f"{ML}/model_groups/_register", {"name": name})
    assert (taken.status, made["model_group_id"] in reason(taken)) == (400, True)


def test_clients_that_register_into_one_group_at_once_get_distinct_versions(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    group = client.ok("POST", f"{ML}/model_groups/_register", {"name": "many versions"})["model_group_id"]

    def register(number: int) -> Answer:
        body = {"name": f"v {number}", "function_name": "remote", "connector_id": connector, "model_group_id": group}
        return client("POST", f"{ML}/models/_register", body)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(register, range(50)))
    assert {answer.status for answer in answers} == {200}
    versions = {shown(client, answer.body["model_id"])["model_version"] for answer in answers}
    assert versions == {str(number) for number in range(1, 51)}
    assert client.ok("GET", f"{ML}/model_groups/{group}")["latest_version"] == 50


def test_registering_while_the_connector_is_deleted_leaves_no_model_without_one(client: Client, simulator: str) -> None:
    def race(connector: str) -> None:
        body = {"name": f"race {connector}", "function_name": "remote", "connector_id": connector}
        calls: list[Callable[[], Answer]] = [
            lambda: client("POST", f"{ML}/models/_register", body),
            lambda: client("DELETE", f"{ML}/connectors/{connector}"),
        ]
        with ThreadPoolExecutor(2) as pool:
            made, deleted = [future.result() for future in [pool.submit(call) for call in calls]]
        there = client("GET", f"{ML}/connectors/{connector}").status == 200
        assert (made.status, deleted.status, there) in ((200, 409, True), (404, 200, False)), (made, deleted)

    for _ in range(15):
        race(client.connector(f"{simulator}/echo"))


def test_cancel_answers_a_task_that_has_no_batch_job(client: Client, simulator: str) -> None:
    body = {"name": "task", "function_name": "remote", "connector_id": client.connector(f"{simulator}/echo")}
    task = client.ok("POST", f"{ML}/models/_register", body)["task_id"]
    for name in ("_cancel", "_cancel_batch"):
        none = client("POST", f"{ML}/tasks/{task}/{name}")
        assert (none.status, reason(none)) == (400, "The task ID you provided does not have any associated batch job")
        missing = client("POST", f"{ML}/tasks/nope/{name}")
        assert (missing.status, reason(missing)) == (404, "Fail to find task")


def test_safe_delete_keeps_a_model_that_guards_another(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    judge = client.model(connector, "judge")
    rules = {"type": "model", "input_guardrail": {"model_id": judge, "response_validation_regex": ".*"}}
    guarded = registered(client, "guarded", connector_id=connector, guardrails=rules)
    client.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.safe_delete_model": True}})
    try:
        refused = client("DELETE", f"{ML}/models/{judge}")
        assert (refused.status, guarded in reason(refused)) == (409, True)
        assert client("DELETE", f"{ML}/models/{guarded}").status == 200
        assert client("DELETE", f"{ML}/models/{judge}").status == 200
    finally:
        client.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.safe_delete_model": None}})
