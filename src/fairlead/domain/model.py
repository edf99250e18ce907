"""Models: a name and a state over a connector, and the rules of their life cycle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from fairlead.domain.connector import Connector
from fairlead.domain.ports import Json

KIND = "model"
INDEX = ".plugins-ml-model"


class ModelState(StrEnum):
    """States a remote model can have (spec/02 1.2)."""

    REGISTERED = "REGISTERED"
    DEPLOYING = "DEPLOYING"
    DEPLOYED = "DEPLOYED"
    PARTIALLY_DEPLOYED = "PARTIALLY_DEPLOYED"
    UNDEPLOYED = "UNDEPLOYED"
    DEPLOY_FAILED = "DEPLOY_FAILED"


HELD_STATES = frozenset({ModelState.DEPLOYING, ModelState.DEPLOYED, ModelState.PARTIALLY_DEPLOYED})
"""In these a model cannot be deleted."""


@dataclass(frozen=True, slots=True)
class Model:
    """A stored model; field order is the order on the wire. Objects that are only kept and shown stay plain JSON."""

    name: str
    model_group_id: str | None = None
    algorithm: str = "REMOTE"
    model_version: str | None = None
    description: str | None = None
    model_format: str | None = None
    model_state: ModelState = ModelState.REGISTERED
    model_config: Mapping[str, Any] | None = None
    deploy_setting: Mapping[str, Any] | None = None
    is_enabled: bool | None = None
    is_controller_enabled: bool | None = None
    rate_limiter: Mapping[str, Any] | None = None
    created_time: int | None = None
    last_updated_time: int | None = None
    last_deployed_time: int | None = None
    model_id: str | None = None
    auto_redeploy_retry_times: int | None = None
    planning_worker_node_count: int | None = None
    current_worker_node_count: int | None = None
    planning_worker_nodes: tuple[str, ...] | None = None
    deploy_to_all_nodes: bool | None = None
    is_hidden: bool | None = None
    connector: Connector | None = None
    connector_id: str | None = None
    guardrails: Mapping[str, Any] | None = None
    interface: Mapping[str, str] | None = None
    provisioned_by: str | None = None

    def _members(self) -> Json:
        shown: Json = {f.name: getattr(self, f.name) for f in fields(self)}
        shown["model_state"] = str(self.model_state)
        shown["planning_worker_nodes"] = list(self.planning_worker_nodes) if self.planning_worker_nodes else None
        shown["deploy_to_all_nodes"] = self.deploy_to_all_nodes or None
        return {key: value for key, value in shown.items() if value is not None}

    def shown(self) -> Json:
        """What a GET answers; an internal connector without its credential."""
        document = self._members()
        if self.connector is not None:
            document["connector"] = self.connector.shown()
        return document

    def document(self) -> Json:
        """What is stored; an internal connector with its sealed credential."""
        document = self._members()
        if self.connector is not None:
            document["connector"] = self.connector.document()
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Model:
        values = dict(document)
        values["model_state"] = ModelState(values["model_state"])
        if "connector" in values:
            values["connector"] = Connector.of(values["connector"])
        if "planning_worker_nodes" in values:
            values["planning_worker_nodes"] = tuple(values["planning_worker_nodes"])
        return cls(**values)

    @property
    def time_to_live(self) -> int | None:
        """Minutes after which an idle model is undeployed; None = never (spec/02 1.10)."""
        minutes = (self.deploy_setting or {}).get("model_ttl_minutes", -1)
        return minutes if minutes >= 0 else None

    @property
    def enabled(self) -> bool:
        return self.is_enabled is not False

    @property
    def auto_deploy(self) -> bool:
        return (self.deploy_setting or {}).get("is_auto_deploy_enabled") is not False


def merged(stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> Json:
    """`given` over `stored`, objects key by key at every depth, everything else replaced (spec/02 1.6)."""
    result = dict(stored or {})
    for key, value in given.items():
        old = result.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[key] = merged(old, value) if both else value
    return result


_EMBEDDING_NEEDS = (
    ("embedding_dimension", "Embedding dimension"),
    ("framework_type", "Framework type"),
)


def config_fault(config: Mapping[str, Any]) -> str | None:
    """What a `model_config` lacks or says twice (spec/02 1.3.3)."""
    additional = config.get("additional_config", {})
    if str(config.get("model_type", "")).lower() == "text_embedding":
        for key, label in _EMBEDDING_NEEDS:
            if key not in config:
                return f"{label} must be provided for remote text embedding model"
        if "space_type" not in additional:
            return "Space type must be provided in additional_config for remote text embedding model"
    twice = [key for key in _all_config(config) if key in additional]
    if twice:
        return f"Duplicate keys found in both all_config and additional_config: {', '.join(twice)}"
    return None


def _all_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """`all_config` is any text; only a JSON object has keys."""
    try:
        value = json.loads(config.get("all_config", "{}"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
