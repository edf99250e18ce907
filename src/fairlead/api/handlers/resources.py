"""Connectors, model groups, models and tasks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from fairlead.api.decode import connector as connector_bodies
from fairlead.api.decode import model as model_bodies
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.errors import BodyParse, IllegalArgument
from fairlead.java.jackson import Node, parse
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.groups import GroupFields
from fairlead.service.house import House
from fairlead.service.models.registration import ModelFields
from fairlead.service.models.update import ModelChanges

_WARNINGS, _LONGEST_WARNING = 8, 400
"""What a client surely takes as one header: others are told when the first ones are mended."""


def nothing(request: Request) -> None:
    """Routes that read no body ignore one, whatever it holds (spec/01 5.6)."""


def decode_connector(request: Request) -> ConnectorFields:
    return connector_bodies.connector_create(request.require_body("Create Connector request has empty body"))


def decode_connector_update(request: Request) -> ConnectorFields:
    body = request.require_body("Failed to update connector: Request body is empty")
    return connector_bodies.connector_update(body)


async def create_connector(house: House, request: Request, fields: ConnectorFields) -> Reply:
    created = await house.connectors.create(fields, request.principal)
    return Reply({"connector_id": created.id}, headers=warning(created.warnings))


def warning(texts: tuple[str, ...]) -> dict[str, str]:
    """A `Warning` header (RFC 7234 5.5) of one value per text; opensearch-py turns it into a Python warning."""
    if not texts:
        return {}
    shown = (re.sub(r"[^ -~]+", " ", text)[:_LONGEST_WARNING] for text in texts[:_WARNINGS])
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in shown)
    return {"Warning": ", ".join(f'299 fairlead "{text}"' for text in quoted)}


def decode_get_connector(request: Request) -> None:
    request.flag("return_content")


async def get_connector(house: House, request: Request, _: None) -> Reply:
    return Reply((await house.connectors.get(request.ids["connector_id"], request.principal)).shown())


async def update_connector(house: House, request: Request, fields: ConnectorFields) -> Reply:
    updated = await house.connectors.update(request.ids["connector_id"], fields, request.principal)
    return Reply(updated.reply, headers=warning(updated.warnings))


async def delete_connector(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.connectors.delete(request.ids["connector_id"], request.principal))


def decode_group(request: Request) -> GroupFields:
    return model_bodies.group_fields(request.require_body("Model group request has empty body"))


async def register_group(house: House, request: Request, fields: GroupFields) -> Reply:
    return Reply({"model_group_id": await house.groups.register(fields, request.principal), "status": "CREATED"})


async def get_group(house: House, request: Request, _: None) -> Reply:
    return Reply((await house.groups.get(request.ids["model_group_id"], request.principal)).document())


async def update_group(house: House, request: Request, fields: GroupFields) -> Reply:
    await house.groups.update(request.ids["model_group_id"], fields, request.principal)
    return Reply({"status": "Updated"})


async def delete_group(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.groups.delete(request.ids["model_group_id"], request.principal))


def decode_model(request: Request) -> ModelFields:
    request.flag("deploy")
    return model_bodies.model_register(request.require_body("request body is required"))


async def register_model(house: House, request: Request, fields: ModelFields) -> Reply:
    made = await house.registrations.register(fields, request.principal)
    if request.flag("deploy"):
        await house.deployments.deploy_at_once(made.model_id, fields.model_node_ids, request.principal)
    body = {"task_id": made.task_id, "status": "CREATED", "model_id": made.model_id}
    return Reply(body, headers=warning(made.warnings))


def decode_model_update(request: Request) -> ModelChanges:
    return model_bodies.model_update(request.require_body("Update model request has empty body"))


async def update_model(house: House, request: Request, changes: ModelChanges) -> Reply:
    updated = await house.model_updates.update(request.ids["model_id"], changes, request.principal)
    return Reply(updated.reply, headers=warning(updated.warnings))


async def get_model(house: House, request: Request, _: None) -> Reply:
    return Reply((await house.models.get(request.ids["model_id"], request.principal)).shown())


async def delete_model(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.models.delete(request.ids["model_id"], request.principal))


Ids = tuple[tuple[str, ...], tuple[str, ...]]


def decode_ids(request: Request) -> Ids:
    return model_bodies.id_lists(request.body)


async def deploy_model(house: House, request: Request, ids: Ids) -> Reply:
    task_id = await house.deployments.deploy(request.ids["model_id"], ids[1], request.principal)
    return Reply({"task_id": task_id, "task_type": "DEPLOY_MODEL", "status": "COMPLETED"})


async def undeploy_model(house: House, request: Request, ids: Ids) -> Reply:
    """Ids of the body replace the one of the path (spec/02 1.9)."""
    models, nodes = ids
    if not models and "model_id" in request.ids:
        models = (request.ids["model_id"],)
    return Reply(await house.deployments.undeploy(models, nodes, request.principal))


async def delete_task(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.tasks.delete(request.ids["task_id"]))


def decode_search(request: Request) -> Node:
    """The query in the body, or in `source` with its content type."""
    if request.body:
        return parse(request.body)
    source = request.query.get("source")
    if source is None:
        raise BodyParse("request body or source parameter is required")
    if "source_content_type" not in request.query:
        raise IllegalArgument("source and source_content_type parameters are required")
    return parse(source.encode())


def search(kind: str) -> Callable[[House, Request, Node], Awaitable[Reply]]:
    async def run(house: House, request: Request, body: Node) -> Reply:
        return Reply(await house.search.search(kind, body, request.principal))

    return run


async def refuse_batch_ingestion(house: House, request: Request, _: None) -> Reply:
    """Deprecated in the original since 3.0 (spec/02 8); a gateway has no index to write to."""
    raise IllegalArgument(
        "Batch ingestion is not supported: this server has no indexes. Read the source yourself and send its documents to "
        "POST /_plugins/_ml/_predict/text_embedding/{model_id}, or ask the provider for a batch job with "
        "POST /_plugins/_ml/models/{model_id}/_batch_predict"
    )
