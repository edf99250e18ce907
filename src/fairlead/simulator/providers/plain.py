"""The provider at plain addresses: replies made to order, and the model APIs exactly as the parity records met them.

It checks no key, no signature and hardly any input; the providers under their own names do.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from fairlead.simulator.failures import checked_header
from fairlead.simulator.message import JSON, Refused, Reply, answer, events
from fairlead.simulator.providers.batches import bedrock_routes, cohere_routes, openai_routes, sagemaker_routes
from fairlead.simulator.providers.ollama import OLLAMA_ROUTES
from fairlead.simulator.routes import Exchange, Provider, Route
from fairlead.simulator.vectors import short_vector

CHUNK_PAUSE = 0.002
"""Seconds between the chunks of /chunked: long enough for each to be a read of its own."""


def error(refusal: Refused) -> Reply:
    return answer({"error": {"message": refusal.message}}, refusal.status)


def _number(query: Mapping[str, str], name: str, default: str | None = None) -> int:
    text = query.get(name, default)
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused(400, f"query parameter {name} must be a number", parameter=name)
    return int(text)


def _bytes(query: Mapping[str, str], name: str) -> bytes:
    try:
        return base64.b64decode(query[name])
    except (KeyError, binascii.Error, ValueError) as fault:
        raise Refused(400, f"query parameter {name} must be Base64", parameter=name) from fault


def _content_type(query: Mapping[str, str]) -> str:
    return checked_header("type", "Content-Type", query.get("type", JSON))[1]


def echo(exchange: Exchange) -> Reply:
    return answer(exchange.request.echo())


def _status(exchange: Exchange) -> Reply:
    code = _number(exchange.arguments, "status")
    if not 200 <= code <= 999:
        raise Refused(400, "a final status is a number from 200 to 999")
    query = exchange.request.query()
    headers = tuple(checked_header(name, name[2:], text) for name, text in query.items() if name.startswith("h-"))
    if "body" in query:
        return Reply(code, _bytes(query, "body"), headers=headers)
    return answer({"error": {"message": f"upstream says {code}", "type": "test"}}, code, headers)


def _raw(exchange: Exchange) -> Reply:
    query = exchange.request.query()
    return Reply(body=_bytes(query, "b64"), content_type=_content_type(query))


def _chunked(exchange: Exchange) -> Reply:
    query = exchange.request.query()
    data, size = _bytes(query, "b64"), _number(query, "size", "1")
    if size < 1:
        raise Refused(400, "query parameter size must be at least 1", parameter="size")
    chunks = tuple(data[at : at + size] for at in range(0, len(data), size))
    return Reply(content_type=_content_type(query), chunks=chunks, pause=CHUNK_PAUSE)


def _slow(exchange: Exchange) -> Reply:
    reply = answer({"ok": True})
    return Reply(body=reply.body, delay=_number(exchange.request.query(), "ms") / 1000)


def _drop(exchange: Exchange) -> Reply:
    return Reply(drop=True)


def _truncate(exchange: Exchange) -> Reply:
    return Reply(body=b'{"partial": "' + b"x" * 87, truncate=40)


def _empty(exchange: Exchange) -> Reply:
    return Reply()


def _redirect(exchange: Exchange) -> Reply:
    target = exchange.request.query().get("to", "")
    return Reply(302, headers=(checked_header("to", "Location", target),))


def _flaky(exchange: Exchange) -> Reply:
    query = exchange.request.query()
    fail, status = _number(query, "fail", "1"), _number(query, "status", "503")
    if "key" not in query or not 200 <= status <= 999:
        raise Refused(400, "flaky needs a key, and a final status")
    call = exchange.counts.next(query["key"])
    if call <= fail:
        return answer({"error": {"message": f"flaky call {call}"}}, status)
    return answer({"ok": True, "calls": call})


def _listed(value: object, name: str) -> Sequence[Any]:
    """A list, or a text as the list of its letters; everything else is refused."""
    if not isinstance(value, (list, str)):
        raise Refused(400, f"{name} must be a list", parameter=name)
    return value


def _chat(exchange: Exchange) -> Reply:
    body = exchange.body
    messages = _listed(body.get("messages") or [{"content": body.get("message", "")}], "messages")
    last = messages[-1]
    if not isinstance(last, dict):
        raise Refused(400, "a message must be an object", parameter="messages")
    said = last.get("content", "")
    if body.get("stream"):
        parts: list[tuple[dict[str, str], str | None]] = [
            ({"content": word}, None) for word in ("You", " said", ": ", str(said))
        ]
        return events(*(_delta(delta, finish) for delta, finish in [*parts, ({}, "stop")]), end=b"data: [DONE]\n\n")
    choice = {"index": 0, "message": {"role": "assistant", "content": f"You said: {said}"}, "finish_reason": "stop"}
    return answer(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1689793889,
            "model": body.get("model", "none"),
            "choices": [choice],
            "usage": {"prompt_tokens": 19, "completion_tokens": 9, "total_tokens": 28},
        }
    )


def _delta(delta: Mapping[str, str], finish: str | None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


def _completion(exchange: Exchange) -> Reply:
    choice = {"text": f"\n\n{exchange.body.get('prompt')}!", "index": 0, "logprobs": None, "finish_reason": "length"}
    return answer(
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1689793889,
            "model": exchange.body.get("model", "none"),
            "choices": [choice],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        }
    )


def _embeddings(exchange: Exchange) -> Reply:
    given = exchange.body.get("input", [])
    texts = given if isinstance(given, list) else [given]
    data = [
        {"object": "embedding", "index": index, "embedding": short_vector(text)} for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    return answer({"object": "list", "data": data, "model": exchange.body.get("model", "none"), "usage": usage})


def _embed(exchange: Exchange) -> Reply:
    texts = _listed(exchange.body.get("texts", []), "texts")
    vectors = [short_vector(text) for text in texts]
    types = exchange.body.get("embedding_types")
    if not types:
        return answer({"id": "c-1", "texts": texts, "embeddings": vectors, "response_type": "embeddings_floats"})
    whole = [[int(number * 256) for number in vector] for vector in vectors]
    kinds = _listed(types, "embedding_types")
    if any(isinstance(kind, (list, dict)) for kind in kinds):
        raise Refused(400, "embedding_types must be a list of names", parameter="embedding_types")
    by_type = {kind: vectors if kind == "float" else whole for kind in kinds}
    return answer({"id": "c-1", "texts": texts, "embeddings": by_type, "response_type": "embeddings_by_type"})


def _rerank(exchange: Exchange) -> Reply:
    count = len(_listed(exchange.body.get("documents", []), "documents"))
    # Out of order on purpose, so that whoever forgets to put scores back by index is found out.
    order = sorted(range(count), key=lambda index: (index * 7) % 5)
    results = [{"index": index, "relevance_score": round(0.9 - 0.1 * index, 4)} for index in order]
    return answer({"id": "r-1", "results": results})


def _invocations(exchange: Exchange) -> Reply:
    given = exchange.request.json()
    if isinstance(given, list):
        return answer([short_vector(text) for text in given])
    return answer({"received": given})


def _invoke(exchange: Exchange) -> Reply:
    model, body = exchange.arguments["model"], exchange.body
    if model.startswith("amazon.titan-embed"):
        return answer({"embedding": short_vector(body.get("inputText")), "inputTextTokenCount": 3})
    if model.startswith("cohere.embed"):
        vectors = [short_vector(text) for text in _listed(body.get("texts", []), "texts")]
        return answer({"id": "b-1", "texts": body.get("texts"), "embeddings": vectors})
    return answer({"completion": f" {body.get('prompt')}", "stop_reason": "stop_sequence"})


PLAIN = Provider(
    name="plain",
    hosts=(),
    error=error,
    doc="Addresses, and names without a dot: replies made to order, no key and no signature needed.",
    routes=(
        Route("*", "/echo{rest:path}", echo, "method, path, headers (names in lower case) and body of the request"),
        Route("*", "/status/{status}", _status, "that status, with `?body=BASE64` as body and `?h-NAME=` as headers"),
        Route("*", "/raw", _raw, "exactly the bytes of `?b64=`, content type `?type=`"),
        Route("*", "/chunked", _chunked, "the bytes of `?b64=` in chunks of `?size=`, each a write of its own"),
        Route("*", "/slow", _slow, "waits `?ms=` milliseconds"),
        Route("*", "/drop", _drop, "closes the connection without a reply"),
        Route("*", "/truncate", _truncate, "announces 100 bytes, sends 40, closes"),
        Route("*", "/empty", _empty, "200 with no body"),
        Route("*", "/flaky", _flaky, "the first `?fail=` calls for `?key=` get `?status=`, later ones 200"),
        Route("*", "/redirect", _redirect, "302 to `?to=`"),
        Route("*", "{before:path}/v1/chat/completions", _chat, 'OpenAI chat that quotes the last message; `"stream"`'),
        Route("*", "{before:path}/cohere/v1/chat", _chat, "the same, from Cohere's path"),
        Route("*", "{before:path}/v1/completions", _completion, "OpenAI completion that quotes the prompt"),
        Route("*", "{before:path}/v1/embeddings", _embeddings, "OpenAI embeddings, 4 numbers for each input"),
        Route("*", "{before:path}/cohere/{version:path}/embed", _embed, "Cohere embeddings, 4 numbers for each text"),
        Route("*", "{before:path}/cohere/{version:path}/rerank", _rerank, "Cohere rerank, results out of order"),
        *openai_routes("{before:path}"),
        *cohere_routes("{before:path}/cohere"),
        *sagemaker_routes("/sagemaker/jobs"),
        *bedrock_routes("/bedrock"),
        Route("*", "/sagemaker/endpoints/{name:path}", _invocations, "a list of texts: a list of vectors"),
        Route("*", "/bedrock/model/{model}{rest:path}", _invoke, "Titan and Cohere embeddings, or a completion"),
        *OLLAMA_ROUTES,
    ),
)
