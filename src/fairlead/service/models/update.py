"""Updating a model: what a request names is merged into what is stored, and a loaded model uses it at once (spec/02 1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fairlead.domain import bucket as buckets
from fairlead.domain import connector as connectors
from fairlead.domain import group as groups
from fairlead.domain.access import Access
from fairlead.domain.bucket import Bucket, Rate
from fairlead.domain.group import ModelGroup
from fairlead.domain.model import INDEX, KIND, Model, ModelState, config_fault, merged
from fairlead.domain.names import name_faults
from fairlead.domain.ports import Put, Remove, Require, Step
from fairlead.domain.principal import Principal
from fairlead.errors import ActionValidation, StatusFault
from fairlead.service import replies
from fairlead.service.access import NO_PRIVILEGE, AccessControl
from fairlead.service.changes import Batch, commit
from fairlead.service.connectors.composing import updated_connector
from fairlead.service.connectors.fields import ConnectorFields, Updated
from fairlead.service.connectors.service import standalone
from fairlead.service.connectors.warnings import blueprint_warnings
from fairlead.service.counts.reports import Reports
from fairlead.service.guards import guardrails
from fairlead.service.keys import references
from fairlead.service.ports import Ports
from fairlead.service.snapshot import LOADED_STATES, Snapshot


@dataclass(frozen=True, slots=True)
class ModelChanges:
    """An update as a request gives it; None is what the request does not name."""

    name: str | None = None
    description: str | None = None
    model_group_id: str | None = None
    connector_id: str | None = None
    connector: ConnectorFields | None = None
    is_enabled: bool | None = None
    rate_limiter: Mapping[str, Any] | None = None
    deploy_setting: Mapping[str, Any] | None = None
    interface: Mapping[str, str] | None = None
    guardrails: Mapping[str, Any] | None = None
    model_config: Mapping[str, Any] | None = None


class ModelUpdateService:
    """Updates."""

    def __init__(self, ports: Ports, snapshot: Snapshot, reports: Reports) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._access = AccessControl(snapshot)
        self._reports = reports

    async def update(self, id: str, changes: ModelChanges, principal: Principal | None = None) -> Updated:
        """Order of checks: spec/02 1.6. Model, target group and the connector's presence are one atomic write."""
        _check_form(changes)

        async def prepare() -> tuple[Batch, Model]:
            document = await self._ports.store.get(KIND, id)
            missing = StatusFault(f"Failed to find model to update with the provided model id: {id}", 404)
            if document is None:
                raise missing
            stored = Model.of(document.body)
            refused = StatusFault(f"{NO_PRIVILEGE}, model ID {id}", 403)
            await self._access.require_model(stored, principal, missing=missing, refused=refused)
            if stored.model_state == ModelState.DEPLOYING:
                raise StatusFault(
                    f"Model is deploying. Please wait for the model to complete deployment. model ID {id}", 409
                )
            model, steps = await self._connected(id, stored, changes, principal)
            model = _values(model, changes)
            if changes.guardrails is not None:
                await guardrails.check_circle(self._ports.store, id, model.guardrails)
                if stored.model_state in LOADED_STATES:  # others are told when they are deployed
                    steps = [*steps, *await guardrails.require_word_lists(self._ports.store, model.guardrails)]
            model, more = await self._regrouped(model, changes.model_group_id, principal)
            model = replace(model, model_id=id, last_updated_time=self._ports.clock())
            if changes.rate_limiter is not None:
                steps = [*steps, await self._refilled(id, stored, model)]
            return [Put(KIND, id, model.document(), document.revision), *steps, *more], model

        writes, model = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        inner = model.connector if changes.connector is not None else None
        warnings = () if inner is None else blueprint_warnings(self._ports, inner)
        return Updated(replies.written(INDEX, writes[0], "updated"), warnings)

    async def _refilled(self, id: str, stored: Model, model: Model) -> Step:
        """A change refills. A limit that a loaded model did not have counts what was called in its last period, as recorded:
        a model that was called today and is now limited to one call a day refuses the next one."""
        rate = Rate.of(model.rate_limiter)
        if rate is None or Rate.of(stored.rate_limiter) is not None or stored.model_state not in LOADED_STATES:
            return Remove(buckets.KIND, id)
        used = await self._reports.predicts_within(id, float(rate.capacity / rate.per_ms))
        bucket = Bucket.full(rate, self._ports.clock(), self._ports.new_id(), used, self._ports.node_id)
        return Put(buckets.KIND, id, bucket.document())

    async def _connected(
        self, id: str, stored: Model, changes: ModelChanges, principal: Principal | None
    ) -> tuple[Model, list[Step]]:
        if changes.connector is not None:
            if stored.connector is None:
                raise StatusFault(
                    "Cannot update connector settings for this model. The model was created with a connector_id and "
                    "does not have an inline connector.",
                    400,
                )
            references.require(self._ports, changes.connector.credential, principal)
            connector = await updated_connector(self._ports, stored.connector, changes.connector, KIND, id)
            return replace(stored, connector=connector), list(self._ports.vault.fence())
        if changes.connector_id is not None:
            if stored.connector_id is None:
                raise StatusFault(
                    "This remote does not have a connector_id field, maybe it uses an internal connector.", 400
                )
            text = f"You don't have permission to update the connector, connector id: {changes.connector_id}"
            refused = StatusFault(text, 403)
            document = await standalone(self._ports.store, changes.connector_id, self._access, principal, refused)
            steps: list[Step] = [Require(connectors.KIND, document.id, document.revision)]
            return replace(stored, connector_id=changes.connector_id), steps
        return stored, []

    async def _regrouped(
        self, model: Model, group_id: str | None, principal: Principal | None
    ) -> tuple[Model, list[Step]]:
        """Another group counts a version up (spec/01 2.6); the one where the model is already does not."""
        if not group_id or group_id == model.model_group_id:
            return model, []
        document = await self._ports.store.get(groups.KIND, group_id)
        missing = StatusFault(
            "Failed to find the model group with the provided model group id in the update model input, "
            f"MODEL_GROUP_ID: {group_id}",
            404,
        )
        if document is None:
            raise missing
        caller = self._access.of_models(principal)
        if caller is not None and not Access.of(document.body).allows(caller):
            refused = StatusFault(
                "User Doesn't have privilege to re-link this model to the target model group due to no access to the "
                f"target model group with model group ID {group_id}",
                403,
            )
            raise self._access.refusal(refused, missing)
        group = ModelGroup.of(document.body)
        group = replace(group, latest_version=group.latest_version + 1, last_updated_time=self._ports.clock())
        moved = replace(model, model_group_id=group_id, model_version=str(group.latest_version))
        return moved, [Put(groups.KIND, group_id, group.document(), document.revision)]


