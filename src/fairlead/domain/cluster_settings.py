"""The cluster settings as rows: key, type, default, bounds, and whether they may change while running (spec/01 4.1).

Pure: parsing and checking values, and the effective view that everything else reads. Storing them is the service's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairlead.domain.private_target import PrivateTarget
from fairlead.errors import BodyParse, FairleadError, IllegalArgument, NumberFormat

P = "plugins.ml_commons."
OURS = "fairlead."
"""Prefixes of the original's settings and of those that only this server has (design section 6)."""

DEFAULT_TRUSTED = (
    r"^https://runtime\.sagemaker\..*[a-z0-9-]\.amazonaws\.com/.*$",
    r"^https://api\.sagemaker\..*[a-z0-9-]\.amazonaws\.com/.*$",
    r"^https://api\.openai\.com/.*$",
    r"^https://api\.cohere\.ai/.*$",
    r"^https://api\.deepseek\.com/.*$",
    r"^https://generativelanguage\.googleapis\.com/.*$",
    r"^https://bedrock-runtime\..*[a-z0-9-]\.amazonaws\.com/.*$",
    r"^https://bedrock-agent-runtime\..*[a-z0-9-]\.amazonaws\.com/.*$",
    r"^https://bedrock\..*[a-z0-9-]\.amazonaws\.com/.*$",
    r"^https://textract\..*[a-z0-9-]\.amazonaws\.com$",
    r"^https://comprehend\..*[a-z0-9-]\.amazonaws\.com$",
    r"^https://rekognition(-fips)?\..*[a-z0-9-]\.amazonaws\.com$",
)

Text = str | tuple[str, ...]
"""A value as it is stored and shown: one text, or a list of texts."""


class Type(StrEnum):
    """How the text of a setting is read."""

    BOOL = "bool"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    STRING = "string"
    LIST = "list"
    REGEX = "regular expression"
    REGEX_LIST = "list of regular expressions"
    TARGET_LIST = "list of private targets"
    BYTES = "byte size"


class Scope(StrEnum):
    """Whether the API may change it."""

    DYNAMIC = "dynamic"
    STATIC = "static"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. Bounds are inclusive; `effect` says in a sentence what it does here."""

    key: str
    type: Type
    default: Text
    effect: str
    low: float | None = None
    high: float | None = None
    scope: Scope = Scope.DYNAMIC
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the code calls it: the original's prefix is left out, ours stays."""
        return self.key.removeprefix(P)


_KEPT = "Kept and shown; belongs to a feature outside this server."


