"""OpenAI, the hosts that copy its API, and Azure OpenAI: chat, completions and embeddings; no tools, images or files."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable, Mapping

from fairlead.simulator.message import Refused, Reply, answer, events, numbers
from fairlead.simulator.providers.batches import openai_routes
from fairlead.simulator.routes import Credential, Exchange, Field, Handler, Provider, Route
from fairlead.simulator.vectors import tokens, unit_vector

CREATED = 1689793889
_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error(refusal: Refused) -> Reply:
    kind = (
        refusal.kind
        or _KINDS.get(refusal.status)
        or ("server_error" if refusal.status >= 500 else "invalid_request_error")
    )
    fault = {"message": refusal.message, "type": kind, "param": refusal.parameter, "code": refusal.code}
    return answer({"error": fault}, refusal.status)


def azure_error(refusal: Refused) -> Reply:
    code = refusal.code if refusal.code and refusal.status == 400 else str(refusal.status)
    return answer({"error": {"code": code, "message": refusal.message}}, refusal.status)


def spoken(content: object) -> str:
    """The text of a message's content: a string, or the `text` of its parts; null says nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return ""


def last_said(messages: object) -> str:
    """What the last message says. Raises Refused with status 400 unless every message is an object with a role."""
    if not isinstance(messages, list):
        raise Refused(400, "'messages' must be an array.", parameter="messages", code="invalid_type")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            where = f"messages[{number}]"
            raise Refused(400, f"'{where}' must be an object with a role.", parameter=where, code="invalid_type")
        if not isinstance(message.get("content"), (str, list, type(None))):
            where = f"messages[{number}].content"
            raise Refused(400, f"'{where}' must be a string or an array.", parameter=where, code="invalid_type")
    return spoken(messages[-1].get("content")) if messages else ""


def fingerprint(exchange: Exchange, length: int = 24) -> str:
    """An id that is the same for the same body."""
    return hashlib.sha256(exchange.request.body).hexdigest()[:length]


def words(text: str) -> Iterable[str]:
    """The pieces that a stream sends: each word with the blank before it."""
    for number, word in enumerate(text.split(" ")):
        yield f" {word}" if number else word


