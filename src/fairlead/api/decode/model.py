"""Model and model group bodies (spec/01 2, spec/02 1.3)."""

from __future__ import annotations

from typing import Any

from fairlead.api.decode import fields as read
from fairlead.api.decode.connector import ACCESS_MODES, inline_connector
from fairlead.domain.dataset import LOCAL_ALGORITHMS, Algorithm
from fairlead.errors import BodyParse, IllegalArgument
from fairlead.java.jackson import Node, expect, parse_object
from fairlead.service.groups import GroupFields
from fairlead.service.models import ModelFields

_ACCESS = ("access_mode", "backend_roles", "add_all_backend_roles")
_UNITS = ("NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS")
_FRAMEWORKS = ("HUGGINGFACE_TRANSFORMERS", "SENTENCE_TRANSFORMERS", "HUGGINGFACE_TRANSFORMERS_NEURON")
_POOLING = ("MEAN", "MEAN_SQRT_LEN", "MAX", "WEIGHTED_MEAN", "CLS", "LAST_TOKEN", "NONE")


def group_fields(body: bytes) -> GroupFields:
    node = parse_object(body)
    readers: dict[str, Any] = {"name": read.text, "description": read.text, **_access_readers()}
    return GroupFields(**read.each(node, readers))


def _access_readers() -> dict[str, Any]:
    return {"access_mode": _access_mode, "backend_roles": read.texts, "add_all_backend_roles": read.boolean}


def _access_mode(node: Node) -> str | None:
    """Any case for groups (spec/01 2.1); an unknown mode counts as not given."""
    mode = read.text(node).lower()
    return mode if mode in ACCESS_MODES else None


def model_register(body: bytes) -> ModelFields:
    """A registration of a remote model. Local ones are refused with the text that the original has for them."""
    node = parse_object(body)
    plain = ("name", "description", "model_group_id", "connector_id", "url", "provisioned_by", "function_name")
    found = read.each(
        node,
        {
            **dict.fromkeys(plain, read.text),
            "connector": inline_connector,
            "is_enabled": read.boolean,
            "model_format": _model_format,
            "rate_limiter": rate_limiter,
            "deploy_setting": deploy_setting,
            "interface": interface,
            "guardrails": lambda value: expect(value, "object").plain(),
            "model_config": model_config,
            **_access_readers(),
        },
    )
    function = found.pop("function_name", None)
    access = {key: found.pop(key) for key in _ACCESS if key in found}
    if function is not None and (function := function.lower()) not in (*Algorithm, *LOCAL_ALGORITHMS):
        raise IllegalArgument("Wrong function name")
    if "name" not in found:
        raise IllegalArgument("model name is null")
    if function != "remote":
        if "model_format" not in found:
            raise IllegalArgument("model format is null")
        raise IllegalArgument("Only remote models can be registered here: function_name must be [remote]")
    return ModelFields(**found, access=GroupFields(**access) if access else None)


def _model_format(node: Node) -> str:
    value = read.text(node).upper()
    if value not in ("TORCH_SCRIPT", "ONNX"):
        raise IllegalArgument("Wrong model format")
    return value


def rate_limiter(node: Node) -> dict[str, Any]:
    """`limit` is kept as the text that was sent (spec/02 6.1); zero can never be used."""
    return read.each(expect(node, "object"), {"limit": _limit, "unit": _unit})


def _limit(node: Node) -> str:
    value = read.text(node)
    number = read.decimal(value)
    if number is None or not 0 < number < float("inf"):
        raise BodyParse("Limit field must be a positive number.")
    return value


def _unit(node: Node) -> str:
    value = read.text(node)
    if value not in _UNITS:
        raise IllegalArgument(f"No enum constant java.util.concurrent.TimeUnit.{value}")
    return value


def deploy_setting(node: Node) -> dict[str, Any]:
    """An absent time to live is -1: never (spec/02 1.1)."""
    found = read.each(
        expect(node, "object"), {"is_auto_deploy_enabled": read.boolean, "model_ttl_minutes": read.integer}
    )
    return {**found, "model_ttl_minutes": found.get("model_ttl_minutes", -1)}


def interface(node: Node) -> dict[str, str]:
    """JSON schemas as texts; objects become compact text in the caller's order (spec/02 1.3.1)."""
    readers: dict[str, Any] = dict.fromkeys(("input", "output"), _schema)
    return read.each(expect(node, "object"), readers)


def _schema(node: Node) -> str:
    value = read.flatten(node.plain())
    return "null" if value is None else str(value)


def model_config(node: Node) -> dict[str, Any]:
    """Spec/02 1.3.3; enumerations in upper case, checks for text embedding models."""
    found = read.each(
        expect(node, "object"),
        {
            "model_type": read.text,
            "embedding_dimension": read.integer,
            "framework_type": lambda value: _one_of(value, _FRAMEWORKS, "Wrong framework type"),
            "all_config": read.text,
            "pooling_mode": lambda value: _one_of(value, _POOLING, "Wrong pooling method"),
            "normalize_result": read.boolean,
            "model_max_length": read.integer,
            "additional_config": lambda value: expect(value, "object").plain(),
        },
    )
    if found.get("normalize_result") is False:
        del found["normalize_result"]
    if found.get("model_type", "").lower() == "text_embedding":
        for key, label in (("embedding_dimension", "Embedding dimension"), ("framework_type", "Framework type")):
            if key not in found:
                raise IllegalArgument(f"{label} must be provided for remote text embedding model")
        if "space_type" not in found.get("additional_config", {}):
            raise IllegalArgument("Space type must be provided in additional_config for remote text embedding model")
    return found


def _one_of(node: Node, allowed: tuple[str, ...], reason: str) -> str:
    value = read.text(node).upper()
    if value not in allowed:
        raise IllegalArgument(reason)
    return value


def id_lists(body: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The optional body of deploy and undeploy: `model_ids` and `node_ids`."""
    if not body:
        return (), ()
    found = read.each(parse_object(body), {"model_ids": read.texts, "node_ids": read.texts})
    return found.get("model_ids", ()), found.get("node_ids", ())
