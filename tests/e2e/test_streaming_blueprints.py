"""Streams of other providers by their actions alone, against the simulator: no code of ours knows any of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from client import Client
from process import gateway
from streams import Caller

MESSAGES = '"messages":[{"role":"user","content":"${parameters.q}"}]'
ANTHROPIC = {
    "url": "https://api.anthropic.com/v1/messages",
    "headers": {"x-api-key": "${credential.key}", "anthropic-version": "2023-06-01"},
    "body": '{"model":"claude-3-5-haiku-latest","max_tokens":50,' + MESSAGES + "}",
    "streaming": {
        "format": "sse",
        "text": "$.delta.text",
        "end": {"event": "message_stop"},
        "error": "$.error.message",
        "body_fields": {"stream": True},
    },
}
COHERE = {
    "url": "https://api.cohere.com/v2/chat",
    "headers": {"Authorization": "Bearer ${credential.key}"},
    "body": '{"model":"command-r",' + MESSAGES + "}",
    "streaming": {
        "format": "sse",
        "text": "$.delta.message.content.text",
        "end": {"event": "message-end"},
        "body_fields": {"stream": True},
    },
}
GEMINI = {
    "url": "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent",
    "headers": {"x-goog-api-key": "${credential.key}"},
    "body": '{"contents":[{"role":"user","parts":[{"text":"${parameters.q}"}]}]}',
    "streaming": {
        "format": "sse",
        "text": "$.candidates[0].content.parts[*].text",
        "end": {"path": "$.candidates[0].finishReason"},
        "error": "$.error.message",
        "url": "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse",
    },
}
OLLAMA = {
    "url": "https://ollama.local/api/chat",
    "headers": {},
    "body": '{"model":"llama3.2",' + MESSAGES + ',"stream":false}',
    "streaming": {
        "format": "ndjson",
        "text": "$.message.content",
        "end": {"path": "$.done", "equals": True},
        "error": "$.error",
        "body_fields": {"stream": True},
    },
}
CONVERSE = {
    "url": "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku/converse",
    "headers": {},
    "body": '{"messages":[{"role":"user","content":[{"text":"${parameters.q}"}]}]}',
    "streaming": {
        "format": "aws-eventstream",
        "text": "$.delta.text",
        "end": {"event": "messageStop"},
        "url": "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku/converse-stream",
    },
    "connector": {
        "protocol": "aws_sigv4",
        "parameters": {"region": "us-east-1", "service_name": "bedrock"},
        "credential": {"access_key": "AKIDSIMULATOR", "secret_key": "simulator-secret"},
    },
}
PROVIDERS: dict[str, dict[str, Any]] = {
    "anthropic": ANTHROPIC,
    "cohere": COHERE,
    "gemini": GEMINI,
    "ollama": OLLAMA,
    "bedrock": CONVERSE,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with gateway(tmp_path_factory.mktemp("data"), "--simulate") as process:
        client = Client(process.url)
        settings = {"stream_enabled": True, "trusted_connector_endpoints_regex": ["^https://.*$"]}
        named = {f"plugins.ml_commons.{key}": value for key, value in settings.items()}
        client.ok("PUT", "/_cluster/settings", {"persistent": named})
        yield client


def model(server: Client, name: str) -> str:
    row = PROVIDERS[name]
    action = {"headers": row["headers"], "request_body": row["body"], "streaming": row["streaming"]}
    connector = server.connector(row["url"], action=action, **row.get("connector", {}))
    shown = server.ok("GET", f"/_plugins/_ml/connectors/{connector}")
    assert shown["actions"][0]["streaming"] == row["streaming"]
    return server.model(connector, name)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_streams_by_its_blueprint_and_still_predicts(server: Client, name: str) -> None:
    id = model(server, name)
    question = 'what is "this", \u00fc?'
    with Caller(server.base, id, q=question) as caller:
        assert caller.begin() == 200, caller.whole()
        texts = caller.texts()
    assert "".join(texts) == f"You said: {question}"
    assert len(texts) > 2
    answer = server.predict(id, q="whole")
    assert answer.status == 200
    assert "You said: whole" in answer.text
