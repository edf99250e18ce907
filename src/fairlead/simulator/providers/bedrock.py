"""Amazon Bedrock runtime: invoke by model family, and converse, also as a stream; no tools, guardrails or images out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fairlead.simulator.message import AWS_STREAM, Refused, Reply, answer, aws_event, numbers
from fairlead.simulator.providers import anthropic, cohere, openai
from fairlead.simulator.providers.batches import bedrock_routes
from fairlead.simulator.routes import Exchange, Field, Provider, Route
from fairlead.simulator.vectors import tokens, unit_vector

_KINDS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_REGION_PREFIX = re.compile(r"^(?:[a-z-]{2,7}\.)(?=(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai)\.)")


def error(refusal: Refused) -> Reply:
    kind = refusal.kind or _KINDS.get(
        refusal.status, "InternalServerException" if refusal.status >= 500 else _KINDS[400]
    )
    return answer({"message": refusal.message}, refusal.status, headers=(("x-amzn-ErrorType", kind),))


def _titan_embed(exchange: Exchange, model: str) -> Reply:
    body = exchange.body
    text = str(body.get("inputText") or body.get("inputImage") or "")
    if not text:
        raise Refused(400, "One of inputText and inputImage must be given.", parameter="inputText")
    config = body.get("embeddingConfig")
    wanted = config.get("outputEmbeddingLength") if isinstance(config, dict) else body.get("dimensions")
    vector = unit_vector(text, exchange.length(model, wanted))
    reply: dict[str, object] = {"embedding": vector, "inputTextTokenCount": tokens(text)}
    if model.startswith("amazon.titan-embed-text-v2"):
        types = body.get("embeddingTypes") or ["float"]
        if not isinstance(types, list) or not all(kind in ("float", "binary") for kind in types):
            raise Refused(400, "embeddingTypes takes float and binary.", parameter="embeddingTypes")
        forms = {"float": vector, "binary": [int(number > 0) for number in vector]}
        reply["embeddingsByType"] = {kind: forms[kind] for kind in types}
    return numbers(reply)


def _titan_text(exchange: Exchange, model: str) -> Reply:
    said = f"You said: {exchange.body['inputText']}"
    result = {"tokenCount": tokens(said), "outputText": said, "completionReason": "FINISH"}
    return answer({"inputTextTokenCount": tokens(str(exchange.body["inputText"])), "results": [result]})


_NOVA_INPUTS = ("text", "image", "video", "audio")


def _nova_embed(exchange: Exchange, model: str) -> Reply:
    params = exchange.body["singleEmbeddingParams"]
    given = [kind for kind in _NOVA_INPUTS if isinstance(params, dict) and params.get(kind) is not None]
    if not isinstance(params, dict) or len(given) != 1:
        raise Refused(400, f"singleEmbeddingParams takes exactly one of {', '.join(_NOVA_INPUTS)}.")
    vector = unit_vector(str(params[given[0]]), exchange.length(model, params.get("embeddingDimension")))
    return numbers({"embeddings": [{"embeddingType": given[0].upper(), "embedding": vector}]})


def _converse(exchange: Exchange, model: str) -> Reply:
    messages = exchange.body["messages"]
    said = f"You said: {openai.last_said(messages)}"
    asked, answered = tokens(exchange.request.text()), tokens(said)
    return answer(
        {
            "output": {"message": {"role": "assistant", "content": [{"text": said}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": asked, "outputTokens": answered, "totalTokens": asked + answered},
            "metrics": {"latencyMs": 1},
        }
    )


def _claude(exchange: Exchange, model: str) -> Reply:
    if "messages" not in exchange.body:
        Field("prompt", ("string",), required=True).check(exchange.body)
        return anthropic.completion(exchange, model)
    for wanted in (*anthropic.MESSAGE_FIELDS, Field("anthropic_version", ("string",), required=True)):
        wanted.check(exchange.body)
    return anthropic.message(exchange, model)


def _cohere_embed(exchange: Exchange, model: str) -> Reply:
    types = exchange.body.get("embedding_types")
    return numbers(
        {
            "id": openai.fingerprint(exchange),
            "texts": cohere.texts_of(exchange.body, "texts"),
            "embeddings": cohere.embedded(exchange, model, types),
            "response_type": "embeddings_by_type" if types else "embeddings_floats",
        }
    )


def _rerank(exchange: Exchange, model: str) -> Reply:
    return answer({"results": cohere.ranked(exchange)})


def _command(exchange: Exchange, model: str) -> Reply:
    said = f"You said: {exchange.body['message']}"
    return answer({"response_id": openai.fingerprint(exchange), "text": said, "finish_reason": "COMPLETE"})


def _jurassic(exchange: Exchange, model: str) -> Reply:
    prompt = str(exchange.body["prompt"])
    completion = {"data": {"text": f"\nYou said: {prompt}"}, "finishReason": {"reason": "endoftext"}}
    return answer({"id": openai.fingerprint(exchange), "prompt": {"text": prompt}, "completions": [completion]})


def _llama(exchange: Exchange, model: str) -> Reply:
    prompt = str(exchange.body["prompt"])
    said = f"You said: {prompt}"
    counts = {"prompt_token_count": tokens(prompt), "generation_token_count": tokens(said)}
    return answer({"generation": said, **counts, "stop_reason": "stop"})


def _mistral(exchange: Exchange, model: str) -> Reply:
    return answer({"outputs": [{"text": f"You said: {exchange.body['prompt']}", "stop_reason": "stop"}]})


def _deepseek(exchange: Exchange, model: str) -> Reply:
    return answer({"choices": [{"text": f"You said: {exchange.body['prompt']}", "stop_reason": "stop"}]})


def _gpt(exchange: Exchange, model: str) -> Reply:
    return openai.chat(exchange)


_PROMPT = (Field("prompt", ("string",), required=True),)
_MESSAGES = (Field("messages", ("array",), required=True),)


@dataclass(frozen=True, slots=True)
class Family:
    """The models whose ids start with `prefix`, what their bodies must have, and who answers."""

    prefix: str
    takes: tuple[Field, ...]
    handler: Callable[[Exchange, str], Reply]


FAMILIES = (
    Family("amazon.titan-embed", (Field("inputText", ("string",)), Field("inputImage", ("string",))), _titan_embed),
    Family("amazon.titan-text", (Field("inputText", ("string",), required=True),), _titan_text),
    Family("amazon.nova-2-multimodal-embeddings", (Field("singleEmbeddingParams", ("object",), True),), _nova_embed),
    Family("amazon.nova", _MESSAGES, _converse),
    Family("anthropic.claude", (), _claude),
    Family(
        "cohere.embed", (Field("input_type", ("string",), required=True), Field("texts", ("array",))), _cohere_embed
    ),
    Family("cohere.rerank", cohere.RERANK_FIELDS, _rerank),
    Family("cohere.command", (Field("message", ("string",), required=True),), _command),
    Family("ai21.j2", _PROMPT, _jurassic),
    Family("meta.llama", _PROMPT, _llama),
    Family("mistral.", _PROMPT, _mistral),
    Family("deepseek.", _PROMPT, _deepseek),
    Family("openai.gpt", _MESSAGES, _gpt),
)
"""The first family whose prefix fits answers."""


def model_id(argument: str) -> str:
    """The model that an id, a regional profile (`us.…`) or an ARN names."""
    return _REGION_PREFIX.sub("", argument.rpartition("/")[2])


def _invoke(exchange: Exchange) -> Reply:
    model = model_id(exchange.arguments["model"])
    for family in FAMILIES:
        if model.startswith(family.prefix):
            for wanted in family.takes:
                wanted.check(exchange.body)
            return family.handler(exchange, model)
    raise Refused(400, "The provided model identifier is invalid.")


def _converse_any(exchange: Exchange) -> Reply:
    return _converse(exchange, model_id(exchange.arguments["model"]))


def _converse_stream(exchange: Exchange) -> Reply:
    said = f"You said: {openai.last_said(exchange.body['messages'])}"
    asked, answered = tokens(exchange.request.text()), tokens(said)
    frames: list[tuple[str, object]] = [("messageStart", {"role": "assistant"})]
    frames += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in openai.words(said)]
    frames += [
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": {"inputTokens": asked, "outputTokens": answered, "totalTokens": asked + answered}}),
    ]
    return Reply(content_type=AWS_STREAM, chunks=tuple(aws_event(name, value) for name, value in frames))


BEDROCK = Provider(
    name="Bedrock",
    hosts=("bedrock-runtime.*.amazonaws.com",),
    error=error,
    signed=True,
    service="bedrock",
    request_id="x-amzn-RequestId",
    doc="Model ids, regional profiles and ARNs: " + ", ".join(f"`{family.prefix}…`" for family in FAMILIES) + ".",
    routes=(
        Route("POST", "/model/{model}/invoke", _invoke, "by the model's family", ()),
        Route("POST", "/model/{model}/converse", _converse_any, "quotes the last message", _MESSAGES),
        Route("POST", "/model/{model}/converse-stream", _converse_stream, "the same as an AWS event stream", _MESSAGES),
        Route(
            "POST",
            "/openai/v1/chat/completions",
            openai.chat,
            "as OpenAI's",
            (openai.MODEL, *openai.CHAT_FIELDS),
        ),
    ),
)

BEDROCK_JOBS = Provider(
    name="Bedrock jobs",
    hosts=("bedrock.*.amazonaws.com",),
    error=error,
    signed=True,
    service="bedrock",
    request_id="x-amzn-RequestId",
    doc="Batch inference.",
    routes=bedrock_routes(),
)

AWS = Provider(
    name="AWS",
    hosts=("*.amazonaws.com", "*.*.amazonaws.com", "*.*.*.amazonaws.com"),
    error=error,
    signed=True,
    request_id="x-amzn-RequestId",
    doc="Every other AWS host: the signature is verified, then the request comes back as an echo.",
    routes=(),
)
