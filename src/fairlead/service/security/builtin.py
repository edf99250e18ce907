"""Roles and action groups that exist without anybody having stored them (spec/06 8.5, 9.2), as data.

A static one is part of the program; a reserved one stands until a file brings one of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.domain.ports import Json
from fairlead.domain.security_objects import complete_entries

ML = "cluster:admin/opensearch/ml/"

_READ = (
    "config/get",
    "connectors/get",
    "connectors/search",
    "controllers/get",
    "memory/conversation/get",
    "memory/conversation/interaction/search",
    "memory/conversation/list",
    "memory/conversation/search",
    "memory/interaction/get",
    "memory/interaction/list",
    "memory/trace/get",
    "model_groups/get",
    "model_groups/search",
    "models/get",
    "models/search",
    "profile/nodes",
    "stats/nodes",
    "tasks/get",
    "tasks/search",
    "tools/get",
    "tools/list",
)

REST_PERMISSIONS = (
    "restapi:admin/actiongroups",
    "restapi:admin/allowlist",
    "restapi:admin/config/update",
    "restapi:admin/internalusers",
    "restapi:admin/nodesdn",
    "restapi:admin/ratelimiters",
    "restapi:admin/resource_sharing/migrate",
    "restapi:admin/roles",
    "restapi:admin/rolesmapping",
    "restapi:admin/rollback_version",
    "restapi:admin/ssl/certs/info",
    "restapi:admin/ssl/certs/reload",
    "restapi:admin/tenants",
    "restapi:admin/view_version",
)
"""Permissions that no `*` covers (spec/06 2.2)."""


def _role(
    description: str,
    cluster: Sequence[str] = (),
    index: Sequence[Json] = (),
    tenant: Sequence[Json] = (),
    *,
    static: bool = False,
) -> Json:
    return {
        "reserved": True,
        "hidden": False,
        "description": description,
        "cluster_permissions": list(cluster),
        "index_permissions": complete_entries("index_permissions", list(index)),
        "tenant_permissions": complete_entries("tenant_permissions", list(tenant)),
        "static": static,
    }


def _indices(patterns: str, *actions: str) -> list[Json]:
    return [{"index_patterns": [patterns], "allowed_actions": list(actions)}]


BUILTIN_ROLES: Mapping[str, Json] = {
    "all_access": _role(
        "Everything, also what access lists keep from others",
        ["*"],
        _indices("*", "*"),
        [{"tenant_patterns": ["*"], "allowed_actions": ["kibana_all_write"]}],
        static=True,
    ),
    "own_index": _role("Grants nothing here", ["cluster_composite_ops"], _indices("${user_name}", "indices_all"), static=True),
    "ml_full_access": _role("All of ML Commons", [f"{ML}*", "cluster_monitor"], _indices("*", "indices_monitor")),
    "ml_read_access": _role("Get and search, no predict", [ML + action for action in _READ]),
    "ml_predict_access": _role("Predict and nothing else", [f"{ML}predict", f"{ML}predict/stream"]),
    "security_rest_api_access": _role("A name for those who may call the Security REST API"),
    "security_rest_api_full_access": _role("Changes reserved objects too", REST_PERMISSIONS),
    "readall": _role("Grants nothing here", ["cluster_composite_ops_ro"], _indices("*", "read"), static=True),
    "readall_and_monitor": _role("Monitoring", ["cluster_monitor", "cluster_composite_ops_ro"], _indices("*", "read"), static=True),
}  # fmt: skip


def _group(type_: str, *actions: str, description: str) -> Json:
    return {
        "reserved": True,
        "hidden": False,
        "allowed_actions": list(actions),
        "type": type_,
        "description": description,
        "static": True,
    }


BUILTIN_ACTION_GROUPS: Mapping[str, Json] = {
    "cluster_all": _group("cluster", "cluster:*", description="Every cluster action"),
    "cluster_monitor": _group("cluster", "cluster:monitor/*", description="Every monitoring action"),
    "cluster_composite_ops_ro": _group("cluster", "indices:data/read/mget", "indices:data/read/msearch", "indices:data/read/scroll", description="Reading several documents"),
    "cluster_composite_ops": _group("cluster", "indices:data/write/bulk", "cluster_composite_ops_ro", description="Reading and writing several documents"),
    "indices_all": _group("index", "indices:*", description="Every index action"),
    "indices_monitor": _group("index", "indices:monitor/*", description="Every monitoring action of indices"),
    "read": _group("index", "indices:data/read*", description="Reading documents"),
    "write": _group("index", "indices:data/write*", description="Writing documents"),
    "crud": _group("index", "read", "write", description="Reading and writing documents"),
}  # fmt: skip
