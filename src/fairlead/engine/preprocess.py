"""Pre-process scripts: what a script sees of the input, and the parameters it answers (spec/03 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.domain.dataset import Dataset, JsonText, QuestionAnswering, Remote, TextDocs, TextSimilarity, Value
from fairlead.engine.parameters import Parameters
from fairlead.engine.scripts import Script
from fairlead.engine.template import escape
from fairlead.errors import IllegalArgument
from fairlead.java.json import JsonFault, compact, strict_loads

_P = "pre_process_function."
PROCESS_REMOTE = _P + "process_remote_inference_input"
AS_OBJECTS = _P + "convert_remote_inference_param_to_object"
AS_STRINGS = _P + "convert_input_to_json_string"


def run_script(script: Script, dataset: Dataset, parameters: Parameters) -> Mapping[str, Value]:
    """The parameters a script makes of `dataset`. Raises ScriptFault, or IllegalArgument for an unusable answer."""
    answer = script.run(_params(dataset, parameters))
    if answer is None:
        raise IllegalArgument("Preprocess function output is null")
    try:
        parsed = strict_loads(answer)
    except JsonFault as fault:
        raise IllegalArgument(f"Preprocess function output is not a JSON object: {fault}") from fault
    if not isinstance(parsed, dict):
        raise IllegalArgument("Preprocess function output is not a JSON object")
    produced = parsed.get("parameters", {})
    if not isinstance(produced, dict):
        raise IllegalArgument("Preprocess function output: 'parameters' must be an object")
    return {name: value_of(value) for name, value in produced.items()}


def value_of(value: Any) -> Value:
    """A JSON value as a parameter; integers keep their text (D-19), null stays null (D-08)."""
    if value is None or isinstance(value, str):
        return value
    return JsonText(compact(value))


def _params(dataset: Dataset, parameters: Parameters) -> dict[str, Any]:
    if isinstance(dataset, Remote):
        as_objects = parameters.flag(AS_OBJECTS)
        return {name: _remote(value, as_objects) for name, value in (dataset.parameters or {}).items()}
    as_strings = parameters.flag(AS_STRINGS)
    # Documents inside a JSON text are escaped by that text already (D-44).
    escaped = (lambda text: text) if as_strings else _escaped
    fields: dict[str, Any]
    match dataset:
        case TextDocs():
            fields = {"algorithm": "TEXT_EMBEDDING"}
            if dataset.algorithm_parameters is not None:
                fields["parameters"] = dict(dataset.algorithm_parameters)
            fields["text_docs"] = [escaped(doc) for doc in dataset.docs]
        case TextSimilarity():
            fields = {"algorithm": "REMOTE", "query_text": _escaped(dataset.query)}
            fields["text_docs"] = [escaped(doc) for doc in dataset.docs]
        case QuestionAnswering():
            fields = {"algorithm": "REMOTE", "question": dataset.question, "context": dataset.context}
    if as_strings:
        return {name: value if isinstance(value, str) else compact(value) for name, value in fields.items()}
    return fields


def _escaped(text: str | None) -> str | None:
    """Scripts paste documents between quotes, so they see them escaped, as in the original."""
    return None if text is None else escape(text)


def _remote(value: Value, as_object: bool) -> Any:
    if value is None:
        return None
    if as_object and value.lstrip()[:1] in ("{", "["):
        try:
            return strict_loads(value)
        except JsonFault:
            pass
    return str(value) if isinstance(value, JsonText) else escape(value)
