"""Guardrails, word lists and interfaces of a running server: what a client sees of them, and that nothing hangs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from process import Server, gateway

WORDS = "/_fairlead/word_lists"
INPUT, OUTPUT = "guardrails triggered for user input", "guardrails triggered for LLM output"


def reason(answer: Any) -> tuple[int, str | None]:
    return answer.status, answer.body["error"]["reason"] if answer.status != 200 else None


def guarded(client: Client, simulator: str, name: str, **members: Any) -> str:
    return client.model(client.connector(f"{simulator}/echo"), name, **members)


def test_a_refused_call_says_which_side_and_nothing_is_sent(client: Client, simulator: str) -> None:
    rules = {"input_guardrail": {"regex": [".*kill.*"]}, "output_guardrail": {"regex": ["whisper"], "match": "search"}}
    model = guarded(client, simulator, "both sides", guardrails=rules)
    assert reason(client.predict(model, v="welcome")) == (200, None)
    assert reason(client.predict(model, v="a killer")) == (400, INPUT)
    assert reason(client.predict(model, v="a whisper")) == (400, OUTPUT)
    shown = client.ok("GET", f"{ML}/models/{model}")["guardrails"]
    assert shown == {"type": "local_regex", **rules}


def test_a_word_list_is_made_used_changed_and_kept_while_it_is_used(client: Client, simulator: str) -> None:
    path = f"{WORDS}/insults"
    assert client.ok("PUT", path, {"phrases": {"title": ["bad dog"]}}) == {"index_name": "insults", "result": "created"}
    assert client.ok("GET", path) == {"index_name": "insults", "phrases": {"title": ["bad dog"]}}
    side = {"input_guardrail": {"stop_words": [{"index_name": "insults", "source_fields": ["title"]}]}}
    model = guarded(client, simulator, "word list", guardrails=side)
    assert reason(client.predict(model, v="You BAD dog!")) == (400, INPUT)
    assert reason(client.predict(model, v="a dog, not bad")) == (200, None)
    client.ok("PUT", path, {"phrases": {"title": ["cat"]}})
    assert reason(client.predict(model, v="a cat")) == (400, INPUT)
    assert client("DELETE", path).status == 409
    client.ok("PUT", f"{ML}/models/{model}", {"guardrails": {"input_guardrail": {"stop_words": []}}})
    assert client.ok("DELETE", path) == {"index_name": "insults", "result": "deleted"}
    assert client("GET", path).status == client("DELETE", path).status == 404


@pytest.mark.parametrize(
    ("name", "body", "text"),
    [
        ("x", {}, "phrases is required"),
        ("x", {"phrases": ["a"]}, "expecting token of type [START_OBJECT]"),
        ("x", {"phrases": {"title": "a"}}, "expecting token of type [START_ARRAY]"),
        ("x", {"phrases": {"title": [None]}}, "Can't get text on a VALUE_NULL"),
        ("x", {"phrases": {"title": ["x" * 1000] * 501}}, "phrases holds more than 500000 characters"),
        ("x", {"phrases": {"title": ["!"]}}, "phrases.title holds a phrase without a word"),
        ("_x", {"phrases": {"title": ["a"]}}, "index_name must not start with '_'"),
    ],
)
def test_a_bad_word_list_is_a_400_that_says_what_is_wrong(client: Client, name: str, body: Any, text: str) -> None:
    status, told = reason(client("PUT", f"{WORDS}/{name}", body))
    assert status == 400
    assert text in str(told)


@pytest.mark.parametrize(
    ("side", "text"),
    [
        ({"regex": ["("]}, "Invalid regex in input_guardrail"),
        ({"regex": ["a"] * 1001}, "regex of input_guardrail holds more than 1000 patterns"),
        ({"regex": ["a" * 25_001] * 2}, "regex of input_guardrail holds more than 1000 patterns or 50000 characters"),
        ({"regex": ["a"], "match": "any"}, "match of input_guardrail must be one of [full, search]"),
        ({"regex": ["a"], "fields": ["$["]}, "Invalid path in fields of input_guardrail"),
    ],
)
def test_a_rule_that_cannot_compile_is_a_400_at_registration_and_update(
    client: Client, simulator: str, side: dict[str, Any], text: str
) -> None:
    connector = client.connector(f"{simulator}/echo")
    model = client.model(connector, "bad rules")
    given = {"guardrails": {"input_guardrail": side}}
    new = {"name": "bad rules", "function_name": "remote", "connector_id": connector, **given}
    for method, path, body in (("POST", f"{ML}/models/_register", new), ("PUT", f"{ML}/models/{model}", given)):
        status, told = reason(client(method, path, body))
        assert status == 400
        assert text in str(told)


def test_a_catastrophic_pattern_is_a_refusal_and_the_server_goes_on(client: Client, simulator: str) -> None:
    model = guarded(client, simulator, "slow pattern", guardrails={"input_guardrail": {"regex": ['.*"(?:a|a)*"}']}})
    assert reason(client.predict(model, v="a" * 60 + "!")) == (400, INPUT)
    assert reason(client.predict(model, v="b")) == (200, None)


def test_a_judging_model_decides_and_a_circle_is_a_400(client: Client, simulator: str) -> None:
    says = {"request_body": '{"response":"${parameters.question}"}'}
    read = {"response_filter": "$.body"}
    judge = client.model(client.connector(f"{simulator}/echo", action=says, parameters=read), "judge")
    side = {"model_id": judge, "response_validation_regex": '"fine"'}
    model = guarded(client, simulator, "judged", guardrails={"type": "model", "input_guardrail": side})
    assert reason(client.predict(model, question="fine")) == (200, None)
    assert reason(client.predict(model, question="not fine")) == (400, INPUT)
    circle = {"guardrails": {"type": "model", "input_guardrail": {**side, "model_id": model}}}
    status, told = reason(client("PUT", f"{ML}/models/{judge}", circle))
    assert (status, "cannot ask the model that they guard" in str(told)) == (400, True)


def test_what_an_interface_refuses_deploys_nothing_and_an_update_holds_at_once(client: Client, simulator: str) -> None:
    schema = {"properties": {"parameters": {"required": ["v"]}}}
    model = guarded(client, simulator, "interface", interface={"input": schema})
    assert client.predict(model).status == 400
    assert client.ok("GET", f"{ML}/models/{model}")["model_state"] == "REGISTERED"
    assert client.predict(model, v="x").status == 200
    client.ok(
        "PUT", f"{ML}/models/{model}", {"interface": {"input": {"properties": {"parameters": {"required": ["w"]}}}}}
    )
    assert "required property 'w' not found" in str(reason(client.predict(model, v="x"))[1])


def test_a_violated_output_does_not_show_the_credential_that_the_provider_sent_back(
    client: Client, simulator: str
) -> None:
    connector = client.connector(f"{simulator}/echo", credential={"key": "canary-5d1e"})
    model = client.model(connector, "output", interface={"output": {"required": ["nothing"]}})
    answer = client.predict(model, v="x")
    assert answer.status == 400
    assert "Error validating output schema" in answer.text
    assert "canary" not in answer.text


def test_documents_are_guarded_like_any_other_body(client: Client, simulator: str) -> None:
    function = "connector.pre_process.openai.embedding"
    action = {"request_body": '{"v":${parameters.input}}', "pre_process_function": function}
    rules = {"input_guardrail": {"regex": [".*kill.*"]}}
    model = client.model(client.connector(f"{simulator}/echo", action=action), "documents", guardrails=rules)
    path = f"{ML}/_predict/text_embedding/{model}"
    assert client("POST", path, {"text_docs": ["a", "b"]}).status == 200
    assert reason(client("POST", path, {"text_docs": ["a", "kill"]})) == (400, INPUT)


def test_the_execute_action_runs_by_the_body_and_without_one_is_a_400(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo", action={"action_type": "execute"}), "execute")
    path = f"{ML}/models/{model}/_predict"
    answer = client.ok("POST", path, {"action_type": "Execute", "parameters": {"v": "x"}})
    assert answer["inference_results"][0]["output"][0]["dataAsMap"]["body"] == '{"v":"x"}'
    assert reason(client("POST", path, {})) == (400, "no PREDICT action found")
    plain = client.model(client.connector(f"{simulator}/echo"), "no execute")
    told = reason(client("POST", f"{ML}/models/{plain}/_predict", {"action_type": "execute"}))
    assert told == (400, "no EXECUTE action found")


@pytest.mark.parametrize("body", [None, {}, {"index_name": "x"}])
def test_batch_ingestion_is_a_400_that_says_what_to_use(client: Client, body: Any) -> None:
    status, told = reason(client("POST", f"{ML}/_batch_ingestion", body))
    assert status == 400
    assert "_predict/text_embedding" in str(told)


@pytest.mark.parametrize(
    ("list_name", "field", "told"),
    [("missing", "title", "word list [missing], which does not exist"), ("there", "body", "field [body]")],
)
def test_a_deployed_model_is_not_given_words_that_do_not_exist(
    client: Client, simulator: str, list_name: str, field: str, told: str
) -> None:
    client.ok("PUT", f"{WORDS}/there", {"phrases": {"title": ["kill"]}})
    model = guarded(client, simulator, f"words-{list_name}-{field}")
    assert client.predict(model, v="welcome").status == 200
    side = {"stop_words": [{"index_name": list_name, "source_fields": [field]}]}
    changed = client("PUT", f"{ML}/models/{model}", {"guardrails": {"type": "local_regex", "input_guardrail": side}})
    assert reason(changed)[0] == 400
    assert told in str(reason(changed)[1])
    assert client.predict(model, v="kill").status == 200


@pytest.fixture
def two_workers(tmp_path: Path) -> Any:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        yield server


def test_a_changed_word_list_counts_on_every_worker(two_workers: Server, simulator: str) -> None:
    client = Client(two_workers.url)
    client.trust_local()
    client.ok("PUT", f"{WORDS}/live", {"phrases": {"title": ["kill"]}})
    side = {"input_guardrail": {"stop_words": [{"index_name": "live", "source_fields": ["title"]}]}}
    model = guarded(client, simulator, "live", guardrails=side)
    assert {reason(client.predict(model, v="kill")) for _ in range(8)} == {(400, INPUT)}
    client.ok("PUT", f"{WORDS}/live", {"phrases": {"title": ["rob"]}})
    # Every request of the control plane catches its worker up; predicts follow by themselves within a poll.
    for _ in range(200):
        if {reason(client.predict(model, v="rob"))[0] for _ in range(8)} == {400}:
            break
    assert {reason(client.predict(model, v="rob")) for _ in range(8)} == {(400, INPUT)}


def test_no_schema_and_no_input_stop_a_worker(client: Client, simulator: str) -> None:
    doubling: dict[str, Any] = {"a0": {"type": "string"}}
    for n in range(1, 40):
        doubling[f"a{n}"] = {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2}
    connector = client.connector(f"{simulator}/echo")
    body = {"name": "doubling", "function_name": "remote", "connector_id": connector}
    schema = {"$defs": doubling, "$ref": "#/$defs/a39"}
    assert client("POST", f"{ML}/models/_register", body | {"interface": {"input": schema}}).status == 400
    model = client.model(connector, "unbearable")
    assert client("PUT", f"{ML}/models/{model}", {"interface": {"output": schema}}).status == 400
    texts = {"properties": {"parameters": {"properties": {"v": {"items": {"type": "string"}}}}}}
    client.ok("PUT", f"{ML}/models/{model}", {"interface": {"input": texts}})
    answer = client.predict(model, v=[1] * 300_000)
    assert answer.status == 400
    assert answer.text.count("integer found") == 2, "once in the cause, once in the reason"


@pytest.mark.parametrize(
    ("kind", "path", "config"),
    [
        ("slow", "/echo?x-simulate-delay-ms=20000", {"read_timeout": 1, "max_retry_times": 0}),
        ("failing", "/echo?x-simulate-status=500", {"max_retry_times": 0}),
        ("dropping", "/echo?x-simulate-drop=true", {"max_retry_times": 0}),
        ("babbling", "/raw?b64=bm90IGpzb24=", {}),
    ],
)
def test_a_judge_that_does_not_say_yes_closes(
    client: Client, simulator: str, kind: str, path: str, config: dict[str, int]
) -> None:
    judge = client.model(client.connector(f"{simulator}{path}", client_config=config), f"judge {kind}")
    rules = {"type": "model", "input_guardrail": {"model_id": judge, "response_validation_regex": "^yes$"}}
    model = guarded(client, simulator, f"judged {kind}", guardrails=rules)
    assert reason(client.predict(model, v="x", question="fine?")) == (400, INPUT)


def test_a_judge_is_loaded_when_it_is_asked_and_one_that_was_deleted_closes(client: Client, simulator: str) -> None:
    judge = guarded(client, simulator, "comes and goes")
    asks = {"model_id": judge, "response_filter": "$.method", "response_validation_regex": '^"POST"$'}
    rules = {"type": "model", "input_guardrail": asks}
    model = guarded(client, simulator, "judged", guardrails=rules)
    assert reason(client.predict(model, v="x", question="fine?")) == (200, None)
    client.ok("POST", f"{ML}/models/{judge}/_undeploy")
    assert reason(client.predict(model, v="x", question="fine?")) == (200, None)
    assert reason(client("PUT", f"{ML}/models/{judge}", {"guardrails": rules}))[0] == 400
    client.ok("POST", f"{ML}/models/{judge}/_undeploy")
    client.ok("DELETE", f"{ML}/models/{judge}")
    assert reason(client.predict(model, v="x", question="fine?")) == (400, INPUT)
