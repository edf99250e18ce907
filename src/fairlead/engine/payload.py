"""The body of a request, step by step: template, structured output, cleaning, processors, open placeholders, bytes
(spec/03 2.6, 8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.domain.connector import Action
from fairlead.engine.parameters import Parameters
from fairlead.engine.placeholders import PARAMETERS
from fairlead.engine.processors import compile_chain
from fairlead.engine.template import Template
from fairlead.errors import IllegalArgument, UnsupportedCharset
from fairlead.java.json import JsonFault, compact, strict_loads

NOVA_MULTIMODAL = "amazon.nova-2-multimodal-embeddings-v1:0"
_STEERING = frozenset({"charset", "input_processors", "model"})
"""Parameters that may ask for more than the filled template."""
_STRUCTURED = ("response_format", "generationConfig", "toolConfig")
_NOVA_PARTS = {"text": "value", "image": "source", "video": "source", "audio": "source"}


class Body:
    """What one action sends. `fields` are set in the top level of a body that is a JSON object."""

    __slots__ = ("_fields", "_filled", "_structured", "_template")

    def __init__(self, action: Action, owned: Mapping[str, str], fields: Mapping[str, Any] | None = None) -> None:
        self._fields = fields
        self._template = None if action.request_body is None else Template(action.request_body, owned)
        self._structured = action.supports_structured_output
        # Whether the filled template is the body, unless a request says otherwise: known once for most connectors.
        alone = self._template is not None and not self._structured and not fields
        steered = not _STEERING.isdisjoint(owned.keys() - {"model"}) or owned.get("model") == NOVA_MULTIMODAL
        self._filled = self._template if alone and not steered else None

    def render(self, parameters: Parameters) -> bytes:
        """The body's bytes; empty when the action has none. Raises IllegalArgument."""
        if self._filled is not None and _STEERING.isdisjoint(parameters.given):
            text, missing = self._filled.render(parameters)
            if missing:
                _refuse_open(text, missing, parameters)
            return text.encode("utf-8", "replace")
        return _encode(self.text(parameters), parameters.text("charset"))

    def text(self, parameters: Parameters) -> str:
        missing: list[str] = []
        if self._template is None:
            text = parameters.text("http_body") or ""
        else:
            text, missing = self._template.render(parameters)
            if self._structured:
                text = _with_structured_output(text, parameters)
            if parameters.text("model") == NOVA_MULTIMODAL:
                text = _without_empty_parts(text)
        chain = compile_chain(parameters.text("input_processors"))
        if chain is not None:
            processed = chain.run(text)
            text = processed if isinstance(processed, str) else compact(processed)
        if missing:
            _refuse_open(text, missing, parameters)
        if self._fields and (body := _object(text)) is not None:  # spec/03 2.6 #5
            text = compact({**body, **self._fields})
        return text


def _refuse_open(text: str, missing: list[str], parameters: Parameters) -> None:
    left = [name for source in missing if source in text and (name := source[len(PARAMETERS) : -1])]  # D-13
    if left and not parameters.flag("skip_validating_missing_parameters"):
        raise IllegalArgument(f"Some parameter placeholder not filled in payload: {', '.join(left)}")


def _encode(text: str, charset: str | None) -> bytes:
    """Characters the charset lacks become question marks, as in Java."""
    if charset is None:
        return text.encode("utf-8", "replace")
    try:
        return text.encode(charset, "replace")
    except (LookupError, ValueError):
        raise UnsupportedCharset(charset) from None


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = strict_loads(text)
    except JsonFault:
        return None
    return value if isinstance(value, dict) else None


def _with_structured_output(text: str, parameters: Parameters) -> str:
    """`_<field>_json` replaces a top-level field, `_<field>_additions_json` merges into it (spec/03 2.6 #6)."""
    names = [
        name for name in _STRUCTURED if parameters.has(f"_{name}_json") or parameters.has(f"_{name}_additions_json")
    ]
    if not names or (body := _object(text)) is None:
        return text
    for name in names:
        value = _object(parameters.text(f"_{name}_json") or "")
        if value is not None:
            body[name] = value
    for name in names:
        additions = _object(parameters.text(f"_{name}_additions_json") or "")
        if additions is not None:
            present = body.get(name)
            body[name] = {**(present if isinstance(present, dict) else {}), **additions}
    return compact(body)


def _without_empty_parts(text: str) -> str:
    """Nova's multimodal embeddings refuse parts that hold nothing: they are left out (spec/03 8.1)."""
    body = _object(text)
    parts = body.get("singleEmbeddingParams") if body else None
    if body is None or not isinstance(parts, dict):
        return text
    for kind, member in _NOVA_PARTS.items():
        part = parts.get(kind)
        if isinstance(part, dict):
            value = part.get(member)
            if member == "source":
                value = value.get("bytes") if isinstance(value, dict) else value
            if value is None:
                del parts[kind]
    return compact(body)
