"""Which type each field of each kind of document has (spec/01 section 6, spec/02 1.1 and 2.1), as tables.

Fields that no table names are mapped dynamically from the documents by fairlead.search.corpus.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """Field types; `FLAT_LEAF` is a value inside a flat object, `OBJECT` a mapped object without a value of its own."""

    TEXT = "text"
    KEYWORD = "keyword"
    DATE = "date"
    LONG = "long"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    FLAT = "flat_object"
    FLAT_LEAF = "flat_leaf"
    NESTED = "nested"
    OBJECT = "object"
    ID = "_id"
    INDEX = "_index"


NUMBERS = frozenset({Type.LONG, Type.INTEGER, Type.FLOAT})
STRINGS = frozenset({Type.KEYWORD, Type.FLAT, Type.FLAT_LEAF, Type.ID, Type.INDEX})
IGNORE_ABOVE = 256
"""A `.keyword` sub-field does not hold longer texts."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """The mapped fields of one index by dotted path.

    `keyword_of` are text fields with a `.keyword` sub-field. `hidden` paths are left out of `_source` and do not
    exist for queries, sorting, aggregations and field lists. `unless_asked` are left out when the caller gives no
    `_source`.
    """

    fields: Table[str, Type]
    keyword_of: frozenset[str] = frozenset()
    hidden: tuple[str, ...] = ()
    unless_asked: tuple[str, ...] = ()

    def is_hidden(self, path: str) -> bool:
        return any(path == secret or path.startswith(secret + ".") for secret in self.hidden)


_SHORT = {
    "text": Type.TEXT,
    "kw+": Type.TEXT,
    "kw": Type.KEYWORD,
    "date": Type.DATE,
    "long": Type.LONG,
    "int": Type.INTEGER,
    "float": Type.FLOAT,
    "bool": Type.BOOLEAN,
    "flat": Type.FLAT,
    "nested": Type.NESTED,
    "object": Type.OBJECT,
}

_OWNER = {
    "owner": "nested",
    "owner.name": "kw+",
    "owner.backend_roles": "kw+",
    "owner.roles": "kw+",
    "owner.custom_attribute_names": "kw+",
}
_USER = {
    "user": "nested",
    "user.name": "kw+",
    "user.backend_roles": "kw+",
    "user.roles": "kw+",
    "user.custom_attribute_names": "kw+",
}


def _mapping(fields: Table[str, str], **lists: tuple[str, ...]) -> Mapping:
    keyword_of = frozenset(path for path, short in fields.items() if short == "kw+")
    return Mapping({path: _SHORT[short] for path, short in fields.items()}, keyword_of, **lists)


_CONNECTOR = {
    "name": "kw+",
    "version": "kw",
    "description": "text",
    "protocol": "kw",
    "parameters": "flat",
    "credential": "flat",
    "client_config": "flat",
    "actions": "flat",
}

MAPPINGS: Table[str, Mapping] = {
    "connector": _mapping(
        _CONNECTOR
        | {
            "tenant_id": "kw",
            "provisioned_by": "kw",
            "backend_roles": "kw+",
            "access": "kw",
            "created_time": "date",
            "last_updated_time": "date",
        }
        | _OWNER,
        hidden=("credential",),
    ),
    "model_group": _mapping(
        {
            "name": "kw+",
            "description": "text",
            "latest_version": "int",
            "model_group_id": "kw",
            "tenant_id": "kw",
            "backend_roles": "kw+",
            "access": "kw",
            "created_time": "date",
            "last_updated_time": "date",
            "all_shared_principals": "kw",
        }
        | _OWNER
    ),
    "model": _mapping(
        {
            "name": "kw+",
            "description": "text",
            "algorithm": "kw",
            "model_version": "kw",
            "version": "long",
            "model_format": "kw",
            "model_state": "kw",
            "model_group_id": "kw",
            "model_id": "kw",
            "model_config": "object",
            "model_config.model_type": "kw",
            "model_config.embedding_dimension": "int",
            "model_config.all_config": "text",
            "deploy_setting": "flat",
            "interface": "flat",
            "rate_limiter": "flat",
            "is_enabled": "bool",
            "is_controller_enabled": "bool",
            "is_hidden": "bool",
            "deploy_to_all_nodes": "bool",
            "auto_redeploy_retry_times": "int",
            "planning_worker_node_count": "int",
            "current_worker_node_count": "int",
            "planning_worker_nodes": "kw",
            "provisioned_by": "kw",
            "tenant_id": "kw",
            "created_time": "date",
            "last_updated_time": "date",
            "last_registered_time": "date",
            "last_deployed_time": "date",
            "last_undeployed_time": "date",
            "connector": "object",
            **{f"connector.{path}": short for path, short in _CONNECTOR.items()},
        }
        | _USER,
        hidden=("connector.credential",),
        unless_asked=("content", "model_content", "ui_metadata"),
    ),
    "task": _mapping(
        {
            "task_id": "kw",
            "model_id": "kw",
            "task_type": "kw",
            "function_name": "kw",
            "state": "kw",
            "input_type": "kw",
            "progress": "float",
            "output_index": "kw",
            "worker_node": "kw",
            "create_time": "date",
            "last_update_time": "date",
            "error": "text",
            "is_async": "bool",
            "remote_job": "flat",
            "response": "flat",
            "tenant_id": "kw",
        }
        | _USER
    ),
}
