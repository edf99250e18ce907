"""Models from registration to predict: what is refused, what deploys, and in which order."""

from __future__ import annotations

import base64

import pytest

from client import ML, Client


def _state(client: Client, model: str) -> str:
    return str(client.ok("GET", f"{ML}/models/{model}")["model_state"])


def _raw(simulator: str, body: str) -> str:
    encoded = base64.b64encode(body.encode()).decode().replace("+", "%2B").replace("/", "%2F")
    return f"{simulator}/raw?b64={encoded}"


def test_the_first_predict_deploys_and_leaves_a_task(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo"), "auto deploy")
    assert _state(client, model) == "REGISTERED"
    assert client.predict(model, v="x").status == 200
    assert _state(client, model) == "DEPLOYED"
    found = client.ok("POST", f"{ML}/tasks/_search", {"query": {"term": {"model_id": model}}})
    assert {hit["_source"]["task_type"] for hit in found["hits"]["hits"]} == {"REGISTER_MODEL", "DEPLOY_MODEL"}


def test_a_model_that_forbids_it_is_not_deployed_by_a_predict(client: Client, simulator: str) -> None:
    setting = {"deploy_setting": {"is_auto_deploy_enabled": False}}
    model = client.model(client.connector(f"{simulator}/echo"), "no auto deploy", **setting)
    answer = client.predict(model)
    assert answer.status == 400
    assert (
        answer.body["error"]["reason"]
        == f"Auto deployment disabled for this model, please deploy model first Model ID: {model}"
    )
    assert _state(client, model) == "REGISTERED"


def test_a_disabled_model_is_refused_at_once_and_not_deployed(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo"), "disabled", is_enabled=False)
    answer = client.predict(model)
    assert (answer.status, answer.body["error"]["reason"]) == (403, "Model is disabled.")
    assert _state(client, model) == "REGISTERED"


def test_a_wrong_body_is_a_400_and_deploys_nothing(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo"), "wrong body")
    for body in ({"parameters": ["v"]}, {"action_type": "nonsense"}, {"action_type": "cancel_batch_predict"}):
        assert client("POST", f"{ML}/models/{model}/_predict", body).status == 400
    assert client("POST", f"{ML}/_predict/text_embedding/{model}", {"text_docs": None}).status == 400
    assert client("POST", f"{ML}/_predict/nonsense/{model}", {}).status == 400
    assert _state(client, model) == "REGISTERED"


def test_a_stream_parameter_on_the_plain_route_is_answered(client: Client, simulator: str) -> None:
    """D-02: it hangs in the original."""
    model = client.model(client.connector(f"{simulator}/echo"), "stream parameter")
    assert client.predict(model, v="x", stream=True).status == 200


def test_fewer_embeddings_than_documents_is_a_502(client: Client, simulator: str) -> None:
    functions = {
        "request_body": '{"input": ${parameters.input}}',
        "pre_process_function": "connector.pre_process.openai.embedding",
        "post_process_function": "connector.post_process.openai.embedding",
    }
    url = _raw(simulator, '{"data":[{"embedding":[1,2]}]}')
    model = client.model(client.connector(url, action=functions), "too few")
    path = f"{ML}/_predict/text_embedding/{model}"
    assert client("POST", path, {"text_docs": ["a"]}).status == 200
    answer = client("POST", path, {"text_docs": ["a", "b"]})
    assert answer.status == 502
    assert answer.body["error"]["reason"] == "The provider returned 1 embeddings for 2 documents"


@pytest.mark.parametrize("extra", [{}, {"interface": {}}])
def test_an_unknown_connector_is_a_404_and_leaves_no_group(
    client: Client, extra: dict[str, object], simulator: str
) -> None:
    client.connector(simulator)
    body = {"name": "no connector", "function_name": "remote", "connector_id": "nowhere", **extra}
    answer = client("POST", f"{ML}/models/_register", body)
    assert (answer.status, answer.body["error"]["reason"]) == (404, "Failed to find connector:nowhere")
    found = client.ok("POST", f"{ML}/model_groups/_search", {"query": {"term": {"name.keyword": "no connector"}}})
    assert found["hits"]["total"]["value"] == 0


def test_a_deployed_model_cannot_be_deleted(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo"), "deployed")
    client.ok("POST", f"{ML}/models/{model}/_deploy")
    assert client("DELETE", f"{ML}/models/{model}").status == 400
    [stats] = client.ok("POST", f"{ML}/models/{model}/_undeploy").values()
    assert stats == {"stats": {model: "undeployed"}}
    assert client.ok("DELETE", f"{ML}/models/{model}")["result"] == "deleted"
    assert client("GET", f"{ML}/models/{model}").status == 404


def test_two_models_share_a_connector_that_cannot_go_before_them(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo")
    models = [client.model(connector, f"sharing {number}") for number in (1, 2)]
    assert all(client.predict(model, v="x").status == 200 for model in models)
    answer = client("DELETE", f"{ML}/connectors/{connector}")
    assert answer.status == 409
    assert all(model in answer.body["error"]["reason"] for model in models)


def test_a_connector_that_cannot_be_loaded_fails_the_deployment_and_says_why(client: Client, simulator: str) -> None:
    connector = client.connector(f"{simulator}/echo", action={"url": f"{simulator}/echo", "method": "BREW"})
    model = client.model(connector, "bad method")
    answer = client.predict(model)
    assert (answer.status, answer.body["error"]["reason"]) == (400, "unsupported http method")


def test_documents_go_out_in_chunks_and_come_back_in_order(client: Client, simulator: str) -> None:
    functions = {
        "request_body": '{"texts": ${parameters.texts}}',
        "pre_process_function": "connector.pre_process.cohere.embedding",
    }
    connector = client.connector(
        f"{simulator}/echo", action=functions, parameters={"input_docs_processed_step_size": 2}
    )
    model = client.model(connector, "chunks")
    answer = client.ok("POST", f"{ML}/_predict/text_embedding/{model}", {"text_docs": list("abcde")})
    bodies = [part["output"][0]["dataAsMap"]["body"] for part in answer["inference_results"]]
    assert bodies == ['{"texts": ["a","b"]}', '{"texts": ["c","d"]}', '{"texts": ["e"]}']
