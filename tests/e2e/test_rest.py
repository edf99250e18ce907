"""The REST face by itself: routing, methods, parameters, content types, and what clients check."""

from __future__ import annotations

import pytest

from client import ML, Client


def test_the_root_answers_what_clients_check(client: Client) -> None:
    root = client.ok("GET", "/")
    assert root["version"]["distribution"] == "opensearch"
    assert root["version"]["number"] == "3.6.0"
    assert root["tagline"].startswith("The OpenSearch Project")
    assert {"name", "cluster_name", "cluster_uuid"} <= root.keys()
    head = client("HEAD", "/")
    assert (head.status, head.text) == (200, "")


def test_health_is_green(client: Client) -> None:
    assert client.ok("GET", "/_cluster/health")["status"] == "green"
    assert client.ok("GET", "/_fairlead/health/live") == {"status": "ok"}
    assert client.ok("GET", "/_fairlead/health/ready") == {"status": "ok"}
    assert client.ok("GET", "/_fairlead/health")["mode"] == "normal"


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/_plugins/_ml/nope?x=1", 400, "no handler found for uri [/_plugins/_ml/nope] and method [GET]"),
        ("GET", f"{ML}//connectors/x", 400, f"no handler found for uri [{ML}//connectors/x] and method [GET]"),
        ("GET", f"{ML}/connectors/_create", 405, "allowed: [POST]"),
        (
            "PUT",
            f"{ML}/models/x/_predict?a=1",
            405,
            f"uri [{ML}/models/x/_predict?a=1] and method [PUT], allowed: [POST]",
        ),
    ],
)
def test_routing_faults_have_the_simple_form(client: Client, method: str, path: str, status: int, error: str) -> None:
    answer = client(method, path)
    assert answer.status == status
    assert error in answer.body["error"]


def test_options_tells_the_methods(client: Client) -> None:
    answer = client("OPTIONS", f"{ML}/connectors/x")
    assert answer.status == 200
    assert set(answer.headers["allow"].split(",")) == {"GET", "PUT", "DELETE"}


def test_an_id_is_decoded_once(client: Client, simulator: str) -> None:
    client.connector(simulator)
    answer = client("GET", f"{ML}/connectors/a%2Fb%2520c")
    assert answer.body["error"]["reason"].endswith("a/b%20c")


@pytest.mark.parametrize(("kind", "status"), [("text/plain", 406), ("json", 400), (None, 406)])
def test_a_body_needs_a_json_type(client: Client, kind: str | None, status: int) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    for path in (f"{ML}/connectors/_create", f"{ML}/models/x/_predict"):
        assert client.raw("POST", path, b"{}", headers).status == status


def test_pretty_and_filter_path_shape_the_reply(client: Client) -> None:
    answer = client("GET", "/?pretty&filter_path=version.number,tag*")
    assert answer.body.keys() == {"version", "tagline"}
    assert answer.body["version"].keys() == {"number"}
    assert "\n" in answer.text


def test_pretty_and_filter_path_work_on_predict_too(client: Client, simulator: str) -> None:
    model = client.model(client.connector(f"{simulator}/echo"), "shaped")
    path = f"{ML}/models/{model}/_predict?pretty&filter_path=inference_results.status_code"
    answer = client("POST", path, {"parameters": {}})
    assert answer.body == {"inference_results": [{"status_code": 200}]}
    assert "\n" in answer.text
    refused = client("POST", f"{ML}/models/{model}/_predict?prety", {"parameters": {}})
    assert "did you mean [pretty]" in refused.body["error"]["reason"]


def test_every_reply_carries_the_version_header(client: Client) -> None:
    for answer in (client("GET", "/"), client("GET", "/nope"), client("POST", f"{ML}/models/x/_predict", {})):
        assert answer.headers["x-opensearch-version"] == "OpenSearch/3.6.0 (opensearch)"


def test_settings_echo_nested_and_flat(client: Client) -> None:
    body = {"persistent": {"plugins": {"ml_commons": {"max_model_on_node": 7}}}, "transient": {}}
    answer = client.ok("PUT", "/_cluster/settings", body)
    assert answer["persistent"] == {"plugins": {"ml_commons": {"max_model_on_node": "7"}}}
    flat = client.ok(
        "PUT", "/_cluster/settings?flat_settings=true", {"persistent": {"plugins.ml_commons.max_model_on_node": None}}
    )
    assert flat == {"acknowledged": True, "persistent": {}, "transient": {}}
    shown = client.ok("GET", "/_cluster/settings?flat_settings=true&include_defaults=true")
    assert shown["defaults"]["plugins.ml_commons.max_model_on_node"] == "10"


def test_turning_private_addresses_off_acts_at_once_also_on_pooled_connections(client: Client, simulator: str) -> None:
    """D-27: a connection that was dialled under wider rules is not used again."""
    model = client.model(client.connector(f"{simulator}/echo"), "live rules")
    assert client.predict(model).status == 200
    key = "plugins.ml_commons.connector.private_ip_enabled"
    client.ok("PUT", "/_cluster/settings", {"persistent": {key: False}})
    try:
        answer = client.predict(model)
        assert answer.status == 400
        assert answer.body["error"]["reason"] == "Remote inference host name has private ip address: 127.0.0.1"
    finally:
        client.trust_local()
    assert client.predict(model).status == 200


def test_an_update_reaches_a_running_model_and_moving_it_needs_the_credential(client: Client, simulator: str) -> None:
    """T-07: a credential is bound to the origins it was given for."""
    connector = client.connector(f"{simulator}/echo/one")
    model = client.model(connector, "updated")
    assert "/echo/one" in client.predict(model).text
    actions = [{"action_type": "predict", "method": "POST", "url": f"{simulator}/echo/two", "request_body": "{}"}]
    client.ok("PUT", f"{ML}/connectors/{connector}", {"actions": actions})
    assert "/echo/two" in client.predict(model).text
    elsewhere = [{**actions[0], "url": "http://127.0.0.1:1/echo"}]
    refused = client("PUT", f"{ML}/connectors/{connector}", {"actions": elsewhere})
    assert refused.status == 400
    assert "send the credential again [key]" in refused.body["error"]["reason"]
    client.ok("PUT", f"{ML}/connectors/{connector}", {"actions": elsewhere, "credential": {"key": "again"}})


@pytest.mark.parametrize("id", ["%00", "a%00b", "x" * 600, "%ff"])
def test_ids_that_no_document_can_have_are_just_not_found(client: Client, simulator: str, id: str) -> None:
    client.model(client.connector(simulator), "some model")
    for kind in ("connectors", "model_groups", "models", "tasks"):
        assert client("GET", f"{ML}/{kind}/{id}").status == 404
        assert client("DELETE", f"{ML}/{kind}/{id}").status in (200, 404)
    assert client("POST", f"{ML}/models/{id}/_predict", {}).status == 404


def test_a_wrong_pretty_is_a_400(client: Client) -> None:
    answer = client("GET", "/?pretty=x")
    assert answer.status == 400
    assert "only [true] or [false]" in answer.body["error"]["reason"]
