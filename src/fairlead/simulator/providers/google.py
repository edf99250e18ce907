"""Google: Gemini's generateContent, whole and as a stream, embedContent, and Vertex AI text embeddings; no tools or files."""

from __future__ import annotations

from fairlead.simulator.message import Refused, Reply, answer, events, numbers
from fairlead.simulator.routes import Credential, Exchange, Field, Provider, Route
from fairlead.simulator.vectors import tokens, unit_vector

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error(refusal: Refused) -> Reply:
    status = _STATUSES.get(refusal.status, "UNKNOWN")
    return answer({"error": {"code": refusal.status, "message": refusal.message, "status": status}}, refusal.status)


def _parts_text(content: object, where: str) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise Refused(400, f"{where}.parts must be a list of parts.", parameter=where)
    return "".join(str(part.get("text", "")) for part in parts)


def _said(exchange: Exchange) -> str:
    contents = exchange.body["contents"]
    assert isinstance(contents, list)
    texts = [_parts_text(content, f"contents[{number}]") for number, content in enumerate(contents)]
    return f"You said: {texts[-1]}"


def _candidate(exchange: Exchange, text: str, finish: str | None) -> dict[str, object]:
    candidate: dict[str, object] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    asked, said = tokens(exchange.request.text()), tokens(text)
    usage = {"promptTokenCount": asked, "candidatesTokenCount": said, "totalTokenCount": asked + said}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": exchange.arguments["model"]}


def _generate(exchange: Exchange) -> Reply:
    return answer(_candidate(exchange, _said(exchange), "STOP"))


def _stream(exchange: Exchange) -> Reply:
    said = _said(exchange)
    half = len(said) // 2
    frames = [_candidate(exchange, said[:half], None), _candidate(exchange, said[half:], "STOP")]
    # Without alt=sse Gemini sends one JSON array.
    return events(*frames) if exchange.request.query().get("alt") == "sse" else answer(frames)


def _embed(exchange: Exchange) -> Reply:
    text = _parts_text(exchange.body["content"], "content")
    length = exchange.length(exchange.arguments["model"], exchange.body.get("outputDimensionality"))
    return numbers({"embedding": {"values": unit_vector(text, length)}})


def _predict(exchange: Exchange) -> Reply:
    instances = exchange.body["instances"]
    assert isinstance(instances, list)
    given = [instance.get("content") if isinstance(instance, dict) else None for instance in instances]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise Refused(400, "Every instance must have a content.", parameter="instances")
    length = exchange.length(exchange.arguments["model"])
    predictions = [
        {
            "embeddings": {
                "values": unit_vector(text, length),
                "statistics": {"truncated": False, "token_count": tokens(text)},
            }
        }
        for text in texts
    ]
    return numbers({"predictions": predictions})


_CONTENTS = (Field("contents", ("array",), required=True),)

GEMINI = Provider(
    name="Gemini",
    hosts=("generativelanguage.googleapis.com",),
    error=error,
    credentials=(Credential("x-goog-api-key", parameter="key"), Credential("authorization", "Bearer ")),
    doc="Versions v1 and v1beta; the key in a header or in `?key=`.",
    routes=(
        Route("POST", "/{version}/models/{model}:generateContent", _generate, "quotes the last content", _CONTENTS),
        Route(
            "POST",
            "/{version}/models/{model}:streamGenerateContent",
            _stream,
            "the same in two pieces; events with `?alt=sse`",
            _CONTENTS,
        ),
        Route(
            "POST",
            "/{version}/models/{model}:embedContent",
            _embed,
            "a vector for the content",
            (Field("content", ("object",), required=True),),
        ),
    ),
)

VERTEX = Provider(
    name="Vertex AI",
    hosts=("*-aiplatform.googleapis.com", "aiplatform.googleapis.com"),
    error=error,
    credentials=(Credential("authorization", "Bearer "),),
    doc="Text embeddings.",
    routes=(
        Route(
            "POST",
            "/{version}/projects/{project}/locations/{location}/publishers/google/models/{model}:predict",
            _predict,
            "a vector for each instance's content",
            (Field("instances", ("array",), required=True),),
        ),
    ),
)
