"""What path and query parameters mean, once for all routes that take them."""

from __future__ import annotations

from fairlead.api.openapi.schema import Schema, choice, flag, text
from fairlead.domain.dataset import Algorithm

_TIME_PATTERN = "^(-1|0|[0-9]+(d|h|m|s|ms|micros|nanos))$"
_ID = {"type": "string", "minLength": 1}
_NAMES = {"type": "string", "minLength": 1, "pattern": "^[^,]+(,[^,]+)*$"}


def _wait(doc: str) -> Schema:
    return text(doc, pattern=_TIME_PATTERN)


PATH: dict[str, Schema] = {
    "connector_id": _ID,
    "model_group_id": _ID,
    "model_id": _ID,
    "task_id": _ID,
    "index_name": text("The name of a word list.", pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$"),
    "algorithm": choice(Algorithm, "The shape of the body, in any case."),
    "node_id": _NAMES | {"description": "A comma list of nodes."},
    "stat": _NAMES | {"description": "A comma list of statistics."},
}

EVERYWHERE: dict[str, Schema] = {
    "pretty": flag("The reply is indented."),
    "human": flag("Read, without effect."),
    "error_trace": flag("Errors carry `stack_trace`: modules and functions, no paths."),
    "format": choice(("json", "yaml"), "The form of the reply; before `Accept`."),
    "filter_path": text("A comma list of paths: the reply has only what they name.", example="hits.hits._id"),
}

QUERY: dict[str, Schema] = {
    "deploy": flag("The model is deployed at once."),
    "flat_settings": flag("Names are dotted, not nested."),
    "include_defaults": flag("Settings that are not set are shown with their default."),
    "local": flag("Read, without effect."),
    "return_content": flag("Read, without effect."),
    "timeout": _wait("Read, without effect."),
    "cluster_manager_timeout": _wait("Read, without effect."),
    "master_timeout": _wait("The old name of `cluster_manager_timeout`."),
    "level": text("Read, without effect."),
    "wait_for_status": choice(("green", "yellow", "red"), "Read, without effect: it is green."),
    "wait_for_nodes": text("Read, without effect."),
    "source": text("The body of a search, for clients that cannot send one."),
    "source_content_type": choice(("application/json",)),
    "view": choice(("model", "node"), "`model` turns the reply inside out."),
}
