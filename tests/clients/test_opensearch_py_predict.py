"""Predictions through opensearch-py, from blueprint to tensor, for every provider that the simulator plays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from opensearchpy import exceptions

from clients.opensearch_py import AWS, POST, PRE, Flow, answered, refused, vector

Blueprint = Callable[[Flow], dict[str, Any]]


def aws(service: str, region: str) -> dict[str, Any]:
    return {**AWS, "parameters": {"region": region, "service_name": service}}


def functions(pre: str, post: str | None = None) -> dict[str, Any]:
    return {"pre_process_function": PRE + pre, "post_process_function": POST + (post or pre)}


def openai(flow: Flow) -> dict[str, Any]:
    body = '{ "input": ${parameters.input}, "model": "${parameters.model}" }'
    given = {"model": "text-embedding-3-small"}
    return flow.blueprint("openai", "/v1/embeddings", body, parameters=given, **functions("openai.embedding"))


def cohere(flow: Flow) -> dict[str, Any]:
    body = '{ "texts": ${parameters.texts}, "model": "${parameters.model}", "input_type": "search_document" }'
    given = {"model": "embed-english-v3.0"}
    return flow.blueprint("cohere", "/cohere/v1/embed", body, parameters=given, **functions("cohere.embedding"))


def sagemaker(flow: Flow) -> dict[str, Any]:
    path = f"/sagemaker/endpoints/ep-{flow.tag}/invocations"
    rest = {**aws("sagemaker", "us-east-1"), **functions("default.embedding")}
    return flow.blueprint("sagemaker", path, "${parameters.input}", **rest)


def titan(flow: Flow) -> dict[str, Any]:
    path = f"/bedrock/model/amazon.titan-embed-{flow.tag}/invoke"
    rest = {**aws("bedrock", "us-west-2"), **functions("bedrock.embedding")}
    return flow.blueprint("titan", path, '{ "inputText": "${parameters.inputText}" }', **rest)


def reranker(flow: Flow) -> dict[str, Any]:
    body = (
        '{ "documents": ${parameters.documents}, "query": "${parameters.query}", "model": "${parameters.model}", '
        '"top_n": ${parameters.top_n} }'
    )
    given = {"model": "rerank-english-v3.0"}
    return flow.blueprint("rerank", "/cohere/v1/rerank", body, parameters=given, **functions("cohere.rerank"))


def claude(flow: Flow) -> dict[str, Any]:
    path, body = "/bedrock/model/anthropic.claude/invoke", '{ "prompt": "${parameters.prompt}" }'
    return flow.blueprint("claude", path, body, **aws("bedrock", "us-west-2"))


def deployed(flow: Flow, blueprint: dict[str, Any]) -> str:
    model, _ = flow.register(connector_id=flow.connector(blueprint))
    flow.deploy(model)
    assert flow.model_state(model) == "DEPLOYED"
    return model


def embedded(flow: Flow, model: str, texts: list[str]) -> None:
    """Asserts that the model makes of each text its vector, in order."""
    reply = flow.ml("predict", "text_embedding", model, body={"text_docs": texts})
    assert {part["status_code"] for part in reply["inference_results"]} == {200}
    tensors = [tensor for part in reply["inference_results"] for tensor in part["output"]]
    assert {(tensor["name"], tensor["data_type"], *tensor["shape"]) for tensor in tensors} == {
        ("sentence_embedding", "FLOAT32", 4)
    }
    assert [tensor["data"] for tensor in tensors] == [vector(text) for text in texts]


@pytest.mark.parametrize("blueprint", [openai, cohere, sagemaker, titan, reranker, claude])
def test_a_blueprint_becomes_a_deployed_model(flow: Flow, blueprint: Blueprint) -> None:
    deployed(flow, blueprint(flow))


@pytest.mark.parametrize("blueprint", [openai, cohere, sagemaker, titan])
def test_text_docs_become_vectors_in_order(flow: Flow, blueprint: Blueprint) -> None:
    quoted = [] if blueprint is titan else ['said "hi"']
    embedded(flow, deployed(flow, blueprint(flow)), ["a rose", *quoted, "ünï"])


@pytest.mark.parametrize(
    ("blueprint", "service", "region"), [(sagemaker, "sagemaker", "us-east-1"), (titan, "bedrock", "us-west-2")]
)
def test_a_call_to_aws_is_signed(flow: Flow, blueprint: Blueprint, service: str, region: str) -> None:
    body = blueprint(flow)
    embedded(flow, deployed(flow, body), ["signed"])
    headers = flow.requests(body["actions"][0]["url"].removeprefix(flow.upstream))[-1]["headers"]
    assert re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential=AKIDFLOW/\d{{8}}/{region}/{service}/aws4_request, "
        r"SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}",
        headers["authorization"],
    )
    assert headers["x-amz-security-token"] == "token-flow"


def test_a_bearer_key_reaches_the_provider(flow: Flow) -> None:
    embedded(flow, deployed(flow, openai(flow)), ["with a key"])
    assert flow.requests("/v1/embeddings")[-1]["headers"]["authorization"] == "Bearer sk-flow"


def test_scores_come_in_the_order_of_the_documents(flow: Flow) -> None:
    body = {"query_text": "q", "text_docs": ["d0", "d1", "d2"]}
    reply = flow.ml("predict", "text_similarity", deployed(flow, reranker(flow)), body=body)
    outputs = [output for part in reply["inference_results"] for output in part["output"]]
    assert [(output["name"], output["shape"]) for output in outputs] == [("similarity", [1])] * 3
    assert [output["data"] for output in outputs] == [[0.9], [0.8], [0.7]]


def test_a_prompt_of_two_lines_arrives_as_it_is(flow: Flow) -> None:
    reply = flow.ml("predict_model", deployed(flow, claude(flow)), body={"parameters": {"prompt": "one\ntwo"}})
    assert answered(reply)["completion"] == " one\ntwo"


def test_a_chat_answers_with_the_connectors_parameter(flow: Flow) -> None:
    said = flow.chat(flow.chat_model(), f"hello {flow.tag}")
    assert said["choices"][0]["message"]["content"] == f"You said: hello {flow.tag}"
    assert said["model"] == "gpt-4o"


def test_an_updated_parameter_of_the_connector_acts_on_its_deployed_model(flow: Flow) -> None:
    connector = flow.connector(flow.chat_blueprint(flow.unique("live")))
    model, _ = flow.register(connector_id=connector)
    flow.deploy(model)
    flow.ml("update_connector", connector, body={"parameters": {"model": "gpt-5"}})
    assert flow.chat(model, "which")["model"] == "gpt-5"


def test_a_parameter_of_the_request_wins_on_the_route_with_an_algorithm(flow: Flow) -> None:
    parameters = {"model": "over", "messages": [{"role": "user", "content": "x"}]}
    reply = flow.ml("predict", "remote", flow.chat_model(), body={"parameters": parameters})
    assert answered(reply)["model"] == "over"


def test_a_missing_parameter_is_400(flow: Flow) -> None:
    with refused(exceptions.RequestError, 400, "Invalid payload"):
        flow.ml("predict_model", flow.chat_model(), body={"parameters": {}})


def test_a_connector_inside_its_model_predicts_and_hides_its_credential(flow: Flow) -> None:
    body = flow.blueprint("inside", "/v1/chat/completions", '{ "messages": ${parameters.messages} }')
    model, _ = flow.register(connector=body)
    found = flow.ml("get_model", model)
    assert found["connector"]["name"] == "inside"
    assert "sk-flow" not in json.dumps(found)
    assert flow.chat(model, "in")["choices"][0]["message"]["content"] == "You said: in"


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, exceptions.AuthenticationException), (429, exceptions.TransportError), (500, exceptions.TransportError)],
)
def test_a_providers_error_keeps_its_status(flow: Flow, status: int, error: type[exceptions.TransportError]) -> None:
    body = flow.blueprint(f"e{status}", f"/status/{status}", '{ "a": "b" }')
    model, _ = flow.register(connector_id=flow.connector(body))
    with refused(error, status):
        flow.ml("predict_model", model, body={"parameters": {}})
