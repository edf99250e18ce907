"""Models: register, read, delete, deploy, undeploy (spec/02 section 1).

Registering and deploying are one atomic write each, so that a crash leaves no half-made model and no running task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from fairlead.domain import connector as connectors
from fairlead.domain import group as groups
from fairlead.domain import task as tasks
from fairlead.domain.connector import MCP_PROTOCOLS, ActionType, Connector, header_fault
from fairlead.domain.group import ModelGroup
from fairlead.domain.model import HELD_STATES, INDEX, KIND, Model, ModelState
from fairlead.domain.names import name_faults
from fairlead.domain.ports import Document, Json, Put, Remove
from fairlead.domain.secret import Secret
from fairlead.domain.task import Task, TaskState, TaskType
from fairlead.errors import ActionValidation, FairleadError, IllegalArgument, IndexNotFound, StatusFault
from fairlead.service import credentials, replies
from fairlead.service.changes import Batch, commit
from fairlead.service.connectors import check_endpoints, require_remote_inference
from fairlead.service.groups import GroupFields, GroupService, check_access, new_group
from fairlead.service.loading import load_model, model_id_suffix
from fairlead.service.ports import Ports
from fairlead.service.snapshot import ReadyModel, Snapshot


@dataclass(frozen=True, slots=True)
class InlineConnector:
    """A connector inside a register request, its credential still plain."""

    connector: Connector
    credential: Mapping[str, Secret]


@dataclass(frozen=True, slots=True)
class ModelFields:
    """A model as a register request gives it; None is what the request does not name."""

    name: str
    description: str | None = None
    model_group_id: str | None = None
    connector_id: str | None = None
    connector: InlineConnector | None = None
    is_enabled: bool | None = None
    model_format: str | None = None
    rate_limiter: Mapping[str, Any] | None = None
    deploy_setting: Mapping[str, Any] | None = None
    interface: Mapping[str, str] | None = None
    guardrails: Mapping[str, Any] | None = None
    model_config: Mapping[str, Any] | None = None
    access: GroupFields | None = None
    url: str | None = None
    provisioned_by: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """Ids of a new model and of the task that made it."""

    model_id: str
    task_id: str


class ModelService:
    """Remote models."""

    def __init__(self, ports: Ports, snapshot: Snapshot, group_service: GroupService) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._groups = group_service

    async def register(self, fields: ModelFields) -> Registered:
        """Writes group version, model and task at once. Order of checks: spec/02 1.3.2."""
        self._check_form(fields)
        if not fields.model_group_id and fields.access is not None:
            check_access(fields.access)
        await self._check_connector(fields)
        id, task_id, now = self._ports.new_id(), self._ports.new_id(), self._ports.clock()
        connector = await self._sealed(fields, id)

        async def prepare() -> tuple[Batch, None]:
            group_id, group, changes = await self._group(fields, now)
            model = Model(
                name=fields.name,
                model_group_id=group_id,
                model_version=str(group.latest_version),
                description=fields.description,
                model_format=fields.model_format,
                model_config=fields.model_config,
                deploy_setting=fields.deploy_setting,
                is_enabled=fields.is_enabled,
                rate_limiter=fields.rate_limiter,
                created_time=now,
                last_updated_time=now,
                is_hidden=False,
                connector=connector,
                connector_id=fields.connector_id,
                guardrails=fields.guardrails,
                interface=fields.interface,
                provisioned_by=fields.provisioned_by,
            )
            task = self._task(TaskType.REGISTER_MODEL, TaskState.COMPLETED, id, now, is_async=False)
            return [*changes, Put(KIND, id, model.document(), 0), Put(tasks.KIND, task_id, task.document(), 0)], None

        await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return Registered(id, task_id)

    async def get(self, id: str) -> Model:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            if not await self._ports.store.known(KIND):
                raise StatusFault("Fail to find model", 404)
            raise StatusFault(f"Failed to find model with the provided model id: {id}", 404)
        return Model.of(document.body)

    async def delete(self, id: str) -> Json:
        async def prepare() -> tuple[Batch, None]:
            document = await self._document(id)
            if Model.of(document.body).model_state in HELD_STATES:
                raise StatusFault(
                    "Model cannot be deleted in deploying or deployed state. Try undeploy model first then delete", 400
                )
            return [Remove(KIND, id, document.revision)], None

        [write], _ = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return replies.written(INDEX, write, "deleted")

    async def deploy(self, id: str, node_ids: Sequence[str] = ()) -> str:
        """The task's id. A model that cannot be loaded ends in DEPLOY_FAILED, and its task says why."""
        await self._document(id)
        require_remote_inference(self._snapshot)
        self._check_nodes(node_ids)
        if node_ids and self._ports.node_id not in node_ids:
            raise IllegalArgument("no eligible node found")
        task_id = self._ports.new_id()
        await self._deploy(id, task_id, to_all=not node_ids)
        return task_id

    async def require(self, id: str) -> Model:
        """The stored model, or the 404 of a predict; a store without models has its own, as recorded."""
        document = await self._ports.store.get(KIND, id)
        if document is None and not await self._ports.store.known(KIND):
            raise StatusFault(f"Failed to get data object from index {INDEX}", 404, cause=IndexNotFound(INDEX))
        if document is None:
            raise StatusFault("Failed to find model", 404)
        return Model.of(document.body)

    async def ready(self, id: str) -> ReadyModel:
        """The loaded model, deploying it first when that is allowed (spec/02 1.10)."""
        model = await self.require(id)
        if not model.enabled:
            raise StatusFault("Model is disabled.", 403)
        if model.model_state in (ModelState.DEPLOYED, ModelState.PARTIALLY_DEPLOYED):
            await self._snapshot.catch_up()
            found = self._snapshot.ready.get(id)
            if found is not None:
                return found
            return await load_model(self._ports, id, model)  # raises what keeps it from loading
        if not self._snapshot.settings["model_auto_deploy.enable"]:
            raise IllegalArgument("Model not ready yet. Please deploy the model first.")
        if not model.auto_deploy:
            raise IllegalArgument(
                f"Auto deployment disabled for this model, please deploy model first{model_id_suffix(id)}"
            )
        outcome = await self._deploy(id, self._ports.new_id(), to_all=True)
        if isinstance(outcome, FairleadError):
            raise outcome
        return outcome

    async def undeploy(self, ids: Sequence[str], node_ids: Sequence[str] = ()) -> Json:
        """The status of each model on this node, as the original words it."""
        if not ids:
            raise IllegalArgument("Must set specific model ids to undeploy")
        self._check_nodes(node_ids)
        if len(ids) == 1:
            await self._document(ids[0])
        if node_ids and self._ports.node_id not in node_ids:
            return {}
        statuses = {id: await self._undeploy(id) for id in ids}
        await self._snapshot.catch_up()
        return {self._ports.node_id: {"stats": statuses}}

    async def load(self, id: str, model: Model) -> ReadyModel:
        return await load_model(self._ports, id, model)

    async def _deploy(self, id: str, task_id: str, *, to_all: bool) -> ReadyModel | FairleadError:
        """Loads the model and writes how that ended; the fault is given back, not raised."""

        async def prepare() -> tuple[Batch, ReadyModel | FairleadError]:
            document = await self._document(id)
            model = Model.of(document.body)
            now = self._ports.clock()
            outcome: ReadyModel | FairleadError
            try:
                outcome = await load_model(self._ports, id, model)
            except FairleadError as fault:
                outcome = fault
            failed = isinstance(outcome, FairleadError)
            retries = 0 if self._snapshot.settings["model_auto_redeploy.enable"] and not failed else None
            state = replace(
                model,
                model_state=ModelState.DEPLOY_FAILED if failed else ModelState.DEPLOYED,
                last_updated_time=now,
                last_deployed_time=now,
                auto_redeploy_retry_times=model.auto_redeploy_retry_times if retries is None else retries,
                planning_worker_node_count=1,
                current_worker_node_count=0 if failed else 1,
                planning_worker_nodes=(self._ports.node_id,),
                deploy_to_all_nodes=to_all,
            )
            task = self._task(
                TaskType.DEPLOY_MODEL, TaskState.FAILED if failed else TaskState.COMPLETED, id, now, is_async=True
            )
            if isinstance(outcome, FairleadError):
                task = replace(task, error=orjson.dumps({self._ports.node_id: outcome.reason}).decode())
            return [
                Put(KIND, id, state.document(), document.revision),
                Put(tasks.KIND, task_id, task.document(), 0),
            ], outcome

        _, outcome = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return outcome if isinstance(outcome, FairleadError) else self._snapshot.ready.get(id, outcome)

    async def _undeploy(self, id: str) -> str:
        async def prepare() -> tuple[Batch, str]:
            document = await self._ports.store.get(KIND, id)
            if document is None:
                return [], "not_found"
            model = Model.of(document.body)
            held = model.model_state in HELD_STATES
            state = replace(
                model,
                model_state=ModelState.UNDEPLOYED,
                planning_worker_nodes=None,
                planning_worker_node_count=None if model.planning_worker_node_count is None else 0,
                current_worker_node_count=None if model.current_worker_node_count is None else 0,
                last_updated_time=self._ports.clock(),
            )
            return [Put(KIND, id, state.document(), document.revision)], "undeployed" if held else "not_found"

        _, status = await commit(self._ports.store, prepare)
        return status

    async def _document(self, id: str) -> Document:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            raise StatusFault("Failed to find model", 404)
        return document

    def _check_nodes(self, node_ids: Sequence[str]) -> None:
        if node_ids and not self._snapshot.settings["allow_custom_deployment_plan"]:
            raise IllegalArgument("Don't allow custom deployment plan")

    def _check_form(self, fields: ModelFields) -> None:
        faults = name_faults("Model", "provisioned_by field", fields.provisioned_by, required=False)
        faults += name_faults("Model", "description", fields.description, required=False)
        faults += name_faults("Model", "name", fields.name, required=True)
        if faults:
            raise ActionValidation(*faults)
        if fields.url is not None and not self._snapshot.settings["allow_registering_model_via_url"]:
            raise IllegalArgument(
                "To upload custom model user needs to enable allow_registering_model_via_url settings. "
                "Otherwise please use OpenSearch pre-trained models."
            )

    async def _check_connector(self, fields: ModelFields) -> None:
        if fields.connector_id is not None:
            await self._check_standalone(fields.connector_id)
            return
        if fields.connector is None:
            raise IllegalArgument(
                "You must provide connector content when creating a remote model without connector id!"
            )
        connector = fields.connector.connector
        if connector.action(ActionType.PREDICT) is None:
            raise IllegalArgument("Connector endpoint is required when creating a remote model without connector id!")
        check_endpoints(self._ports, connector)
        if (fault := header_fault(connector.protocol, connector.actions)) is not None:
            raise fault

    async def _check_standalone(self, connector_id: str) -> None:
        document = await self._ports.store.get(connectors.KIND, connector_id)
        if document is None:
            known = await self._ports.store.known(connectors.KIND)
            raise StatusFault(f"Failed to find connector:{connector_id}" if known else "Failed to find connector", 404)
        connector = Connector.of(document.body)
        if connector.protocol in MCP_PROTOCOLS:
            raise IllegalArgument(f"Cannot Create a Model from MCP Connector: {connector_id}")
        if not connector.actions:  # an index error in the original (spec/01 1.5 #13)
            raise IllegalArgument("No actions configured for this connector")

    async def _sealed(self, fields: ModelFields, id: str) -> Connector | None:
        if fields.connector is None:
            return None
        inline = fields.connector
        sealed = await credentials.seal(self._ports.vault, inline.credential, inline.connector, KIND, id)
        return replace(inline.connector, credential=sealed)

    async def _group(self, fields: ModelFields, now: int) -> tuple[str, ModelGroup, list[Put | Remove]]:
        """The model's group with its version counted up, and the changes that store it."""
        changes: list[Put | Remove] = []
        group_id = fields.model_group_id or await self._groups.by_name(fields.name)
        if group_id is None:
            group_id = self._ports.new_id()
            group, [_, name] = new_group(group_id, fields.name, fields.description, now)
            expect, changes = 0, [name]
        else:
            document = await self._ports.store.get(groups.KIND, group_id)
            if document is None:
                known = await self._ports.store.known(groups.KIND)
                text = f"Model Group Response is empty for {group_id}" if known else "Model group not found"
                raise StatusFault(text, 404)
            group, expect = ModelGroup.of(document.body), document.revision
        group = replace(group, latest_version=group.latest_version + 1, last_updated_time=now)
        return group_id, group, [Put(groups.KIND, group_id, group.document(), expect), *changes]

    def _task(self, type: TaskType, state: TaskState, model_id: str, now: int, *, is_async: bool) -> Task:
        return Task(
            type,
            state,
            model_id,
            worker_node=(self._ports.node_id,),
            create_time=now,
            last_update_time=now,
            is_async=is_async,
        )
