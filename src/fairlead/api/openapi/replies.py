"""The replies of the routes as rows of schemas: members that are always there are required, unless `filter_path` drops
them."""

from __future__ import annotations

from fairlead.api.openapi.schema import (
    Schema,
    choice,
    flag,
    listed,
    mapped,
    members,
    ref,
    text,
    texts,
    time,
    whatever,
    whole,
)
from fairlead.domain.connector import PROTOCOLS
from fairlead.domain.model import ModelState
from fairlead.domain.task import TaskState, TaskType
from fairlead.domain.tensor import DataType

COUNT = whole(low=0, high=None)
_SHARDS = members({"total": COUNT, "successful": COUNT, "failed": COUNT, "skipped": COUNT})
_TIMES = {"created_time": time(), "last_updated_time": time()}
_ACCESS = {"access": text(), "owner": whatever(), "backend_roles": texts()}
_STATUS = text()

FAULT = members(
    {
        "type": text("The kind of error, as OpenSearch names it."),
        "reason": text(),
        "root_cause": listed(ref("Fault")),
        "caused_by": ref("Fault"),
    },
    ("type", "reason"),
)

CONNECTOR = members(
    {
        "name": text(),
        "version": text(),
        "description": text(),
        "protocol": choice(PROTOCOLS),
        "parameters": mapped(text()),
        "actions": listed(whatever()),
        "client_config": whatever(),
        "url": text(),
        "headers": mapped(text()),
        "provisioned_by": text(),
        **_ACCESS,
        **_TIMES,
    },
    ("protocol",),
    "Without its credential.",
)

MODEL = members(
    {
        "name": text(),
        "model_group_id": text(),
        "algorithm": choice(("REMOTE",)),
        "model_version": text(),
        "description": text(),
        "model_state": choice(ModelState),
        "connector_id": text(),
        "connector": ref("Connector"),
        "is_enabled": flag(),
        "is_hidden": flag(),
        "is_controller_enabled": flag(),
        "rate_limiter": whatever(),
        "deploy_setting": whatever(),
        "interface": mapped(text(), "JSON schemas as texts."),
        "guardrails": whatever(),
        "model_config": whatever(),
        "planning_worker_node_count": COUNT,
        "current_worker_node_count": COUNT,
        "planning_worker_nodes": texts(),
        "deploy_to_all_nodes": flag(),
        "last_deployed_time": time(),
        **_TIMES,
    },
    ("name", "algorithm", "model_state"),
)

_BATCH_STARTED = members(
    {
        "task_id": text(),
        "status": text(),
        "remote_job": whatever("What the provider said of the job, and `dlq` as it was given."),
    },
    ("task_id", "status", "remote_job"),
)

TASK = members(
    {
        "model_id": text(),
        "task_type": choice(TaskType),
        "function_name": text(),
        "state": choice(TaskState),
        "worker_node": texts(),
        "create_time": time(),
        "last_update_time": time(),
        "error": text(),
        "is_async": flag(),
        "remote_job": whatever(),
    },
    ("task_type", "state", "worker_node", "is_async"),
)

WRITTEN = members(
    {
        "_index": text(),
        "_id": text(),
        "_version": whole(high=None),
        "result": choice(("updated", "deleted", "not_found", "noop")),
        "forced_refresh": flag(),
        "_shards": _SHARDS,
        "_seq_no": whole(high=None),
        "_primary_term": COUNT,
    },
    ("_index", "_id", "result"),
)

TENSOR = members(
    {
        "name": text(),
        "data_type": choice(DataType),
        "shape": listed(COUNT),
        "data": {"type": "array"},
        "result": text(),
        "dataAsMap": whatever("What the provider answered, or what a filter found in it."),
    }
)

FOUND = members(
    {
        "took": COUNT,
        "timed_out": flag(),
        "_shards": _SHARDS,
        "hits": members(
            {
                "total": members({"value": COUNT, "relation": text()}),
                "max_score": {"type": ["number", "null"]},
                "hits": listed(
                    members(
                        {
                            "_index": text(),
                            "_id": text(),
                            "_score": {"type": ["number", "null"]},
                            "_source": whatever(),
                        },
                        ("_index", "_id"),
                    )
                ),
            },
            ("hits",),
        ),
        "aggregations": whatever(),
    },
    ("took", "hits"),
)


