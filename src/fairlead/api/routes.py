"""The route table: one row per method and path. Routing, privileges, documentation and tests read it."""

from __future__ import annotations

from functools import cache
from typing import Any

from fairlead.api.handlers import batches as b
from fairlead.api.handlers import cluster as c
from fairlead.api.handlers import controllers as limits
from fairlead.api.handlers import monitoring as m
from fairlead.api.handlers import resources as r
from fairlead.api.handlers import word_lists as w
from fairlead.api.openapi.document import document
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.api.route import Access, Decode, Route, Run
from fairlead.service.house import House

ML = "/_plugins/_ml"
PRIVILEGE = "cluster:admin/opensearch/ml/"


def _ml(
    method: str,
    path: str,
    action: str,
    decode: Decode,
    run: Run | None,
    doc: str,
    parameters: tuple[str, ...] = (),
    remote: bool = False,
    **shapes: Any,
) -> Route:
    return Route(method, ML + path, PRIVILEGE + action, decode, run, doc, parameters, remote, **shapes)


_SOURCE = ("source", "source_content_type")
_SETTINGS = ("flat_settings", "timeout", "cluster_manager_timeout", "master_timeout")
_GET_SETTINGS = ("flat_settings", "include_defaults", "local", "cluster_manager_timeout", "master_timeout")
_MAY_BE_MISSING = (404,)
_PREDICT = (403, 404, 429, 502, 504)


async def _openapi(house: House, request: Request, _: None) -> Reply:
    return Reply(_document())


@cache
def _document() -> dict[str, Any]:
    return document(ROUTES)


def _searches() -> tuple[Route, ...]:
    return tuple(
        _ml(
            method,
            f"/{plural}/_search",
            f"{plural}/search",
            r.decode_search,
            r.search(kind),
            doc,
            _SOURCE,
            body="Search",
            reply="SearchFound",
        )
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
        ("POST", "/models/{}", "register_model", r.decode_model, r.register_model, "Register a remote model.", ("_register", "_upload"), ("deploy",), "ModelRegister", "ModelRegistered"),
        ("POST", "/models/{{model_id}}/{}", "deploy_model", r.decode_ids, r.deploy_model, "Load a model.", ("_deploy", "_load"), (), "DeployOptions", "DeployStarted"),
        ("POST", "/models/{{model_id}}/{}", "undeploy_models", r.decode_ids, r.undeploy_model, "Unload a model.", ("_undeploy", "_unload"), (), "UndeployOptions", "Undeployed"),
        ("POST", "/models/{}", "undeploy_models", r.decode_ids, r.undeploy_model, "Unload the models named in the body.", ("_undeploy", "_unload"), (), "UndeployOptions", "Undeployed"),
    )  # fmt: skip
    return tuple(
        _ml(
            method,
            path.format(name),
            action,
            decode,
            run,
            doc,
            parameters,
            action == "register_model",
            body=body,
            reply=reply,
            answers=_MAY_BE_MISSING,
            old=name != names[0],
        )
        for method, path, action, decode, run, doc, names, parameters, body, reply in aliases
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
            _ml(
                "GET",
                path,
                "profile/nodes",
                m.decode_profile(models=models, tasks=tasks),
                m.profile,
                doc,
                ("view",),
                body="ProfileQuery",
                reply="Profile",
            )
            for path, models, tasks, doc in profiles
        ),
        *(
            _ml("GET", path, "stats/nodes", m.decode_stats, m.stats, doc, body="StatsQuery", reply="Stats")
            for path, doc in stats
        ),
    )


def _words(method: str, name: str, decode: Decode, run: Run, doc: str, **shapes: Any) -> Route:
    """Under a privilege of the models' family, so that who may change guardrails may change their words."""
    return Route(
        method, "/_fairlead/word_lists/{index_name}", f"{PRIVILEGE}word_lists/{name}", decode, run, doc, **shapes
    )


