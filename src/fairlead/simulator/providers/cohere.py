"""Cohere: embed, rerank and chat in versions 1 and 2; chat 2 also as a stream; no tools or data sets."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.simulator.message import Refused, Reply, answer, events, numbers
from fairlead.simulator.providers.batches import cohere_routes
from fairlead.simulator.providers.openai import fingerprint, last_said, words
from fairlead.simulator.routes import Credential, Exchange, Field, Provider, Route
from fairlead.simulator.vectors import QUANTIZED, relevance, tokens, unit_vector


def error(refusal: Refused) -> Reply:
    return answer({"message": refusal.message}, refusal.status)


def texts_of(body: Mapping[str, object], name: str) -> list[str]:
    """A list of texts; raises Refused with status 400 for anything else in it."""
    texts = body.get(name) or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refused(400, f"'{name}' must be a list of strings.", parameter=name)
    return texts


def embedded(exchange: Exchange, model: str, types: object) -> object:
    """The vectors of `texts` and `images`: a list, or with `types` an object of lists by number format."""
    inputs = texts_of(exchange.body, "texts") + texts_of(exchange.body, "images")
    if not inputs:
        raise Refused(400, "One of 'texts' and 'images' must be given.", parameter="texts")
    length = exchange.length(model, exchange.body.get("output_dimension"))
    vectors = [unit_vector(text, length) for text in inputs]
    if not types:
        return vectors
    if not isinstance(types, list) or not all(isinstance(kind, str) and kind in QUANTIZED for kind in types):
        raise Refused(400, f"'embedding_types' takes {', '.join(QUANTIZED)}.", parameter="embedding_types")
    return {kind: [QUANTIZED[kind](vector) for vector in vectors] for kind in types}


def _model(exchange: Exchange, default: str) -> str:
    return str(exchange.body.get("model") or default)


def _meta(version: str, exchange: Exchange) -> dict[str, object]:
    return {"api_version": {"version": version}, "billed_units": {"input_tokens": tokens(exchange.request.text())}}


def _embed_v1(exchange: Exchange) -> Reply:
    types = exchange.body.get("embedding_types")
    return numbers(
        {
            "id": fingerprint(exchange),
            "texts": texts_of(exchange.body, "texts"),
            "embeddings": embedded(exchange, _model(exchange, "embed-english-v2.0"), types),
            "meta": _meta("1", exchange),
            "response_type": "embeddings_by_type" if types else "embeddings_floats",
        }
    )


def _embed_v2(exchange: Exchange) -> Reply:
    return numbers(
        {
            "id": fingerprint(exchange),
            "texts": texts_of(exchange.body, "texts"),
            "embeddings": embedded(exchange, _model(exchange, ""), exchange.body.get("embedding_types") or ["float"]),
            "meta": _meta("2", exchange),
            "response_type": "embeddings_by_type",
        }
    )


def ranked(exchange: Exchange) -> list[dict[str, object]]:
    """Index and score of each document, best first, at most `top_n`; with the document when it is asked for."""
    documents = exchange.body["documents"]
    assert isinstance(documents, list)
    given = [document.get("text") if isinstance(document, dict) else document for document in documents]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise Refused(400, "'documents' must be strings or objects with a text.", parameter="documents")
    scores = [relevance(str(exchange.body["query"]), text) for text in texts]
    best = sorted(range(len(texts)), key=lambda index: (-scores[index], index))
    top = exchange.body.get("top_n")
    shown = best[:top] if isinstance(top, int) and top > 0 else best
    results: list[dict[str, object]] = [{"index": index, "relevance_score": scores[index]} for index in shown]
    if exchange.body.get("return_documents"):
        for result, index in zip(results, shown, strict=True):
            result["document"] = {"text": texts[index]}
    return results


def _rerank_v1(exchange: Exchange) -> Reply:
    return answer({"id": fingerprint(exchange), "results": ranked(exchange), "meta": _meta("1", exchange)})


def _rerank_v2(exchange: Exchange) -> Reply:
    return answer({"id": fingerprint(exchange), "results": ranked(exchange), "meta": _meta("2", exchange)})


def _chat_v1(exchange: Exchange) -> Reply:
    message = str(exchange.body["message"])
    said = f"You said: {message}"
    history = exchange.body.get("chat_history")
    turns = [{"role": "USER", "message": message}, {"role": "CHATBOT", "message": said}]
    return answer(
        {
            "response_id": fingerprint(exchange),
            "text": said,
            "generation_id": fingerprint(exchange),
            "chat_history": [*(history if isinstance(history, list) else []), *turns],
            "finish_reason": "COMPLETE",
            "meta": _meta("1", exchange),
        }
    )


def _chat_v2(exchange: Exchange) -> Reply:
    said = f"You said: {last_said(exchange.body['messages'])}"
    counts = {"input_tokens": tokens(exchange.request.text()), "output_tokens": tokens(said)}
    if exchange.body.get("stream"):
        return _stream(fingerprint(exchange), said, counts)
    return answer(
        {
            "id": fingerprint(exchange),
            "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": said}]},
            "usage": {"billed_units": counts, "tokens": counts},
        }
    )


def _stream(id: str, said: str, counts: Mapping[str, int]) -> Reply:
    content: list[dict[str, object]] = [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}} for word in words(said)
    ]
    return events(
        {"type": "message-start", "id": id, "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        *content,
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": counts}}},
        names=True,
    )


_MODEL = Field("model", ("string",), required=True)
_INPUT_TYPE = Field("input_type", ("string",), required=True)
_EMBED = (Field("texts", ("array",)), Field("images", ("array",)), Field("embedding_types", ("array",)))
RERANK_FIELDS = (
    Field("query", ("string",), required=True),
    Field("documents", ("array",), required=True),
    Field("top_n", ("integer",)),
)

COHERE = Provider(
    name="Cohere",
    hosts=("api.cohere.ai", "api.cohere.com"),
    error=error,
    credentials=(Credential("authorization", "Bearer "),),
    request_id="x-debug-trace-id",
    doc="Texts and images by embed, documents by rerank, a message by chat.",
    routes=(
        Route("POST", "/v1/embed", _embed_v1, "a vector for each text, by type with `embedding_types`", _EMBED),
        Route("POST", "/v2/embed", _embed_v2, "vectors by type", (_MODEL, _INPUT_TYPE, *_EMBED)),
        Route("POST", "/v1/rerank", _rerank_v1, "documents by shared words, best first", RERANK_FIELDS),
        Route("POST", "/v2/rerank", _rerank_v2, "documents by shared words, best first", (_MODEL, *RERANK_FIELDS)),
        Route("POST", "/v1/chat", _chat_v1, "quotes the message", (Field("message", ("string",), required=True),)),
        Route(
            "POST",
            "/v2/chat",
            _chat_v2,
            'quotes the last message; `"stream": true`',
            (_MODEL, Field("messages", ("array",), required=True), Field("stream", ("boolean",))),
        ),
        *cohere_routes(),
    ),
)
