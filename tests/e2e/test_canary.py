"""A secret planted in every flow is never seen again: not in replies, errors, tasks, logs, or the database file."""

from __future__ import annotations

from pathlib import Path

import pytest

from client import ML, Client
from process import gateway

CANARY = "cAnArY-7f3b9e-never-seen"


def _flows(client: Client, simulator: str) -> list[str]:
    """Everything the server answered."""
    client.trust_local()
    answers = []

    def say(method: str, path: str, body: object = None) -> dict[str, object]:
        answer = client(method, path, body)
        answers.append(answer.text)
        answers.append(str(answer.headers))
        return answer.body or {}

    credential = {"key": CANARY, "access_key": CANARY, "secret_key": CANARY, "session_token": CANARY}
    action = {
        "action_type": "predict",
        "method": "POST",
        "url": simulator + "/v1/chat/completions",
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": '{"messages": ${parameters.messages}}',
    }
    base = {"name": "canary", "version": 1, "protocol": "http", "credential": credential, "actions": [action]}
    aws = {"protocol": "aws_sigv4", "parameters": {"region": "us-east-1", "service_name": "bedrock"}}
    bodies = (base, base | aws)
    ids = [say("POST", f"{ML}/connectors/_create", body)["connector_id"] for body in bodies]
    models = []
    for number, id in enumerate(ids):
        body = {"name": f"canary {number}", "function_name": "remote", "connector_id": id}
        models.append(say("POST", f"{ML}/models/_register", body)["model_id"])
    inline = {"name": "canary inline", "function_name": "remote", "connector": base}
    models.append(say("POST", f"{ML}/models/_register", inline)["model_id"])
    for id in ids:
        say("GET", f"{ML}/connectors/{id}")
        say("PUT", f"{ML}/connectors/{id}", {"credential": credential})
        # Refused updates and creations must not echo what they were given.
        say("PUT", f"{ML}/connectors/{id}", {"credential": credential, "parameters": {"endpoint": 5}, "actions": "x"})
    say("POST", f"{ML}/connectors/_create", base | {"protocol": "smtp"})
    say("POST", f"{ML}/connectors/_create", base | {"credential": {"key": CANARY, "bad": None}})
    say("POST", f"{ML}/connectors/_create", base | {"name": "a & b"})
    for model in models:
        say("GET", f"{ML}/models/{model}")
        say("POST", f"{ML}/models/{model}/_deploy")
        say("POST", f"{ML}/models/{model}/_predict", {"parameters": {"messages": [{"content": "hi"}]}})
        say("POST", f"{ML}/models/{model}/_predict", {"parameters": {}})
    # A provider that quotes the request in what it says of a batch job, which is kept in a task.
    quoted = {"headers": action["headers"], "request_body": "{}", "url": f"{simulator}/echo/jobs", "method": "POST"}
    jobs = [
        {**quoted, "action_type": type} for type in ("batch_predict", "batch_predict_status", "cancel_batch_predict")
    ]
    batch = say("POST", f"{ML}/connectors/_create", base | {"actions": jobs})["connector_id"]
    body = {"name": "canary batch", "function_name": "remote", "connector_id": batch}
    model = say("POST", f"{ML}/models/_register", body)["model_id"]
    task = say("POST", f"{ML}/models/{model}/_batch_predict", {})["task_id"]
    say("GET", f"{ML}/tasks/{task}")
    say("POST", f"{ML}/tasks/{task}/_cancel")
    for kind in ("connectors", "models", "model_groups", "tasks"):
        for body in (
            {"query": {"match_all": {}}, "size": 100},
            {
                "query": {"match_all": {}},
                "_source": ["credential", "connector.credential", "*"],
                "fields": ["credential.key"],
            },
            {"query": {"term": {"credential.key": CANARY}}},
            {"query": {"exists": {"field": "credential.key"}}, "sort": [{"credential.key": "asc"}]},
        ):
            say("POST", f"{ML}/{kind}/_search", body)
    say("GET", "/_cluster/settings?include_defaults=true")
    return answers


def test_a_planted_credential_is_never_seen_again(tmp_path: Path, simulator: str) -> None:
    data = tmp_path / "data"
    with gateway(data, "--log-level", "debug") as server:
        answers = _flows(Client(server.url), simulator)
        for answer in answers:
            assert CANARY not in answer
    assert CANARY not in server.output
    assert CANARY not in server.errors
    files = [path for path in data.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path


def test_the_provider_does_get_the_credential(client: Client, simulator: str) -> None:
    """So that the test above cannot pass because nothing was ever sent."""
    connector = client.connector(f"{simulator}/echo", credential={"key": CANARY})
    answer = client.predict(client.model(connector, "canary control"), v="x")
    assert answer.status == 200
    assert f"Bearer {CANARY}" in answer.text


@pytest.mark.parametrize("secret", [CANARY, 'quo"ted\\and/slashed'])
def test_a_provider_that_sends_the_credential_back_is_not_heard_where_replies_are_redacted(
    tmp_path: Path, simulator: str, secret: str
) -> None:
    with gateway(tmp_path / "data", environment={"FAIRLEAD_REDACT_REPLIES": "true"}) as server:
        client = Client(server.url)
        client.trust_local()
        connector = client.connector(f"{simulator}/echo", credential={"key": secret})
        answer = client.predict(client.model(connector), v="kept")
    assert answer.status == 200
    [tensor] = answer.body["inference_results"][0]["output"]
    assert tensor["dataAsMap"]["headers"]["authorization"] == "Bearer ***"
    assert "kept" in answer.text
