"""Registering models: the checks in the original's order, then group version, model and task in one write (spec/02 1.3).

One atomic write, so that a crash leaves no half-made model and no running task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fairlead.domain import connector as connectors
from fairlead.domain import group as groups
from fairlead.domain import task as tasks
from fairlead.domain.access import Access, Asked
from fairlead.domain.connector import ActionType, Connector, header_fault
from fairlead.domain.group import ModelGroup
from fairlead.domain.model import KIND, Model
from fairlead.domain.names import name_faults
from fairlead.domain.ports import Document, Put, Require, Step
from fairlead.domain.principal import Principal
from fairlead.domain.secret import Secret
from fairlead.domain.task import TaskState, TaskType, instant_task
from fairlead.errors import ActionValidation, IllegalArgument, LimitExceeded, StatusFault
from fairlead.service.access import AccessControl, is_super, no_group
from fairlead.service.changes import Batch, commit
from fairlead.service.connectors.composing import check_endpoints
from fairlead.service.connectors.service import standalone
from fairlead.service.connectors.warnings import blueprint_warnings
from fairlead.service.counts.usage import Recorder
from fairlead.service.groups import GroupFields, GroupService, granted, new_group, refuse_access
from fairlead.service.guards import guardrails
from fairlead.service.keys import credentials, references
from fairlead.service.models.presets import preset_interface
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot


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
    model_node_ids: tuple[str, ...] = ()
    url: str | None = None
    provisioned_by: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """Ids of a new model and of the task that made it; warnings about its own connector's scripts."""

    model_id: str
    task_id: str
    warnings: tuple[str, ...] = ()