def _cancels() -> tuple[Route, ...]:
    doc = "Cancel the provider's batch job behind a task."
    return tuple(
        _ml(
            "POST",
            f"/tasks/{{task_id}}/{name}",
            "tasks/cancel",
            r.nothing,
            b.cancel_task,
            doc,
            reply="Status",
            answers=(403, 404, 502, 504),
        )
        for name in ("_cancel", "_cancel_batch")
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "cluster:monitor/main", r.nothing, c.root, "Name and version, as clients check them.", reply="Root"),
    Route("GET", "/_cluster/health", "cluster:monitor/health", r.nothing, c.cluster_health, "Always green while the server answers.", ("level", "wait_for_status", "timeout", "local", "cluster_manager_timeout", "wait_for_nodes"), reply="ClusterHealth"),
    Route("GET", "/_cluster/settings", "cluster:monitor/state", c.decode_get_settings, c.get_settings, "The cluster settings that are set, and on request the defaults.", _GET_SETTINGS, reply="SettingsShown"),
    Route("PUT", "/_cluster/settings", "cluster:admin/settings/update", c.decode_settings, c.put_settings, "Change cluster settings, all or nothing.", _SETTINGS, body="Settings", reply="SettingsChanged"),
    Route("GET", "/_fairlead/health", "cluster:monitor/health", r.nothing, c.health, "Mode, version, workers, and whether the keys of the credentials are at hand.", reply="Health"),
    Route("GET", "/_fairlead/health/live", "cluster:monitor/health", r.nothing, c.live, "200 while the process answers.", access=Access.OPEN, reply="Status"),
    Route("GET", "/_fairlead/health/ready", "cluster:monitor/health", r.nothing, c.ready, "200 when requests can be served, else 503.", access=Access.OPEN, reply="Status", unavailable="Status"),
    Route("GET", "/_fairlead/metrics", "cluster:admin/fairlead/metrics/read", r.nothing, m.metrics, "This node's metrics over all its workers, as Prometheus reads them.", reply="Text", media=("text/plain",)),
    Route("GET", "/_fairlead/openapi.json", "cluster:monitor/main", r.nothing, _openapi, "This API as an OpenAPI 3.1 document."),
    _ml("POST", "/connectors/_create", "create_connector", r.decode_connector, r.create_connector, "Create a connector from a blueprint.", remote=True, body="ConnectorCreate", reply="ConnectorCreated"),
    _ml("GET", "/connectors/{connector_id}", "connectors/get", r.decode_get_connector, r.get_connector, "A connector without its credential.", ("return_content",), reply="Connector", answers=_MAY_BE_MISSING),
    _ml("PUT", "/connectors/{connector_id}", "connectors/update", r.decode_connector_update, r.update_connector, "Update a connector; loaded models use it at once.", remote=True, body="ConnectorUpdate", reply="Written", answers=_MAY_BE_MISSING),
    _ml("DELETE", "/connectors/{connector_id}", "connectors/delete", r.nothing, r.delete_connector, "Delete a connector that no model uses.", reply="Written", answers=(404, 409)),
    _ml("POST", "/model_groups/_register", "register_model_group", r.decode_group, r.register_group, "Register a model group.", body="ModelGroupCreate", reply="ModelGroupCreated"),
    _ml("GET", "/model_groups/{model_group_id}", "model_groups/get", r.nothing, r.get_group, "A model group.", reply="ModelGroup", answers=_MAY_BE_MISSING),
    _ml("PUT", "/model_groups/{model_group_id}", "update_model_group", r.decode_group, r.update_group, "Update a model group: name, description, who may use it.", body="ModelGroupUpdate", reply="Updated", answers=_MAY_BE_MISSING),
    _ml("DELETE", "/model_groups/{model_group_id}", "model_groups/delete", r.nothing, r.delete_group, "Delete an empty model group.", reply="Written", answers=(404, 409)),
    *_models(),
    _ml("GET", "/models/{model_id}", "models/get", r.nothing, r.get_model, "A model.", ("return_content",), reply="Model", answers=_MAY_BE_MISSING),
    _ml("PUT", "/models/{model_id}", "models/update", r.decode_model_update, r.update_model, "Update a model; a loaded one uses it at once.", body="ModelUpdate", reply="Written", answers=_MAY_BE_MISSING),
    _ml("DELETE", "/models/{model_id}", "models/delete", r.nothing, r.delete_model, "Delete a model that is not deployed.", reply="Written", answers=(404, 409)),
    _ml("GET", "/tasks/{task_id}", "tasks/get", r.nothing, b.get_task, "A task; the provider of a batch job that runs is asked how it is.", reply="Task", answers=(403, 404, 502, 504)),
    _ml("DELETE", "/tasks/{task_id}", "tasks/delete", r.nothing, r.delete_task, "Delete a task that does not run.", reply="Written", answers=(404, 409)),
    _ml("POST", "/controllers/{model_id}", "controllers/create", limits.decode_create, limits.create, "Limit single users of a model; replaces the controller that is there.", body="Controller", reply="ControllerCreated", answers=(404, 409)),
    _ml("PUT", "/controllers/{model_id}", "controllers/update", limits.decode_update, limits.update, "Merge limits into a model's controller.", body="Controller", reply="Written", answers=(404, 409)),
    _ml("GET", "/controllers/{model_id}", "controllers/get", r.nothing, limits.get, "The limits of single users of a model.", reply="Controller", answers=_MAY_BE_MISSING),
    _ml("DELETE", "/controllers/{model_id}", "controllers/delete", r.nothing, limits.delete, "End the limits of single users of a model.", reply="Written", answers=_MAY_BE_MISSING),
    _words("PUT", "put", w.decode_put, w.put, "Make or replace a word list that guardrails name as stop words.", body="WordList", reply="WordListChanged"),
    _words("GET", "get", r.nothing, w.get, "A word list: phrases by field.", reply="WordListShown", answers=_MAY_BE_MISSING),
    _words("DELETE", "delete", r.nothing, w.delete, "Delete a word list that no model's guardrails name.", reply="WordListChanged", answers=(404, 409)),
    _ml("POST", "/_batch_ingestion", "batch_ingestion", r.nothing, r.refuse_batch_ingestion, "Refused with 400 that says what to use: there is no index here to ingest into.", answers=(400,)),
    *_cancels(),
    *_searches(),
    *_monitoring(),
    _ml("POST", "/models/{model_id}/_predict", "predict", r.nothing, None, "Predict with raw parameters.", body="RemotePredict", reply="Inferences", answers=_PREDICT),
    _ml("POST", "/models/{model_id}/_batch_predict", "predict", b.decode_batch_predict, b.batch_predict, "Start a batch job at the provider; its task says how it is.", body="RemotePredict", reply="BatchAnswer", answers=_PREDICT),
    _ml("POST", "/models/{model_id}/_predict/stream", "predict/stream", r.nothing, None, "Predict with raw parameters; the text comes as server-sent events.", body="RemotePredict", reply="PredictEvents", answers=_PREDICT, media=("text/event-stream",)),
    _ml("POST", "/_predict/{algorithm}/{model_id}", "predict", r.nothing, None, "Predict with a body of the algorithm's shape.", body="Predict", reply="Inferences", answers=_PREDICT),
)  # fmt: skip
