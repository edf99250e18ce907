"""Amazon SageMaker runtime: invocations of endpoints with texts to embed or a question about a context; any other JSON is
given back. Errors are those of a model container behind the service."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from fairlead.simulator.message import Refused, Reply, answer, numbers
from fairlead.simulator.providers.batches import sagemaker_routes
from fairlead.simulator.routes import Exchange, Provider, Route
from fairlead.simulator.vectors import unit_vector

_KINDS = {
    400: "ValidationError",
    403: "AccessDeniedException",
    424: "ModelError",
    429: "ThrottlingException",
    500: "InternalFailure",
    503: "ServiceUnavailable",
}


def error(refusal: Refused) -> Reply:
    kind = refusal.kind or _KINDS.get(refusal.status, "InternalFailure" if refusal.status >= 500 else "ValidationError")
    body: dict[str, object] = {"message": refusal.message}
    if kind == "ModelError":
        body = {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
            "Message": f"Received client error (400) from the container: {refusal.message}",
            "OriginalMessage": json.dumps({"error": refusal.message}),
            "OriginalStatusCode": 400,
        }
    return answer(body, refusal.status, headers=(("x-amzn-ErrorType", kind),))


def _vectors(exchange: Exchange, texts: object) -> list[tuple[float, ...]]:
    listed = texts if isinstance(texts, list) else [texts]
    if not listed or not all(isinstance(text, str) for text in listed):
        raise Refused(424, "the model takes a text or a list of texts", kind="ModelError")
    length = exchange.length(exchange.arguments["endpoint"])
    return [unit_vector(text, length) for text in listed]


def _inputs(exchange: Exchange) -> object:
    return _vectors(exchange, exchange.body["inputs"])


def _text_inputs(exchange: Exchange) -> object:
    return {"embedding": _vectors(exchange, exchange.body["text_inputs"])}


def _highlights(exchange: Exchange) -> object:
    """The sentences of the context that share a word with the question."""
    wanted = set(str(exchange.body["question"]).lower().split())
    found: list[dict[str, object]] = []
    start = 0
    for sentence in str(exchange.body.get("context", "")).split(". "):
        if wanted & set(sentence.lower().split()):
            found.append({"start": start, "end": start + len(sentence), "text": sentence, "position": len(found)})
        start += len(sentence) + 2
    return {"highlights": found}


_CONTAINERS: Mapping[str, Callable[[Exchange], object]] = {
    "question": _highlights,
    "text_inputs": _text_inputs,
    "inputs": _inputs,
}
"""The model containers by the member of the body that they take."""


def _invoke(exchange: Exchange) -> Reply:
    if not exchange.request.fields.get("content-type", "application/json").lower().startswith("application/json"):
        raise Refused(424, "the model takes application/json only", kind="ModelError")
    given = exchange.request.json()
    if given is None:
        raise Refused(424, "the body is no JSON", kind="ModelError")
    if isinstance(given, list):
        return numbers(_vectors(exchange, given))
    for member, container in _CONTAINERS.items():
        if member in exchange.body:
            return numbers(container(exchange))
    return answer({"received": given})


SAGEMAKER = Provider(
    name="SageMaker",
    hosts=("runtime.sagemaker.*.amazonaws.com",),
    error=error,
    signed=True,
    service="sagemaker",
    request_id="x-amzn-RequestId",
    doc="A list of texts, `inputs` or `text_inputs`: vectors; `question` and `context`: highlights; other JSON comes back.",
    routes=(Route("POST", "/endpoints/{endpoint}/invocations", _invoke, "by the members of the body"),),
)

SAGEMAKER_API = Provider(
    name="SageMaker jobs",
    hosts=("api.sagemaker.*.amazonaws.com",),
    error=error,
    signed=True,
    service="sagemaker",
    request_id="x-amzn-RequestId",
    doc="Batch transform jobs; the operation is the path, or stands in `X-Amz-Target`.",
    routes=sagemaker_routes(),
)