class RegistrationService:
    """Registrations of remote models."""

    def __init__(self, ports: Ports, snapshot: Snapshot, group_service: GroupService, recorder: Recorder) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._groups = group_service
        self._recorder = recorder
        self._access = AccessControl(snapshot)
        self._turn = asyncio.Lock()

    async def register(self, fields: ModelFields, principal: Principal | None = None) -> Registered:
        """Writes group version, model and task at once. Order of checks: spec/02 1.3.2.

        The caller stays known whether or not a group is named (S-24). A super admin's model is hidden, its id its name.
        """
        with self._recorder.action("register"):
            return await self._register(fields, principal)

    async def _register(self, fields: ModelFields, principal: Principal | None) -> Registered:
        self._check_form(fields)
        self._check_limit()
        if not fields.model_group_id and fields.access is not None and self._access.of_models(principal) is None:
            refuse_access(fields.access.asked)
        self._check_internal(fields)
        if fields.connector is not None:
            references.require(self._ports, fields.connector.credential, principal)
        hidden = is_super(principal)
        id = fields.name if hidden else self._ports.new_id()
        task_id, now = self._ports.new_id(), self._ports.clock()

        async def prepare() -> tuple[Batch, None]:
            if hidden and await self._ports.store.get(KIND, id) is not None:
                raise StatusFault(f"model id '{id}' already exists", 409)
            home = await self._home(fields, principal)
            connector, checks = await self._sealed(fields, id)
            used = connector
            if fields.connector_id is not None:
                document = await self._connector(fields.connector_id, principal)
                used = connector or Connector.of(document.body)
                checks.append(Require(connectors.KIND, document.id, document.revision))
            interface = fields.interface
            if interface is None and used is not None:
                interface = preset_interface(used)
            group_id, group, changes = await self._group(fields, home, principal, now)
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
                is_hidden=hidden,
                connector=connector,
                connector_id=fields.connector_id,
                guardrails=fields.guardrails,
                interface=interface,
                provisioned_by=fields.provisioned_by,
            )
            task = instant_task(self._ports.node_id, TaskType.REGISTER_MODEL, TaskState.COMPLETED, id, now)
            await guardrails.check_circle(self._ports.store, id, fields.guardrails)
            made = (Put(KIND, id, model.document(), 0), Put(tasks.KIND, task_id, task.document(), 0))
            return [*checks, *changes, *made], None

        # Those of one worker take turns: all that go into one group would lose against each other again and again.
        async with self._turn:
            await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        own = fields.connector
        warnings = () if own is None else blueprint_warnings(self._ports, own.connector, own.credential)
        return Registered(id, task_id, warnings)

    def _check_limit(self) -> None:
        """Registrations wait for each other, so that one runs at a time; only a limit of none can be exceeded."""
        if self._snapshot.settings["max_register_model_tasks_per_node"] < 1:
            raise LimitExceeded("exceed max running task limit")

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

    def _check_internal(self, fields: ModelFields) -> None:
        if fields.guardrails is not None:
            guardrails.check(fields.guardrails)
        if fields.connector is None and fields.connector_id is None:
            raise IllegalArgument(
                "You must provide connector content when creating a remote model without connector id!"
            )
        if fields.connector is None or fields.connector_id is not None:  # then it is the other that is looked at
            return
        connector = fields.connector.connector
        if connector.action(ActionType.PREDICT) is None:
            raise IllegalArgument("Connector endpoint is required when creating a remote model without connector id!")
        check_endpoints(self._ports, connector)
        if (fault := header_fault(connector.protocol, connector.actions)) is not None:
            raise fault

    async def _sealed(self, fields: ModelFields, id: str) -> tuple[Connector | None, list[Step]]:
        """The model's own connector with its credential sealed, and what holds the batch against a change of keys."""
        if fields.connector is None:
            return None, []
        inline = fields.connector
        sealed = await credentials.seal(self._ports.vault, inline.credential, inline.connector, KIND, id)
        return replace(inline.connector, credential=sealed), list(self._ports.vault.fence())

    async def _connector(self, id: str, principal: Principal | None) -> Document:
        refused = IllegalArgument(f"You don't have permission to use the connector provided, connector id: {id}")
        return await standalone(self._ports.store, id, self._access, principal, refused)

    async def _home(self, fields: ModelFields, principal: Principal | None) -> tuple[str | None, Document | None]:
        """Id and document of the group that is named, or that has the model's name, once the caller may use it."""
        id = fields.model_group_id or await self._groups.by_name(fields.name)
        document = None if id is None else await self._ports.store.get(groups.KIND, id)
        caller = self._access.of_models(principal)
        if id is None or caller is None or caller.admin:
            return id, document
        if document is None:
            raise no_group()
        if Access.of(document.body).allows(caller):
            return id, document
        if fields.model_group_id:
            refused = IllegalArgument("You don't have permissions to perform this operation on this model.")
            raise self._access.refusal(refused, no_group())
        raise IllegalArgument(
            f"The name {{{fields.name}}} you provided is unavailable because it is used by another model group with id "
            f"{{{id}}} to which you do not have access. Please provide a different name."
        )

    async def _group(
        self, fields: ModelFields, home: tuple[str | None, Document | None], principal: Principal | None, now: int
    ) -> tuple[str, ModelGroup, list[Step]]:
        """The model's group with its version counted up, and the changes that store it."""
        changes: list[Step] = []
        group_id, document = home
        if group_id is None:
            group_id = self._ports.new_id()
            grant = granted(
                self._access.of_models(principal), Asked() if fields.access is None else fields.access.asked
            )
            group, [_, name] = new_group(group_id, fields.name, fields.description, now, grant)
            expect, changes = 0, [name]
        else:
            if document is None:
                known = await self._ports.store.known(groups.KIND)
                text = f"Model Group Response is empty for {group_id}" if known else "Model group not found"
                raise StatusFault(text, 404)
            group, expect = ModelGroup.of(document.body), document.revision
        group = replace(group, latest_version=group.latest_version + 1, last_updated_time=now)
        return group_id, group, [Put(groups.KIND, group_id, group.document(), expect), *changes]
