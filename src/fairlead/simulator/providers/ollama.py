"""Ollama's own API: chat, generate and embed, streams as lines of JSON; no models to pull."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from fairlead.simulator.message import Refused, Reply, answer, numbers
from fairlead.simulator.providers.openai import CHAT_FIELDS, MODEL, chat, last_said, words
from fairlead.simulator.routes import Exchange, Field, Provider, Route
from fairlead.simulator.vectors import tokens, unit_vector

_CREATED_AT = "2023-07-19T18:58:09Z"


def error(refusal: Refused) -> Reply:
    return answer({"error": refusal.message}, refusal.status)


def _told(exchange: Exchange, said: str, member: Callable[[str], tuple[str, object]]) -> Reply:
    """The text whole with `"stream": false`, else a line a word, as Ollama does unasked."""
    head = {"model": exchange.body["model"], "created_at": _CREATED_AT}
    done = {
        "done": True,
        "done_reason": "stop",
        "total_duration": 1_000_000,
        "prompt_eval_count": tokens(exchange.request.text()),
        "eval_count": tokens(said),
    }
    if exchange.body.get("stream") is False:
        return answer({**head, **dict([member(said)]), **done})
    lines: Sequence[dict[str, object]] = [
        *({**head, **dict([member(word)]), "done": False} for word in words(said)),
        {**head, **dict([member("")]), **done},
    ]
    chunks = tuple(json.dumps(line).encode("ascii") + b"\n" for line in lines)
    return Reply(content_type="application/x-ndjson", chunks=chunks)


def _chat(exchange: Exchange) -> Reply:
    said = f"You said: {last_said(exchange.body['messages'])}"
    return _told(exchange, said, lambda text: ("message", {"role": "assistant", "content": text}))


def _generate(exchange: Exchange) -> Reply:
    return _told(exchange, f"You said: {exchange.body['prompt']}", lambda text: ("response", text))


def _embed(exchange: Exchange) -> Reply:
    given = exchange.body["input"]
    texts = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise Refused(400, "invalid input type", parameter="input")
    model = str(exchange.body["model"])
    return numbers({"model": model, "embeddings": [unit_vector(text, exchange.length(model)) for text in texts]})


_STREAM = Field("stream", ("boolean",))

OLLAMA_ROUTES = (
    Route("POST", "/api/chat", _chat, "quotes the last message", (MODEL, Field("messages", ("array",), True), _STREAM)),
    Route(
        "POST", "/api/generate", _generate, "quotes the prompt", (MODEL, Field("prompt", ("string",), True), _STREAM)
    ),
    Route("POST", "/api/embed", _embed, "a vector for each input", (MODEL, Field("input", ("string", "array"), True))),
)
"""Also served at plain addresses, where most Ollamas are."""

OLLAMA = Provider(
    name="Ollama",
    hosts=("ollama.*",),
    error=error,
    doc='No key. Streams unless the body says `"stream": false`.',
    routes=(*OLLAMA_ROUTES, Route("POST", "/v1/chat/completions", chat, "as OpenAI's", (MODEL, *CHAT_FIELDS))),
)