def _made(*names: str) -> Schema:
    return members({name: text() for name in names}, names)


REPLIES: dict[str, Schema] = {
    "Text": text("Not in JSON."),
    "Error": members(
        {"error": {"anyOf": [ref("Fault"), text("Of routing and headers.")]}, "status": whole(low=400, high=999)},
        ("error",),
    ),
    "Object": whatever(),
    "Root": members({"name": text(), "cluster_name": text(), "version": whatever(), "tagline": text()}, ("version",)),
    "ClusterHealth": members({"cluster_name": text(), "status": choice(("green", "yellow", "red"))}, ("status",)),
    "SettingsShown": members(
        {"persistent": whatever(), "transient": whatever(), "defaults": whatever()}, ("persistent", "transient")
    ),
    "SettingsChanged": members(
        {"acknowledged": flag(), "persistent": whatever(), "transient": whatever()},
        ("acknowledged", "persistent", "transient"),
    ),
    "Health": members(
        {
            "status": _STATUS,
            "mode": choice(("normal", "simulate")),
            "version": text(),
            "workers": COUNT,
            "keys": members(
                {
                    "status": choice(("ok", "degraded")),
                    "missing_key_id": text(),
                    "affected_resources": COUNT,
                    "reason": text(),
                },
                ("status",),
                "Whether every stored credential opens.",
            ),
            "users": members(
                {"status": choice(("ok", "outdated")), "reason": text()},
                ("status",),
                "Where users are kept in files: whether the files are those in force.",
            ),
        },
        ("status", "mode", "version", "workers", "keys"),
    ),
    "Status": members({"status": _STATUS, "reason": text()}, ("status",)),
    "ConnectorCreated": _made("connector_id"),
    "ModelGroupCreated": _made("model_group_id", "status"),
    "ModelRegistered": _made("task_id", "status", "model_id"),
    "DeployStarted": _made("task_id", "task_type", "status"),
    "Undeployed": mapped(
        members({"stats": mapped(choice(("undeployed", "not_found")))}, ("stats",)),
        "By node, what became of each model.",
    ),
    "Connector": CONNECTOR,
    "ModelGroup": members(
        {"name": text(), "latest_version": COUNT, "description": text(), **_ACCESS, **_TIMES},
        ("name", "latest_version"),
    ),
    "Model": MODEL,
    "Task": TASK,
    "BatchAnswer": {
        "anyOf": [_BATCH_STARTED, ref("Inferences")],
        "description": "A prediction where `action_type` of the body asks for another action than the path.",
    },
    "ControllerCreated": _made("model_id", "status"),
    "Controller": members(
        {"model_id": text(), "user_rate_limiter": mapped(whatever())}, ("model_id", "user_rate_limiter")
    ),
    "WordListChanged": _made("index_name", "result"),
    "WordListShown": members({"index_name": text(), "phrases": mapped(texts())}, ("index_name", "phrases")),
    "Written": WRITTEN,
    "Updated": _made("status"),
    "SearchFound": FOUND,
    "Stats": members({"nodes": mapped(whatever())}),
    "Profile": members({"nodes": mapped(whatever()), "models": mapped(whatever())}),
    "PredictEvents": text(
        "Server-sent events. Each has one line of data: the object of a predict, whose `dataAsMap` holds `content` and "
        '`is_last`; or, as the last, `{"error": text}`. Lines that begin with a colon are signs of life.'
    ),
    "Inferences": members(
        {
            "inference_results": listed(
                members({"output": listed(ref("Tensor")), "status_code": whole(low=100, high=999)}, ("status_code",))
            )
        }
    ),
}
"""Every reply, by the name that a route's row says."""

COMPONENTS: dict[str, Schema] = {"Fault": FAULT, "Tensor": TENSOR}
"""Parts that replies share."""
