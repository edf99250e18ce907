"""Built-in pre-process functions: one table from name to what it makes of a dataset (spec/03 section 4).

Every row leaves remote input alone. Results are data: they are escaped where they are put in, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fairlead.domain.dataset import Dataset, JsonText, Remote, TextDocs, TextSimilarity, Value
from fairlead.errors import IllegalArgument
from fairlead.java.json import compact

PREFIX = "connector.pre_process."

_DOCS_ONLY = (
    "This pre_process_function can only support TextDocsInputDataSet which including a list of string with key "
    "'text_docs'"
)
_SIMILARITY_ONLY = "This pre_process_function can only support TextSimilarityInputDataSet"

Produced = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class PreFunction:
    """One built-in. `step` is how many documents one call can take: 0 = all of them (D-14)."""

    name: str
    takes: str
    produces: str
    run: Callable[[Dataset], Produced]
    step: int = 0


def _json(value: Any) -> JsonText:
    try:
        return JsonText(orjson.dumps(value).decode())
    except TypeError:  # half a surrogate pair
        return JsonText(compact(value))


def _docs(dataset: Dataset) -> tuple[str | None, ...]:
    if not isinstance(dataset, TextDocs):
        raise IllegalArgument(_DOCS_ONLY)
    return dataset.docs


def _list(parameter: str, missing: str | None = None) -> Callable[[Dataset], Produced]:
    def run(dataset: Dataset) -> Produced:
        docs = _docs(dataset)
        if missing is not None and (not docs or docs[0] is None):
            raise IllegalArgument(missing)
        return {parameter: _json(docs)}

    return run


def _first(parameter: str, missing: str) -> Callable[[Dataset], Produced]:
    def run(dataset: Dataset) -> Produced:
        docs = _docs(dataset)
        if not docs:
            raise IllegalArgument(missing)
        return {parameter: docs[0]}

    return run


def _text(dataset: Dataset) -> Produced:
    docs = _docs(dataset)
    if not docs or docs[0] is None:  # a null pointer in the original (D-46)
        raise IllegalArgument("text_docs must not hold null for this pre_process_function")
    return {"inputText": docs[0]}


def _multimodal(dataset: Dataset) -> Produced:
    docs = _docs(dataset)
    if not docs or docs == (None,):
        raise IllegalArgument("No input text or image provided")
    return {"inputText": docs[0]} | ({"inputImage": docs[1]} if len(docs) > 1 else {})


_NOVA_KINDS = ("text", "image", "video", "audio")


def _nova(dataset: Dataset) -> Produced:
    docs = _docs(dataset)
    if not docs or docs[0] is None:
        raise IllegalArgument("No input provided")
    doc = docs[0]
    if doc.startswith("{"):
        try:
            parsed = orjson.loads(doc)
        except orjson.JSONDecodeError:
            parsed = {}
        for kind in _NOVA_KINDS:  # one order for name and content (D-15)
            if isinstance(parsed.get(kind), str):
                return {kind: parsed[kind]}
    return {"text": doc}


def _similarity(dataset: Dataset) -> TextSimilarity:
    if not isinstance(dataset, TextSimilarity):
        raise IllegalArgument(_SIMILARITY_ONLY)
    return dataset


def _rerank(dataset: Dataset) -> Produced:
    asked = _similarity(dataset)
    return {"query": asked.query, "documents": _json(asked.docs), "top_n": JsonText(len(asked.docs))}


def _bedrock_rerank(dataset: Dataset) -> Produced:
    asked = _similarity(dataset)
    sources = [
        {"inlineDocumentSource": {"textDocument": {"text": doc}, "type": "TEXT"}, "type": "INLINE"}
        for doc in asked.docs
    ]
    return {
        "queries": _json([{"textQuery": {"text": asked.query}, "type": "TEXT"}]),
        "sources": _json(sources),
        "numberOfResults": JsonText(len(asked.docs)),
    }


def _row(name: str, takes: str, produces: str, run: Callable[[Dataset], Produced], step: int = 0) -> PreFunction:
    return PreFunction(PREFIX + name, takes, produces, run, step)


_ROWS = (
    _row("openai.embedding", "text docs", "`input`: the documents", _list("input")),
    _row("default.embedding", "text docs", "`input`: the documents", _list("input")),
    _row("cohere.embedding", "text docs", "`texts`: the documents", _list("texts")),
    _row("cohere.multimodal_embedding", "text docs", "`images`: the data URIs", _list("images", "No image provided")),
    _row("bedrock.embedding", "text docs", "`inputText`: the document", _text, 1),
    _row("bedrock.nova.text_embedding", "text docs", "`inputText`: the document", _text, 1),
    _row("bedrock.multimodal_embedding", "text docs", "`inputText`, `inputImage`: a text and an image", _multimodal, 2),
    _row("bedrock.nova.image_embedding", "text docs", "`inputImage`: the image", _first("inputImage", "No input image provided"), 1),
    _row("bedrock.nova.video_embedding", "text docs", "`inputVideo`: the video", _first("inputVideo", "No input video provided"), 1),
    _row("bedrock.nova.audio_embedding", "text docs", "`inputAudio`: the sound", _first("inputAudio", "No input audio provided"), 1),
    _row("bedrock.nova.embedding", "text docs", "one of `text`, `image`, `video`, `audio`", _nova, 1),
    _row("cohere.rerank", "a query and documents", "`query`, `documents`, `top_n`", _rerank),
    _row("default.rerank", "a query and documents", "`query`, `documents`, `top_n`", _rerank),
    _row("bedrock.rerank", "a query and documents", "`queries`, `sources`, `numberOfResults`", _bedrock_rerank),
)  # fmt: skip

PRE_FUNCTIONS: Mapping[str, PreFunction] = {row.name: row for row in _ROWS}
DEFAULT = PRE_FUNCTIONS[PREFIX + "default.embedding"]


def without_function(dataset: Dataset) -> Produced:
    """What an action without a pre-process function makes of its input: documents go the default way."""
    if isinstance(dataset, TextDocs):
        return DEFAULT.run(dataset)
    if isinstance(dataset, Remote):
        return {}
    raise IllegalArgument("pre_process_function not defined in connector")
