"""Model and model group bodies (spec/01 2, spec/02 1.3)."""

from __future__ import annotations

from typing import Any

from fairlead.api.decode import fields as read
from fairlead.api.decode.connector import connector_changes, inline_connector, read_plain
from fairlead.domain.access import MODES
from fairlead.domain.dataset import LOCAL_ALGORITHMS, Algorithm
from fairlead.domain.model import config_fault
from fairlead.engine.interface import compile_interface
from fairlead.errors import BodyParse, IllegalArgument
from fairlead.java.jackson import Node, expect, parse_object
from fairlead.service.groups import GroupFields
from fairlead.service.guards import guardrails as rules
from fairlead.service.models.registration import ModelFields
from fairlead.service.models.update import ModelChanges

_ACCESS = ("access_mode", "backend_roles", "add_all_backend_roles")
UNITS = ("NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS")
FRAMEWORKS = ("HUGGINGFACE_TRANSFORMERS", "SENTENCE_TRANSFORMERS", "HUGGINGFACE_TRANSFORMERS_NEURON")
POOLING = ("MEAN", "MEAN_SQRT_LEN", "MAX", "WEIGHTED_MEAN", "CLS", "LAST_TOKEN", "NONE")


def group_fields(body: bytes) -> GroupFields:
    node = parse_object(body)
    plain = dict.fromkeys(("name", "description"), read.text)
    readers: dict[str, Any] = {**plain, "model_group_id": read.text_or_null, **_access_readers()}
    return GroupFields(**read.each(node, readers))


def _access_readers() -> dict[str, Any]:
    return {"access_mode": _access_mode, "backend_roles": read.texts, "add_all_backend_roles": read.boolean}


def _access_mode(node: Node) -> str | None:
    """Any case for groups (spec/01 2.1); an unknown mode counts as not given."""
    mode = read.text(node).lower()
    return mode if mode in MODES else None


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
            "guardrails": guardrails,
            "model_config": complete_config,
            "model_node_ids": read.texts,
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


def model_update(body: bytes) -> ModelChanges:
    """An update: the same members, nothing required, and what a stored member lacks is seen when it is merged."""
    found = read.each(
        parse_object(body),
        {
            **dict.fromkeys(("name", "description", "model_group_id", "connector_id"), read.text),
            "connector": lambda node: connector_changes(expect(node, "object")),
            "is_enabled": read.boolean,
            "rate_limiter": rate_limiter,
            "deploy_setting": _deploy_setting,
            "interface": interface,
            "guardrails": guardrail_changes,
            "model_config": model_config,
        },
    )
    return ModelChanges(**found)


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
    if value not in UNITS:
        raise IllegalArgument(f"No enum constant java.util.concurrent.TimeUnit.{value}")
    return value


def deploy_setting(node: Node) -> dict[str, Any]:
    """An absent time to live is -1: never (spec/02 1.1)."""
    found = _deploy_setting(node)
    return {**found, "model_ttl_minutes": found.get("model_ttl_minutes", -1)}


def _deploy_setting(node: Node) -> dict[str, Any]:
    return read.each(
        expect(node, "object"), {"is_auto_deploy_enabled": read.boolean, "model_ttl_minutes": read.integer}
    )


def interface(node: Node) -> dict[str, str]:
    """JSON schemas as texts; objects become compact text in the caller's order (spec/02 1.3.1). One that cannot be
    compiled is refused; the original stores it, and then fails each predict."""
    readers: dict[str, Any] = dict.fromkeys(("input", "output"), _schema)
    found: dict[str, str] = read.each(expect(node, "object"), readers)
    compile_interface(found)
    return found


def _schema(node: Node) -> str:
    value = read.flatten(node.plain())
    return "null" if value is None else str(value)


def guardrails(node: Node) -> dict[str, Any]:
    """Spec/02 section 5: the type and the rules of that type; what else is sent is dropped."""
    return rules.normalised({"type": rules.LOCAL_REGEX, **guardrail_changes(node)})


def guardrail_changes(node: Node) -> dict[str, Any]:
    """As they are sent: without a type the stored one stays, and an empty list takes the place of the stored one."""
    readers: dict[str, Any] = {"type": read.text, **dict.fromkeys(rules.SIDES, _side)}
    found = read.each(expect(node, "object"), readers)
    if found.get("type", rules.LOCAL_REGEX) not in rules.KEYS:
        raise IllegalArgument("The type of guardrails is required, can not be null.")
    return found


def _side(node: Node) -> dict[str, Any]:
    plain = ("model_id", "response_filter", "response_validation_regex")
    readers: dict[str, Any] = {
        **dict.fromkeys(plain, read.text),
        "match": read.text,
        "fields": lambda value: list(read.texts(value)),
        "regex": lambda value: list(read.texts(value)),
        "stop_words": lambda value: [_stop_words(item) for item in expect(value, "array").items],
    }
    return read.each(expect(node, "object"), readers)


def _stop_words(node: Node) -> dict[str, Any]:
    readers: dict[str, Any] = {"index_name": read.text, "source_fields": lambda value: list(read.texts(value))}
    return read.each(expect(node, "object"), readers)


def complete_config(node: Node) -> dict[str, Any]:
    """The configuration of a new model, which must be whole."""
    found = model_config(node)
    if (fault := config_fault(found)) is not None:
        raise IllegalArgument(fault)
    return {key: value for key, value in found.items() if (key, value) != ("normalize_result", False)}


def model_config(node: Node) -> dict[str, Any]:
    """Spec/02 1.3.3; enumerations in upper case."""
    return read.each(
        expect(node, "object"),
        {
            "model_type": read.text,
            "embedding_dimension": read.integer,
            "framework_type": lambda value: _one_of(value, FRAMEWORKS, "Wrong framework type"),
            "all_config": read.text,
            "pooling_mode": lambda value: _one_of(value, POOLING, "Wrong pooling method"),
            "normalize_result": read.boolean,
            "model_max_length": read.integer,
            "additional_config": lambda value: read_plain(expect(value, "object")),
        },
    )


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
