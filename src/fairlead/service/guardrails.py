"""Guardrails as a model stores them: which keys each type has, and what must be right before one is stored (spec/02 5).

It checks no request and no reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.domain.ports import Json
from fairlead.errors import IllegalArgument
from fairlead.java.regex import PatternFault, compile_java

LOCAL_REGEX, MODEL = "local_regex", "model"
SIDES = ("input_guardrail", "output_guardrail")
KEYS: Mapping[str, tuple[str, ...]] = {
    LOCAL_REGEX: ("stop_words", "regex"),
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
    """A pattern that cannot compile is refused when it is stored, not at deploy. Raises IllegalArgument naming it."""
    for side in SIDES:
        rules = guardrails.get(side)
        if not rules:
            continue
        patterns = list(rules.get("regex", ()))
        if guardrails["type"] == MODEL:
            if "response_validation_regex" not in rules:
                raise IllegalArgument(f"response_validation_regex of {side} is required for guardrails of type model")
            patterns.append(rules["response_validation_regex"])
        for pattern in patterns:
            try:
                compile_java(pattern)
            except PatternFault as fault:
                raise IllegalArgument(f"Invalid regex in {side}: {fault.reason}", cause=fault) from fault


def asks(model: Mapping[str, Any], judge_id: str) -> bool:
    """Whether a stored model's guardrails ask model `judge_id`."""
    rules = model.get("guardrails") or {}
    return any((rules.get(side) or {}).get("model_id") == judge_id for side in SIDES)