def _rows() -> tuple[Setting, ...]:
    b, i, lng, flt, s, lst, rx, rgx = (
        Type.BOOL, Type.INT, Type.LONG, Type.FLOAT, Type.STRING, Type.LIST, Type.REGEX, Type.REGEX_LIST,
    )  # fmt: skip
    kept = [
        ("agent_framework_enabled", "true"), ("memory_feature_enabled", "true"), ("rag_pipeline_feature_enabled", "true"),
        ("agentic_memory_enabled", "true"), ("execute_tools_enabled", "true"), ("mcp_server_enabled", "false"),
        ("mcp_header_passthrough_enabled", "false"), ("unified_agent_api_enabled", "false"), ("ag_ui_enabled", "false"),
        ("index_insight_feature_enabled", "false"), ("remote_agentic_memory_enabled", "false"),
        ("memory.retention_enabled", "false"), ("allow_registering_model_via_local_file", "false"),
        ("enable_inhouse_python_model", "false"), ("local_model.enabled", "true"),
    ]  # fmt: skip
    return (
        Setting(P + "remote_inference.enabled", b, "true", "Off: connectors and remote models are refused."),
        Setting(P + "connector_access_control_enabled", b, "false", "On: who may use a connector is decided by its owner, mode and backend roles; needs security."),
        Setting(P + "model_access_control_enabled", b, "false", "On: who may use a model group and its models is decided by its owner, mode and backend roles; needs security."),
        Setting(P + "trusted_connector_endpoints_regex", rgx, DEFAULT_TRUSTED, "Java regular expressions; a connector's URL must match one whole."),
        Setting(P + "trusted_connector_private_endpoints_regex", rgx, (), "If not empty, URLs on private addresses must match one."),
        Setting(P + "connector.private_ip_enabled", b, "false", "Allows private and loopback addresses as targets."),
        Setting(P + "connector.restricted_ip_patterns", rgx, (), "Addresses that are always refused.", scope=Scope.FINAL),
        Setting(P + "model_auto_deploy.enable", b, "true", "Deploys a model at its first predict."),
        Setting(P + "model_auto_redeploy.enable", b, "true", "Loads deployed models again at start."),
        Setting(P + "model_auto_redeploy.lifetime_retry_times", i, "3", "How often a model is redeployed before it is left alone."),
        Setting(P + "model_auto_redeploy_success_ratio", flt, "0.8", "Share of workers that must load a model.", 0, 1),
        Setting(P + "only_run_on_ml_node", b, "true", "Local models only; no effect on remote ones."),
        Setting(P + "task_dispatcher.eligible_node_role.remote_model", lst, ("data", "ml"), _KEPT),
        Setting(P + "task_dispatcher.eligible_node_role.local_model", lst, ("data", "ml"), _KEPT),
        Setting(P + "task_dispatch_policy", s, "round_robin", _KEPT),
        Setting(P + "max_ml_task_per_node", i, "10", _KEPT, 0, 10000),
        Setting(P + "max_model_on_node", i, "10", _KEPT, 0, 10000),
        Setting(P + "max_register_model_tasks_per_node", i, "10", "0 refuses registrations; they run one at a time.", 0, 10),
        Setting(P + "max_deploy_model_tasks_per_node", i, "10", "Deployments that a worker runs at once; more are refused.", 0, 10),
        Setting(P + "max_batch_inference_tasks", i, "100", "Batch jobs that may wait or run at once; more are refused with 429.", 0, 10000),
        Setting(P + "max_batch_ingestion_tasks", i, "100", _KEPT, 0, 10000),
        Setting(P + "batch_ingestion_bulk_size", i, "500", _KEPT, 100, 100000),
        Setting(P + "offline_batch_inference_enabled", b, "true", "Off: batch jobs are neither started nor asked for; cancelling still works."),
        Setting(P + "offline_batch_ingestion_enabled", b, "true", _KEPT),
        Setting(P + "remote_job.status_field", lst, ("status", "Status", "TransformJobStatus"), "Members of a provider's answer in which a batch job's state stands, in the order in which they are looked at."),
        Setting(P + "remote_job.status_regex.completed", rx, "(complete|completed|partiallyCompleted)", "What in a provider's state means completed: a Java regular expression that is searched for in any case."),
        Setting(P + "remote_job.status_regex.cancelled", rx, "(stopped|cancelled)", "What in a provider's state means cancelled: a Java regular expression that is searched for in any case."),
        Setting(P + "remote_job.status_regex.cancelling", rx, "(stopping|cancelling)", "What in a provider's state means cancelling: a Java regular expression that is searched for in any case."),
        Setting(P + "remote_job.status_regex.expired", rx, "(expired|timeout)", "What in a provider's state means expired: a Java regular expression that is searched for in any case."),
        Setting(P + "remote_job.status_regex.failed", rx, "(failed)", "What in a provider's state means failed: a Java regular expression that is searched for in any case."),
        Setting(P + "controller_enabled", b, "true", "Off: the controller routes are refused; limits that are set stay."),
        Setting(P + "safe_delete_model", b, "false", "Refuses to delete models that are in use."),
        Setting(P + "sync_up_job_interval_in_seconds", i, "10", "How often idle models are looked for; 0 = never.", 0, 86400),
        Setting(P + "ml_task_timeout_in_seconds", i, "600", "After this a task that did not end counts as failed.", 1, 86400),
        Setting(P + "monitoring_request_count", lng, "100", "Requests that the profile remembers per model.", 0, 10_000_000),
        Setting(P + "native_memory_threshold", i, "90", _KEPT, 0, 100),
        Setting(P + "jvm_heap_memory_threshold", i, "85", _KEPT, 0, 100),
        Setting(P + "disk_free_space_threshold", Type.BYTES, "5gb", _KEPT),
        Setting(P + "exclude_nodes._name", s, "", _KEPT),
        Setting(P + "allow_registering_model_via_url", b, "false", "Off: registering a model by url is refused."),
        Setting(P + "allow_custom_deployment_plan", b, "false", "Allows node_ids in deploy and undeploy."),
        Setting(P + "trusted_url_regex", s, "^(https?|ftp|file)://[-a-zA-Z0-9+&@#/%?=~_|!:,.;]*[-a-zA-Z0-9+&@#/%=~_|]", _KEPT),
        Setting(P + "stream_enabled", b, "false", "Allows streaming predictions."),
        Setting(P + "max_json_size", i, "100000000", "Largest reply of a provider in bytes; -1 = no limit.", -1),
        Setting(P + "mcp_connector_enabled", b, "false", "Allows connectors of protocol mcp_sse."),
        Setting(P + "multi_tenancy_enabled", b, "false", _KEPT, scope=Scope.STATIC),
        Setting(P + "master_key_cache_ttl_minutes", i, "5", _KEPT, 1, 1440, Scope.STATIC),
        Setting(P + "metrics_collection_enabled", b, "false", _KEPT, scope=Scope.FINAL),
        Setting(P + "metrics_static_collection_enabled", b, "false", _KEPT),
        *(Setting(P + name, b, default, _KEPT) for name, default in kept),
        Setting(OURS + "access.public_is_read_only", b, "false", "On: what is public or has no owner is changed and deleted by its owner and administrators only. Off: by everybody with the privilege, as in the original."),
        Setting(OURS + "access.refused_is_not_found", b, "false", "On: what a caller has no access to answers as if it did not exist. Off: 403, as in the original."),
        Setting(OURS + "batch.poll_interval_in_seconds", i, "60", "How often the provider of a running batch job is asked how it is; 0 = only when its task is read.", 0, 86400),
        Setting(OURS + "compat.refuse_update_of_deployed_connectors", b, "false", "On: as in the original, a connector that a deployed model uses cannot be updated. Off: models use the update at once."),
        Setting(OURS + "egress.private_targets", Type.TARGET_LIST, (), "Private networks that single connectors may call, as `<connector id>=<network>:<port>`, for example `abc=10.2.0.0/16:8080` or `abc=[fd12::/64]:443`; for a connector inside a model, the model's id. The trusted endpoints must admit the URL as well. A metadata address must be listed by itself."),
        Setting(OURS + "egress.runtime_host", s, "same_pattern", "How far a caller's parameter may move a request from the connector's own host: within the trusted pattern that admits the connector's URL, to any trusted host (as the original), or never.", choices=("same_pattern", "any_trusted", "never")),
        Setting(OURS + "keys.data_key_days", i, "365", "Days after which a new data key is made and every credential sealed anew; 0 = only after 2^28 sealings.", 0, 36500),
        Setting(OURS + "stream.guard_characters", i, "256", "The last characters of a streamed text that wait until what follows was checked too, for models with a guard on their output: no phrase up to this length slips through between two pieces.", 16, 65536),
        Setting(OURS + "stream.heartbeat_seconds", i, "15", "Seconds of silence after which the caller of a stream gets a comment line; 0 = never.", 0, 3600),
        Setting(OURS + "stream.total_seconds", i, "600", "The longest that a stream may take; between two pieces the connector's read_timeout holds.", 1, 86400),
        Setting(OURS + "tasks.retention_days", i, "30", "Days that ended tasks are kept; 0 = for ever.", 0, 36500),
    )  # fmt: skip


