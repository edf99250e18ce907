"""Predict bodies: the path's algorithm decides their shape (spec/03 1.2).

The hot path decodes with a fast strict parser; the slow one that knows positions is asked only for what is wrong or
unusual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.api.decode import fields as read
from fairlead.domain.connector import ActionType
from fairlead.domain.dataset import (
    LOCAL_ALGORITHMS,
    TEXT_DOCS_ALGORITHMS,
    Algorithm,
    Dataset,
    PredictInput,
    QuestionAnswering,
    Remote,
    TextDocs,
    TextSimilarity,
    Value,
)
from fairlead.engine.chunk import STEP
from fairlead.errors import ActionValidation, BodyParse, IllegalArgument
from fairlead.java import jackson
from fairlead.java.json import JsonFault, strict_loads

_PARAMETER_CLASS = "org.opensearch.ml.common.input.parameter.textembedding."
_ENUMS = {
    "content_type": ("AsymmetricTextEmbeddingParameters$EmbeddingContentType", ("QUERY", "PASSAGE")),
    "sparse_embedding_format": ("AsymmetricTextEmbeddingParameters$SparseEmbeddingFormat", ("WORD", "TOKEN_ID")),
}
_FLAGS = ("return_bytes", "return_number")
_RESULT_FILTER = (*_FLAGS, "target_response", "target_response_positions")
_FILTERS = frozenset({*_RESULT_FILTER, "result_filter"})
_NOT_PREDICTING = (ActionType.CANCEL_BATCH_PREDICT, ActionType.BATCH_PREDICT_STATUS)


def predict_body(algorithm: str, body: bytes, usual: str = ActionType.PREDICT) -> PredictInput:
    """Raises the 400s of spec/02 3.2. `algorithm` in any case, as in the path; `usual` is the action of a body that names
    none."""
    kind = algorithm.lower()
    if kind not in _DATASETS:
        if kind in LOCAL_ALGORITHMS:
            raise ActionValidation("input data can't be null")
        raise IllegalArgument("Wrong function name")
    if not body:
        raise BodyParse("request body is required")
    try:
        value = strict_loads(body)
        if type(value) is not dict:
            raise JsonFault("not an object")
    except JsonFault:
        value = jackson.parse_object(body).plain()
    action = _action(value["action_type"], body) if "action_type" in value else usual
    dlq = None if value.get("dlq") is None else _dlq(value["dlq"], body)
    return PredictInput(_DATASETS[kind](value, body), action, dlq)


def _node(body: bytes, *path: str) -> jackson.Node:
    node = jackson.parse_object(body)
    for key in path:
        found = node.get(key)
        assert found is not None
        node = found
    return node


def _action(value: Any, body: bytes) -> str:
    shown = value if type(value) is str else read.text(_node(body, "action_type"))
    name = shown.upper()
    if name not in ActionType.__members__:
        raise IllegalArgument(f"Wrong Action Type of {shown}")
    if name in _NOT_PREDICTING:  # the original never answers these (spec/02 3.4)
        raise IllegalArgument("Wrong action name")
    return name


def _dlq(value: Any, body: bytes) -> dict[str, str]:
    if not isinstance(value, dict):
        jackson.expect(_node(body, "dlq"), "object")
    if value.get("bucket") is None or value.get("region") is None:
        raise IllegalArgument("DLQ bucketName or region cannot be null")
    return {name: str(read.flatten(item)) for name, item in value.items() if item is not None}


def _remote(value: Mapping[str, Any], body: bytes) -> Dataset:
    parameters = value.get("parameters")
    if type(parameters) is dict:
        flatten = read.flatten
        return Remote({name: item if type(item) is str else flatten(item) for name, item in parameters.items()})
    if type(parameters) is list:  # a null pointer in the original (D-46)
        node = _node(body, "parameters")
        raise BodyParse(f"[parameters] must be an object but found [{node.token}] at {node.line}:{node.col}")
    return Remote(None)


def _docs(value: Any, body: bytes) -> tuple[str | None, ...]:
    if value is None:
        return ()
    if type(value) is not list:
        node = _node(body, "text_docs")
        raise BodyParse(f"[text_docs] must be an array but found [{node.token}] at {node.line}:{node.col}")
    if all(type(doc) is str or doc is None for doc in value):
        return tuple(value)
    return tuple(None if item.kind == "null" else read.text(item) for item in _node(body, "text_docs").items)


def _text_docs(value: Mapping[str, Any], body: bytes) -> Dataset:
    docs = _docs(value.get("text_docs"), body)
    if not docs:
        raise IllegalArgument("Empty text docs")
    for key in _FLAGS:
        if key in value and type(value[key]) is not bool:
            read.boolean(_node(body, key))
    given = value.get("parameters")
    parameters = _typed(given) if isinstance(given, dict) else None
    step = given.get(STEP) if isinstance(given, dict) else None
    return TextDocs(docs, parameters, None if step is None else str(read.flatten(step)), _result_filter(value))


def _result_filter(value: Mapping[str, Any]) -> Mapping[str, object] | None:
    """What the body says of its reply, in an object of its own or beside the documents; remote models do not act on it."""
    if _FILTERS.isdisjoint(value):
        return None
    nested = value.get("result_filter")
    found = {**value, **(nested if isinstance(nested, dict) else {})}
    return {
        key: found[key] in (True, "true") if key in _FLAGS else found[key] for key in _RESULT_FILTER if key in found
    }


def _typed(given: Mapping[str, Any]) -> dict[str, Value]:
    """The typed parameters of text docs; unknown members are ignored, the format is always there (spec/03 1.2)."""
    found: dict[str, Value] = {}
    for key, (enum, allowed) in _ENUMS.items():
        if given.get(key) is not None:
            value = str(given[key]).upper()
            if value not in allowed:
                raise IllegalArgument(f"No enum constant {_PARAMETER_CLASS}{enum.replace('$', '.')}.{value}")
            found[key] = value
    found.setdefault("sparse_embedding_format", "WORD")
    return found


def _similarity(value: Mapping[str, Any], body: bytes) -> Dataset:
    docs = tuple("null" if doc is None else doc for doc in _docs(value.get("text_docs"), body))
    if not docs:
        raise IllegalArgument("No text documents were provided")
    query = value.get("query_text")
    if query is None:
        raise IllegalArgument("No query text was provided")
    return TextSimilarity(query if type(query) is str else read.text(_node(body, "query_text")), docs)


def _question(value: Mapping[str, Any], body: bytes) -> Dataset:
    for key, label in (("question", "Question"), ("context", "Context")):
        if value.get(key) is None:
            raise IllegalArgument(f"{label} is not provided")
    question, context = (
        value[key] if type(value[key]) is str else read.text(_node(body, key)) for key in ("question", "context")
    )
    return QuestionAnswering(question, context)


_DATASETS = {
    Algorithm.REMOTE.value: _remote,
    **{algorithm.value: _text_docs for algorithm in TEXT_DOCS_ALGORITHMS},
    Algorithm.TEXT_SIMILARITY.value: _similarity,
    Algorithm.QUESTION_ANSWERING.value: _question,
}