def _check_form(changes: ModelChanges) -> None:
    if changes.connector is not None and changes.connector_id is not None:
        raise StatusFault(
            "Model cannot have both stand-alone connector and internal connector. Please check your update input body.",
            400,
        )
    faults = name_faults("Model", "Description", changes.description, required=False)
    faults += name_faults("Model", "Name", changes.name, required=False)
    if faults:
        raise ActionValidation(*faults)


def _values(model: Model, changes: ModelChanges) -> Model:
    """Everything that needs nothing but the two: texts replaced, objects merged key by key."""
    if changes.name is not None:
        model = replace(model, name=changes.name)
    if changes.description is not None:
        model = replace(model, description=changes.description)
    if changes.is_enabled is not None:
        model = replace(model, is_enabled=changes.is_enabled)
    if changes.rate_limiter is not None:
        model = replace(model, rate_limiter=merged(model.rate_limiter, changes.rate_limiter))
    if changes.interface is not None:
        model = replace(model, interface=merged(model.interface, changes.interface))
    if changes.deploy_setting is not None:
        # A time to live that is stored stays when the update names none (spec/02 1.6).
        setting = {"model_ttl_minutes": -1, **merged(model.deploy_setting, changes.deploy_setting)}
        model = replace(model, deploy_setting=setting)
    if changes.guardrails is not None:
        rules = guardrails.normalised(merged(model.guardrails, changes.guardrails))
        guardrails.check(rules)
        model = replace(model, guardrails=rules)
    if changes.model_config is not None:
        config = merged(model.model_config, changes.model_config)
        if (fault := config_fault(config)) is not None:
            raise StatusFault(fault, 400)
        if config.get("normalize_result") is False:  # shown only when true (spec/02 1.3.3)
            del config["normalize_result"]
        model = replace(model, model_config=config)
    return model