SETTINGS: Mapping[str, Setting] = {row.key: row for row in _rows()}

_BYTE_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}
_SIZE = re.compile(rf"([0-9]{{1,18}}(?:\.[0-9]{{1,18}})?) ?({'|'.join(_BYTE_UNITS)})", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


def read(row: Setting, text: Text) -> Any:
    """The typed value of a setting's text; raises IllegalArgument in the words of OpenSearch (spec/01 4.3)."""
    match row.type:
        case Type.LIST | Type.REGEX_LIST:
            return _listed(text)
        case Type.TARGET_LIST:
            return tuple(_target(row, part) for part in _listed(text))
        case Type.BOOL:
            return _boolean(_one(text))
        case Type.INT | Type.LONG:
            return _bounded(row, _one(text), _integer(row, _one(text)))
        case Type.FLOAT:
            return _bounded(row, _one(text), _float(row, _one(text)))
        case Type.BYTES:
            return _bytes(row, _one(text))
    return _chosen(row, _one(text))


def _listed(text: Text) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part) if isinstance(text, str) else text


def _target(row: Setting, text: str) -> PrivateTarget:
    try:
        return PrivateTarget.parse(text)
    except ValueError as fault:
        raise IllegalArgument(f"Failed to parse value [{text}] for setting [{row.key}]: {fault}") from fault


