"""The route table: one row per method and path. Routing, privileges, documentation and tests read it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairlead.api.handlers import cluster as c
from fairlead.api.handlers import monitoring as m
from fairlead.api.handlers import resources as r
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.service.house import House

ML = "/_plugins/_ml"
PRIVILEGE = "cluster:admin/opensearch/ml/"

Decode = Callable[[Request], Any]
Run = Callable[[House, Request, Any], Awaitable[Reply]]


class Access(StrEnum):
    """Who may pass when security is on; the words are those of the reference."""

    PRIVILEGE = "who has the privilege"
    AUTHENTICATED = "every authenticated caller"
    OPEN = "everybody, also without credentials"


@dataclass(frozen=True, slots=True)
class Route:
    """`action` is the privilege's name; `decode` reads the body before `run` changes anything; `parameters` are the
    query parameters it knows beside the global ones; `remote` routes are refused while remote inference is off.
    The predict routes have no `run`: they are answered on the fast path (fairlead.api.predict_route)."""

    method: str
    path: str
    action: str
    decode: Decode
    run: Run | None
    doc: str
    parameters: tuple[str, ...] = ()
    remote: bool = False
    access: Access = Access.PRIVILEGE


def _ml(
    method: str,
    path: str,
    action: str,
    decode: Decode,
    run: Run | None,
    doc: str,
    parameters: tuple[str, ...] = (),
    remote: bool = False,
) -> Route:
    return Route(method, ML + path, PRIVILEGE + action, decode, run, doc, parameters, remote)


_SOURCE = ("source", "source_content_type")
_SETTINGS = ("flat_settings", "timeout", "cluster_manager_timeout", "master_timeout")
_GET_SETTINGS = ("flat_settings", "include_defaults", "local", "cluster_manager_timeout", "master_timeout")


def _searches() -> tuple[Route, ...]:
    return tuple(
        _ml(method, f"/{plural}/_search", f"{plural}/search", r.decode_search, r.search(kind), doc, _SOURCE)
        for plural, kind, doc in (
            ("connectors", "connector", "Search connectors; credentials are never shown nor searched."),
            ("model_groups", "model_group", "Search model groups."),
            ("models", "model", "Search models; hidden ones never appear."),
            ("tasks", "task", "Search tasks."),
        )
        for method in ("POST", "GET")
    )


def _models() -> tuple[Route, ...]:
    aliases = (
        ("POST", "/models/{}", "register_model", r.decode_model, r.register_model, "Register a remote model.", ("_register", "_upload"), ("deploy",)),
        ("POST", "/models/{{model_id}}/{}", "deploy_model", r.decode_ids, r.deploy_model, "Load a model.", ("_deploy", "_load"), ()),
        ("POST", "/models/{{model_id}}/{}", "undeploy_models", r.decode_ids, r.undeploy_model, "Unload a model.", ("_undeploy", "_unload"), ()),
        ("POST", "/models/{}", "undeploy_models", r.decode_ids, r.undeploy_model, "Unload the models named in the body.", ("_undeploy", "_unload"), ()),
    )  # fmt: skip
    return tuple(
        _ml(method, path.format(name), action, decode, run, doc, parameters, action == "register_model")
        for method, path, action, decode, run, doc, names, parameters in aliases
        for name in names
    )


def _monitoring() -> tuple[Route, ...]:
    profiles = (
        ("/profile", True, True, "Loaded models and running tasks, with the latencies of the last requests."),
        ("/profile/models", True, False, "Loaded models, with the latencies of the last requests."),
        ("/profile/models/{model_id}", True, False, "The models of a comma list of ids."),
        ("/profile/tasks", False, True, "Running predictions."),
        ("/profile/tasks/{task_id}", False, True, "The running predictions of a comma list of ids."),
    )
    stats = (
        ("/stats", "Statistics of the cluster, its nodes, actions and models."),
        ("/stats/{stat}", "The statistics of a comma list of names."),
        ("/{node_id}/stats", "Statistics, of the nodes of a comma list."),
        ("/{node_id}/stats/{stat}", "Some statistics, of the nodes of a comma list."),
    )
    return (
        *(
            _ml("GET", path, "profile/nodes", m.decode_profile(models=models, tasks=tasks), m.profile, doc, ("view",))
            for path, models, tasks, doc in profiles
        ),
        *(_ml("GET", path, "stats/nodes", m.decode_stats, m.stats, doc) for path, doc in stats),
    )


def _cancels() -> tuple[Route, ...]:
    doc = "Cancel the provider's batch job behind a task."
    return tuple(
        _ml("POST", f"/tasks/{{task_id}}/{name}", "tasks/cancel", r.nothing, r.cancel_task, doc)
        for name in ("_cancel", "_cancel_batch")
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "cluster:monitor/main", r.nothing, c.root, "Name and version, as clients check them."),
    Route("GET", "/_cluster/health", "cluster:monitor/health", r.nothing, c.cluster_health, "Always green while the server answers.", ("level", "wait_for_status", "timeout", "local", "cluster_manager_timeout", "wait_for_nodes")),
    Route("GET", "/_cluster/settings", "cluster:monitor/state", c.decode_get_settings, c.get_settings, "The cluster settings that are set, and on request the defaults.", _GET_SETTINGS),
    Route("PUT", "/_cluster/settings", "cluster:admin/settings/update", c.decode_settings, c.put_settings, "Change cluster settings, all or nothing.", _SETTINGS),
    Route("GET", "/_fairlead/health", "cluster:monitor/health", r.nothing, c.health, "Mode, version, workers, and whether the keys of the credentials are at hand."),
    Route("GET", "/_fairlead/health/live", "cluster:monitor/health", r.nothing, c.live, "200 while the process answers.", access=Access.OPEN),
    Route("GET", "/_fairlead/health/ready", "cluster:monitor/health", r.nothing, c.ready, "200 when requests can be served, else 503.", access=Access.OPEN),
    _ml("POST", "/connectors/_create", "create_connector", r.decode_connector, r.create_connector, "Create a connector from a blueprint.", remote=True),
    _ml("GET", "/connectors/{connector_id}", "connectors/get", r.decode_get_connector, r.get_connector, "A connector without its credential.", ("return_content",)),
    _ml("PUT", "/connectors/{connector_id}", "connectors/update", r.decode_connector_update, r.update_connector, "Update a connector; loaded models use it at once.", remote=True),
    _ml("DELETE", "/connectors/{connector_id}", "connectors/delete", r.nothing, r.delete_connector, "Delete a connector that no model uses."),
    _ml("POST", "/model_groups/_register", "register_model_group", r.decode_group, r.register_group, "Register a model group."),
    _ml("GET", "/model_groups/{model_group_id}", "model_groups/get", r.nothing, r.get_group, "A model group."),
    _ml("PUT", "/model_groups/{model_group_id}", "update_model_group", r.decode_group, r.update_group, "Update a model group: name, description, who may use it."),
    _ml("DELETE", "/model_groups/{model_group_id}", "model_groups/delete", r.nothing, r.delete_group, "Delete an empty model group."),
    *_models(),
    _ml("GET", "/models/{model_id}", "models/get", r.nothing, r.get_model, "A model.", ("return_content",)),
    _ml("PUT", "/models/{model_id}", "models/update", r.decode_model_update, r.update_model, "Update a model; a loaded one uses it at once."),
    _ml("DELETE", "/models/{model_id}", "models/delete", r.nothing, r.delete_model, "Delete a model that is not deployed."),
    _ml("GET", "/tasks/{task_id}", "tasks/get", r.nothing, r.get_task, "A task."),
    _ml("DELETE", "/tasks/{task_id}", "tasks/delete", r.nothing, r.delete_task, "Delete a task that does not run."),
    *_cancels(),
    *_searches(),
    *_monitoring(),
    _ml("POST", "/models/{model_id}/_predict", "predict", r.nothing, None, "Predict with raw parameters."),
    _ml("POST", "/_predict/{algorithm}/{model_id}", "predict", r.nothing, None, "Predict with a body of the algorithm's shape."),
)  # fmt: skip

OPEN_PATHS = frozenset(
    path.encode() for route in ROUTES if route.access is Access.OPEN for path in (route.path, f"{route.path}/")
)
"""As they stand in a request line; none has ids in it."""
