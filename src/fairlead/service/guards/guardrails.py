"""Guardrails as a model stores them: which keys each type has, and what must be right before one is stored (spec/02 5).

It checks no request and no reply; fairlead.service.guards.guard does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.domain import word_list
from fairlead.domain.model import KIND as MODEL_KIND
from fairlead.domain.ports import Json, Require, Store
from fairlead.engine.jsonpath import compile_path
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.java.regex import JavaPattern, PatternFault, compile_java

LOCAL_REGEX, MODEL = "local_regex", "model"
SIDES = ("input_guardrail", "output_guardrail")
FULL, SEARCH = "full", "search"
MATCHES = (FULL, SEARCH)
"""Whether a pattern must match the whole text, as in the original, or may stand anywhere in it (ours)."""
MAX_PATTERNS, MAX_PATTERN_CHARACTERS = 1_000, 50_000
"""Of one side; every worker compiles them when it loads the model."""
KEYS: Mapping[str, tuple[str, ...]] = {
    LOCAL_REGEX: ("stop_words", "regex", "match", "fields"),
    MODEL: ("model_id", "response_filter", "response_validation_regex"),
}
"""What a side holds, by the guardrails' type; anything else is dropped."""


def normalised(guardrails: Mapping[str, Any]) -> Json:
    """What is stored and shown: keys of the type that are set; empty lists and empty sides fall away."""
    kind = guardrails.get("type", LOCAL_REGEX)
    shown: Json = {"type": kind}
    for side in SIDES:
        rules = guardrails.get(side) or {}
        kept = {key: rules[key] for key in KEYS[kind] if rules.get(key) not in (None, [], ())}
        if kept:
            shown[side] = kept
    return shown


def check(guardrails: Mapping[str, Any]) -> None:
    """What cannot compile is refused when it is stored, not at deploy. Raises IllegalArgument naming it."""
    for side in SIDES:
        rules = guardrails.get(side)
        if not rules:
            continue
        texts = list(rules.get("regex", ()))
        if len(texts) > MAX_PATTERNS or sum(map(len, texts)) > MAX_PATTERN_CHARACTERS:
            raise IllegalArgument(
                f"regex of {side} holds more than {MAX_PATTERNS} patterns or {MAX_PATTERN_CHARACTERS} characters; "
                "a word list takes more"
            )
        if guardrails["type"] == MODEL:
            for key in ("model_id", "response_validation_regex"):
                if key not in rules:
                    raise IllegalArgument(f"{key} of {side} is required for guardrails of type model")
            texts.append(rules["response_validation_regex"])
        if rules.get("match", FULL) not in MATCHES:
            raise IllegalArgument(f"match of {side} must be one of [{', '.join(MATCHES)}]")
        for text in texts:
            pattern(side, text)
        for path in rules.get("fields", ()):
            try:
                compile_path(path)
            except FairleadError as fault:
                raise IllegalArgument(f"Invalid path in fields of {side}: {fault.reason}", cause=fault) from fault


def pattern(side: str, text: str) -> JavaPattern:
    """A pattern of a side; its dot matches line breaks, which a template may hold (D-35). Raises IllegalArgument."""
    try:
        return compile_java(text, dotall=True)
    except PatternFault as fault:
        raise IllegalArgument(f"Invalid regex in {side}: {fault.reason}", cause=fault) from fault


def judges(guardrails: Mapping[str, Any]) -> set[str]:
    """Ids of the models that these guardrails ask."""
    return {rules["model_id"] for side in SIDES if "model_id" in (rules := guardrails.get(side) or {})}


def word_lists(guardrails: Mapping[str, Any]) -> dict[str, set[str]]:
    """Names of the word lists that these guardrails look into, with the fields that they read."""
    found: dict[str, set[str]] = {}
    for side in SIDES:
        for entry in (guardrails.get(side) or {}).get("stop_words", ()):
            if complete(entry):
                found.setdefault(entry["index_name"], set()).update(entry["source_fields"])
    return found


def complete(entry: Mapping[str, Any]) -> bool:
    """An entry of `stop_words` that lacks the name or the fields is kept and ignored, as recorded."""
    return bool(entry.get("index_name") and entry.get("source_fields"))


def asks(model: Mapping[str, Any], judge_id: str) -> bool:
    """Whether a stored model's guardrails ask model `judge_id`."""
    return judge_id in judges(model.get("guardrails") or {})


async def require_word_lists(store: Store, guardrails: Mapping[str, Any] | None) -> list[Require]:
    """That the lists stay as they are while guardrails are written. Raises IllegalArgument when one is not there."""
    steps = []
    for name, fields in word_lists(guardrails or {}).items():
        document = await store.get(word_list.KIND, name)
        word_list.require_fields(name, sorted(fields), None if document is None else document.body["phrases"])
        assert document is not None
        steps.append(Require(word_list.KIND, name, document.revision))
    return steps


async def check_circle(store: Store, id: str, guardrails: Mapping[str, Any] | None) -> None:
    """Raises IllegalArgument when model `id` would be asked about its own words, directly or by those whom it asks."""
    seen: set[str] = set()
    ahead = judges(guardrails or {})
    while ahead:
        if id in ahead:
            raise IllegalArgument(f"Guardrails cannot ask the model that they guard, directly or through others: {id}")
        seen |= ahead
        documents = [await store.get(MODEL_KIND, judge) for judge in sorted(ahead)]
        found = [document.body.get("guardrails") or {} for document in documents if document is not None]
        ahead = {judge for rules in found for judge in judges(rules)} - seen