def _chosen(row: Setting, text: str) -> str:
    if row.choices and text not in row.choices:
        raise IllegalArgument(
            f"Failed to parse value [{text}] for setting [{row.key}] must be one of [{', '.join(row.choices)}]"
        )
    return text


def _one(text: Text) -> str:
    return text if isinstance(text, str) else "[" + ", ".join(text) + "]"


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise IllegalArgument(f"Failed to parse value [{text}] as only [true] or [false] are allowed.")
    return text == "true"


def _not_a_number(row: Setting, text: str) -> FairleadError:
    reason = (
        f'For input string: "{text}"' if text else "empty String" if row.type is Type.FLOAT else 'For input string: ""'
    )
    return IllegalArgument(f"Failed to parse value [{text}] for setting [{row.key}]", cause=NumberFormat(reason))


def _integer(row: Setting, text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise _not_a_number(row, text)
    number = int(text)
    limit = 2**63 if row.type is Type.LONG else 2**31
    if not -limit <= number < limit:
        raise _not_a_number(row, text)
    return number


def _float(row: Setting, text: str) -> float:
    if not _DECIMAL.fullmatch(text):  # Python would take `1_0` and `nan` too
        raise _not_a_number(row, text)
    return float(text)


def _bounded(row: Setting, text: str, number: float) -> float:
    shown = float if row.type is Type.FLOAT else int
    if row.low is not None and number < row.low:
        raise IllegalArgument(f"Failed to parse value [{text}] for setting [{row.key}] must be >= {shown(row.low)}")
    if row.high is not None and number > row.high:
        raise IllegalArgument(f"Failed to parse value [{text}] for setting [{row.key}] must be <= {shown(row.high)}")
    return number


def _bytes(row: Setting, text: str) -> int:
    lower = text.strip().lower()
    if lower in ("0", "-1"):  # the only sizes that need no unit
        return int(lower)
    match = _SIZE.fullmatch(lower)
    if match is None:
        reason = f"failed to parse setting [{row.key}] with value [{text}] as a size in bytes: unit is missing or unrecognized"
        raise IllegalArgument(reason, cause=BodyParse(reason))
    return int(float(match[1]) * _BYTE_UNITS[match[2]])


class ClusterSettings:
    """The effective settings: transient over persistent over file over default, read once into typed values.

    Immutable; a change makes a new one. `revision` tells versions apart.
    """

    __slots__ = ("_named", "file", "persistent", "revision", "transient", "values")

    def __init__(
        self,
        persistent: Mapping[str, Text] | None = None,
        transient: Mapping[str, Text] | None = None,
        file: Mapping[str, Text] | None = None,
        revision: int = 0,
    ) -> None:
        self.persistent = dict(persistent or {})
        self.transient = dict(transient or {})
        self.file = dict(file or {})
        self.revision = revision
        self.values = {key: read(row, self._text(key, row)) for key, row in SETTINGS.items()}
        self._named = {row.name: self.values[key] for key, row in SETTINGS.items()}

    def _text(self, key: str, row: Setting) -> Text:
        for source in (self.transient, self.persistent, self.file):
            if key in source:
                return source[key]
        return row.default

    def __getitem__(self, name: str) -> Any:
        """The typed value of `plugins.ml_commons.<name>`, or of `fairlead.<rest>` under its whole name."""
        return self._named[name]

    def defaults(self) -> dict[str, Text]:
        """Every registered setting that is set in neither scope, with its file value or default."""
        return {
            key: self.file.get(key, row.default)
            for key, row in SETTINGS.items()
            if key not in self.persistent and key not in self.transient
        }
