"""Interfaces that a model gets at registration when the caller gave none (spec/02 4.3): one table, decided by the connector.

It only makes texts; nothing here validates against them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead.domain.connector import Connector

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_INTEGER: Schema = {"type": "integer"}


def _object(required: Sequence[str] = (), /, **members: Schema) -> Schema:
    shown: Schema = {"type": "object", "properties": members}
    return {**shown, "required": list(required)} if required else shown


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _strings(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _STRING)


def _numbers(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _NUMBER)


def _frame(item: Schema) -> Schema:
    """A whole predict reply whose tensors look like `item`, everything required."""
    result = _object(("output", "status_code"), output=_array(item), status_code=_INTEGER)
    return _object(("inference_results",), inference_results=_array(result))


def _loose_frame(item: Schema, status_code: Schema) -> Schema:
    return _object(inference_results=_array(_object(output=_array(item), status_code=status_code)))


def _mapped(data: Schema) -> Schema:
    return _frame(_object(("name", "dataAsMap"), name=_STRING, dataAsMap=data))


def _parameters(name: str) -> Schema:
    return _object(("parameters",), parameters=_object((name,), **{name: _STRING}))


_TOKENS = _array(
    _object(
        generatedToken=_object(token=_STRING, **_numbers("logprob", "raw_logprob")),
        textRange=_object(**_numbers("start", "end")),
    )
)
_BOX = _object(
    BoundingBox=_object(**_numbers("Height", "Left", "Top", "Width")), Polygon=_array(_object(**_numbers("X", "Y")))
)
_TENSOR = _object(
    ("name", "data_type", "shape", "data"),
    name=_STRING,
    data_type=_STRING,
    shape=_array(_INTEGER),
    data=_array(_NUMBER),
)


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=4)


_REQUIRED = re.compile(r'("required": )\[\s+([^\]]*?)\s+\]')


def _narrow(schema: Schema) -> str:
    """Two blanks a level, and each list of required names on one line."""
    return _REQUIRED.sub(
        lambda found: found[1] + "[" + re.sub(r",\s+", ", ", found[2]) + "]", json.dumps(schema, indent=2)
    )


CONV = _text(_parameters("inputs"))
EMB = _text(_object(parameters=_object(("texts",), texts=_array(_STRING))))
TITAN_TXT = _text(_object(parameters=_object(("inputText",), inputText=_STRING)))
TITAN_MM = _text(_object(parameters=_object(**_strings("inputText", "inputImage"))))
COMPR = _text(_parameters("Text"))
TEXTR = _text(_parameters("bytes"))

CONV_OUT = _text(_mapped(_object(("response",), response=_STRING)))
CLAUDE2_OUT = _text(_mapped(_object(("type", "completion"), **_strings("type", "completion", "stop_reason", "stop"))))
EMB_OUT = _text(_frame(_TENSOR))
TITAN_RAW = _narrow(
    _mapped(
        _object(("embedding", "inputTextTokenCount"), embedding=_array(_NUMBER), inputTextTokenCount=_INTEGER),
    )
)
COHERE_RAW = _narrow(
    _mapped(
        _object(
            ("id", "texts", "embeddings", "response_type"),
            id=_STRING,
            texts=_array(_STRING),
            embeddings=_array(_array(_NUMBER)),
            response_type=_STRING,
        )
    )
)
_LANGUAGE = _object(("LanguageCode", "Score"), LanguageCode=_STRING, Score=_NUMBER)
COMPR_OUT = _text(
    _mapped(_object(("response",), response=_object(("Languages",), Languages=_array(_LANGUAGE)))),
)
AI21_RAW = json.dumps(
    _loose_frame(
        _object(
            name=_STRING,
            dataAsMap=_object(
                id=_NUMBER,
                prompt=_object(text=_STRING, tokens=_TOKENS),
                completions=_array(
                    _object(
                        data=_object(text=_STRING, tokens=_TOKENS),
                        finishReason=_object(reason=_STRING, length=_NUMBER),
                    )
                ),
            ),
        ),
        _INTEGER,
    ),
    indent=2,
)
TEXTR_OUT = _text(
    _loose_frame(
        _object(
            name=_STRING,
            dataAsMap=_object(
                Blocks=_array(
                    _object(
                        BlockType=_STRING,
                        Geometry=_BOX,
                        Id=_STRING,
                        Relationships=_array(_object(Ids=_array(_STRING), Type=_STRING)),
                    )
                ),
                DetectDocumentTextModelVersion=_STRING,
                DocumentMetadata=_object(Pages=_NUMBER),
            ),
        ),
        _NUMBER,
    )
)

ANY = "*"
"""As a model: every one. As a post-process function: any that is not blank."""

_COHERE = "connector.post_process.cohere.embedding"
_TITAN = "connector.post_process.bedrock.embedding"


@dataclass(frozen=True, slots=True)
class Preset:
    """One row. `post` is the post-process function of the first action, in any case; None takes whatever is left."""

    service: str
    model: str
    post: str | None
    input: str
    output: str


PRESETS: tuple[Preset, ...] = (
    Preset("bedrock", "ai21.j2-mid-v1", ANY, CONV, CONV_OUT),
    Preset("bedrock", "ai21.j2-mid-v1", None, CONV, AI21_RAW),
    Preset("bedrock", "anthropic.claude-3-sonnet-20240229-v1:0", None, CONV, CONV_OUT),
    Preset("bedrock", "anthropic.claude-v2", None, CONV, CLAUDE2_OUT),
    Preset("bedrock", "cohere.embed-english-v3", _COHERE, EMB, EMB_OUT),
    Preset("bedrock", "cohere.embed-english-v3", None, EMB, COHERE_RAW),
    Preset("bedrock", "cohere.embed-multilingual-v3", _COHERE, EMB, EMB_OUT),
    Preset("bedrock", "cohere.embed-multilingual-v3", None, EMB, COHERE_RAW),
    Preset("bedrock", "amazon.titan-embed-text-v1", _TITAN, TITAN_TXT, EMB_OUT),
    Preset("bedrock", "amazon.titan-embed-text-v1", None, TITAN_TXT, TITAN_RAW),
    Preset("bedrock", "amazon.titan-embed-image-v1", _TITAN, TITAN_MM, EMB_OUT),
    Preset("bedrock", "amazon.titan-embed-image-v1", None, TITAN_MM, TITAN_RAW),
    Preset("comprehend", "DetectDominantLanguage", None, COMPR, COMPR_OUT),
    Preset("textract", ANY, None, TEXTR, TEXTR_OUT),
)
"""Read from the top; the first row that fits counts."""


def preset_interface(connector: Connector) -> Mapping[str, str] | None:
    """The interface for models of this connector, or None. Texts stand as they are stored and shown."""
    parameters = connector.parameters or {}
    service, model = parameters.get("service_name"), parameters.get("model", parameters.get("api_name"))
    post = (connector.actions[0].post_process_function or "").strip().lower() if connector.actions else ""
    for row in PRESETS:
        fits = row.post is None or row.post == post or (row.post == ANY and post != "")
        if row.service == service and row.model in (ANY, model) and fits:
            return {"input": row.input, "output": row.output}
    return None
