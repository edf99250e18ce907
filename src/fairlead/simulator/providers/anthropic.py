"""Anthropic's messages API, whole and as a stream, and the old completions of Claude; no tools, images or thinking."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.simulator.message import Refused, Reply, answer, events
from fairlead.simulator.providers.openai import fingerprint, last_said, words
from fairlead.simulator.routes import Credential, Exchange, Field, Provider, Route
from fairlead.simulator.vectors import tokens

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error(refusal: Refused) -> Reply:
    default = "api_error" if refusal.status >= 500 else "invalid_request_error"
    fault = {"type": _KINDS.get(refusal.status, default), "message": refusal.message}
    return answer({"type": "error", "error": fault}, refusal.status)


def message(exchange: Exchange, model: str) -> Reply:
    """Quotes the last message, as one message or as the events of a stream."""
    said = f"You said: {last_said(exchange.body['messages'])}"
    usage = {"input_tokens": tokens(exchange.request.text()), "output_tokens": tokens(said)}
    whole: dict[str, object] = {
        "id": f"msg_{fingerprint(exchange)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    return _stream(whole, said, usage) if exchange.body.get("stream") else answer(whole)


def _stream(whole: Mapping[str, object], said: str, usage: Mapping[str, int]) -> Reply:
    start = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 0}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in words(said)
    ]
    return events(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": usage["output_tokens"]},
        },
        {"type": "message_stop"},
        names=True,
    )


def completion(exchange: Exchange, model: str) -> Reply:
    said = f" You said: {exchange.body['prompt']}"
    return answer(
        {"type": "completion", "completion": said, "stop_reason": "stop_sequence", "stop": "\n\nHuman:", "model": model}
    )


def _messages(exchange: Exchange) -> Reply:
    if not exchange.request.fields.get("anthropic-version"):
        raise Refused(400, "anthropic-version: header is required")
    return message(exchange, str(exchange.body["model"]))


MESSAGE_FIELDS = (
    Field("messages", ("array",), required=True),
    Field("max_tokens", ("integer",), required=True),
    Field("system", ("string", "array")),
    Field("temperature", ("number",)),
)

ANTHROPIC = Provider(
    name="Anthropic",
    hosts=("api.anthropic.com",),
    error=error,
    credentials=(Credential("x-api-key"), Credential("authorization", "Bearer ")),
    request_id="request-id",
    doc="The header anthropic-version must be there.",
    routes=(
        Route(
            "POST",
            "/v1/messages",
            _messages,
            'quotes the last message; `"stream": true`',
            (Field("model", ("string",), required=True), *MESSAGE_FIELDS),
        ),
    ),
)
