"""Painless scripts inside connectors: what they see, what their faults look like, and that a slow one is alone with it."""

from __future__ import annotations

import threading
from typing import Any

from client import ML, Client

TITAN_PRE = """
    StringBuilder builder = new StringBuilder();
    builder.append("\\"");
    String first = params.text_docs[0];
    builder.append(first);
    builder.append("\\"");
    def parameters = "{" +"\\"inputText\\":" + builder + "}";
    return  "{" +"\\"parameters\\":" + parameters + "}";"""


def _embed(client: Client, model: str, docs: list[str]) -> Any:
    return client("POST", f"{ML}/_predict/text_embedding/{model}", {"text_docs": docs})


def test_a_pre_process_script_runs_once_per_document(client: Client, simulator: str) -> None:
    action = {"request_body": '{"inputText": "${parameters.inputText}"}', "pre_process_function": TITAN_PRE}
    model = client.model(client.connector(f"{simulator}/echo", action=action), "titan script")
    answer = _embed(client, model, ['say "hi"', "back\\slash"])
    bodies = [part["output"][0]["dataAsMap"]["body"] for part in answer.body["inference_results"]]
    assert bodies == ['{"inputText": "say \\"hi\\""}', '{"inputText": "back\\\\slash"}']


def test_a_post_process_script_makes_tensors(client: Client, simulator: str) -> None:
    script = """
      def e = params.embedding;
      return '{"name":"v","data_type":"FLOAT32","shape":[' + e.length + '],"data":' + e + '}';"""
    action = {"post_process_function": script}
    url = f"{simulator}/raw?b64=eyJlbWJlZGRpbmciOlswLjEsLTIsMzAwMDAwMDAwMF19"  # {"embedding":[0.1,-2,3000000000]}
    model = client.model(client.connector(url, action=action), "post script")
    [output] = client.predict(model).body["inference_results"][0]["output"]
    assert output == {"name": "v", "data_type": "FLOAT32", "shape": [3], "data": [0.1, -2, 3000000000]}


def test_a_script_that_does_not_compile_is_a_400_with_its_place(client: Client, simulator: str) -> None:
    action = {"pre_process_function": "return params.text_docs[0"}
    answer = _embed(client, client.model(client.connector(f"{simulator}/echo", action=action), "no script"), ["a"])
    assert answer.status == 400
    error = answer.body["error"]
    assert (error["type"], error["reason"], error["lang"]) == ("script_exception", "compile error", "painless")
    assert {"script_stack", "script", "position", "caused_by"} <= error.keys()
    assert "caused_by" not in error["root_cause"][0]


def test_a_post_process_script_that_fails_is_a_500_with_its_cause(client: Client, simulator: str) -> None:
    action = {"post_process_function": "throw new IllegalStateException('no luck');"}
    answer = client.predict(client.model(client.connector(f"{simulator}/echo", action=action), "failing"))
    assert answer.status == 500
    assert answer.body["error"]["caused_by"]["caused_by"] == {"type": "illegal_state_exception", "reason": "no luck"}


def test_a_slow_script_does_not_hold_up_other_predicts(client: Client, simulator: str) -> None:
    slow = "def s = 0; for (int k = 0; k < 4; ++k) { s += f(); } return '' + s;"
    script = "int f() { int t = 0; for (int i = 0; i < 900000; ++i) { t += i % 7; } return t; } " + slow
    busy = client.model(client.connector(f"{simulator}/echo", action={"post_process_function": script}), "slow script")
    quick = client.model(client.connector(f"{simulator}/echo"), "beside the slow script")
    client.predict(quick)
    client.ok("POST", f"{ML}/models/{busy}/_deploy")
    done = threading.Event()
    statuses: list[int] = []

    def run() -> None:
        statuses.append(client.predict(busy).status)
        done.set()

    runner = threading.Thread(target=run)
    runner.start()
    beside = 0
    while not done.is_set():
        assert client.predict(quick, v="x").status == 200
        beside += not done.is_set()
    runner.join(30)
    assert statuses == [200]
    assert beside >= 5