def _usage(asked: int, said: int) -> dict[str, int]:
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def chat(exchange: Exchange) -> Reply:
    body = exchange.body
    said = f"You said: {last_said(body['messages'])}"
    head = {"id": f"chatcmpl-{fingerprint(exchange)}", "created": CREATED, "model": _model(exchange)}
    usage = _usage(tokens(exchange.request.text()), tokens(said))
    if body.get("stream"):
        return _chat_stream(head, said, usage, body)
    message = {"role": "assistant", "content": said, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return answer({**head, "object": "chat.completion", "choices": [choice], "usage": usage})


def _chat_stream(head: Mapping[str, object], said: str, usage: object, body: Mapping[str, object]) -> Reply:
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word}, None) for word in words(said)]
    deltas.append(({}, "stop"))
    frame = {**head, "object": "chat.completion.chunk"}
    frames = [
        {**frame, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        frames.append({**frame, "choices": [], "usage": usage})
    return events(*frames, end=b"data: [DONE]\n\n")


def _completion(exchange: Exchange) -> Reply:
    prompt = exchange.body["prompt"]
    prompts = prompt if isinstance(prompt, list) else [prompt]
    choices = [
        {"text": f"\n\n{text}!", "index": index, "logprobs": None, "finish_reason": "stop"}
        for index, text in enumerate(prompts)
    ]
    usage = _usage(tokens(exchange.request.text()), sum(tokens(str(choice["text"])) for choice in choices))
    head = {"id": f"cmpl-{fingerprint(exchange)}", "created": CREATED, "model": _model(exchange)}
    if exchange.body.get("stream"):
        frames = [{**head, "object": "text_completion", "choices": [choice]} for choice in choices]
        return events(*frames, end=b"data: [DONE]\n\n")
    return answer({**head, "object": "text_completion", "choices": choices, "usage": usage})


def _embeddings(exchange: Exchange) -> Reply:
    body, model = exchange.body, _model(exchange)
    given = body["input"]
    # A list of numbers is one text in tokens, a list of lists several (OpenAI's API reference, embeddings).
    single = isinstance(given, str) or (isinstance(given, list) and all(_is_number(item) for item in given))
    texts = [given] if single else given
    assert isinstance(texts, list)
    if any(not isinstance(text, (str, list)) or not text for text in texts):
        raise Refused(400, "'input' must be a string or a list of strings, none of them empty.", parameter="input")
    length = exchange.length(model, body.get("dimensions"))
    vectors = [unit_vector(str(text), length) for text in texts]
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
        for index, vector in enumerate(vectors)
    ]
    count = sum(tokens(str(text)) for text in texts)
    return numbers(
        {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": count, "total_tokens": count}}
    )


def _is_number(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def _packed(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _model(exchange: Exchange) -> str:
    model = exchange.arguments.get("deployment") or exchange.body.get("model")
    return model if isinstance(model, str) else "none"


CHAT_FIELDS = (
    Field("messages", ("array",), required=True),
    Field("temperature", ("number",)),
    Field("max_tokens", ("integer",)),
    Field("stream", ("boolean",)),
)
_COMPLETION_FIELDS = (
    Field("prompt", ("string", "array"), required=True),
    Field("temperature", ("number",)),
    Field("max_tokens", ("integer",)),
    Field("stream", ("boolean",)),
)
_EMBEDDING_FIELDS = (
    Field("input", ("string", "array"), required=True),
    Field("dimensions", ("integer",)),
    Field("encoding_format", ("string",)),
)
MODEL = Field("model", ("string",), required=True)


def _versioned(handler: Handler) -> Handler:
    """Azure finds nothing at an address without an API version."""

    def handle(exchange: Exchange) -> Reply:
        if not exchange.request.query().get("api-version"):
            raise Refused(404, "Resource not found: the query has no api-version.", parameter="api-version")
        return handler(exchange)

    return handle


OPENAI = Provider(
    name="OpenAI",
    hosts=("api.openai.com", "api.deepseek.com", "api.mistral.ai"),
    error=error,
    credentials=(Credential("authorization", "Bearer "),),
    request_id="x-request-id",
    doc="Also the hosts that copy its API.",
    routes=(
        Route("POST", "/v1/chat/completions", chat, 'quotes the last message; `"stream": true`', (MODEL, *CHAT_FIELDS)),
        Route("POST", "/chat/completions", chat, "the same, as DeepSeek documents it", (MODEL, *CHAT_FIELDS)),
        Route("POST", "/v1/completions", _completion, "quotes the prompt", (MODEL, *_COMPLETION_FIELDS)),
        Route("POST", "/v1/embeddings", _embeddings, "a vector for each input", (MODEL, *_EMBEDDING_FIELDS)),
        *openai_routes(),
    ),
)

_DEPLOYMENT = "/openai/deployments/{deployment}"

AZURE = Provider(
    name="Azure OpenAI",
    hosts=("*.openai.azure.com",),
    error=azure_error,
    credentials=(Credential("api-key"), Credential("authorization", "Bearer ")),
    request_id="apim-request-id",
    doc="Every path needs `?api-version=`.",
    routes=(
        Route("POST", f"{_DEPLOYMENT}/chat/completions", _versioned(chat), "as OpenAI's", CHAT_FIELDS),
        Route("POST", f"{_DEPLOYMENT}/completions", _versioned(_completion), "as OpenAI's", _COMPLETION_FIELDS),
        Route("POST", f"{_DEPLOYMENT}/embeddings", _versioned(_embeddings), "as OpenAI's", _EMBEDDING_FIELDS),
    ),
)
