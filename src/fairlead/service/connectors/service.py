"""Connectors: create, read, update, delete, with every check in the original's order (spec/01 1.5, 1.12-1.15)."""

from __future__ import annotations

from dataclasses import replace

from fairlead.domain import model as models
from fairlead.domain.access import Access, Asked, check_connector_change, connector_grant, owner_document
from fairlead.domain.chosen_id import check_chosen, taken
from fairlead.domain.connector import INDEX, KIND, MCP_PROTOCOLS, Connector
from fairlead.domain.model import HELD_STATES, ModelState
from fairlead.domain.ports import Document, Json, Put, Remove, Require, Step, Store
from fairlead.domain.principal import Principal
from fairlead.errors import FairleadError, IllegalArgument, StatusFault
from fairlead.service import replies
from fairlead.service.access import AccessControl
from fairlead.service.changes import Batch, commit
from fairlead.service.connectors.composing import (
    check_endpoints,
    check_form,
    check_texts,
    new_connector,
    updated_connector,
)
from fairlead.service.connectors.fields import ConnectorFields, Created, Updated
from fairlead.service.connectors.warnings import blueprint_warnings
from fairlead.service.keys import credentials, references
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

DRY_RUN_ID = "dryRunConnector"
_ID = "connector id"
_SHOWN_USERS = 10


def not_found(id: str) -> StatusFault:
    return StatusFault(f"Failed to find connector with the provided connector id: {id}", 404)


async def standalone(
    store: Store, id: str, access: AccessControl, principal: Principal | None, refused: FairleadError
) -> Document:
    """A connector that a model may name: it exists, is no MCP connector and has an action (spec/02 1.3.2-3).

    Raises `refused` when the caller may not use it (S-24, S-25).
    """
    document = await store.get(KIND, id)
    caller = access.of_connectors(principal)
    if document is not None and caller is not None and not Access.of(document.body).allows(caller):
        raise access.refusal(refused, not_found(id))
    if document is None and caller is not None and await store.known(KIND):
        raise not_found(id)
    if document is None:
        known = await store.known(KIND)
        raise StatusFault(f"Failed to find connector:{id}" if known else "Failed to find connector", 404)
    connector = Connector.of(document.body)
    if connector.protocol in MCP_PROTOCOLS:
        raise IllegalArgument(f"Cannot Create a Model from MCP Connector: {id}")
    if not connector.actions:  # an index error in the original (spec/01 1.5 #13)
        raise IllegalArgument("No actions configured for this connector")
    return document


class ConnectorService:
    """Standalone connectors."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._access = AccessControl(snapshot)

    async def create(self, fields: ConnectorFields, principal: Principal | None = None) -> Created:
        """The new id (of `Created`), or that of a dry run, which checks form only and writes nothing."""
        check_form(fields)
        chosen = fields.connector_id
        if chosen is not None:
            check_chosen(_ID, chosen)
        if fields.protocol == "mcp_sse" and not self._snapshot.settings["mcp_connector_enabled"]:
            raise StatusFault(
                "The MCP connector is not enabled. To enable, please update the setting "
                "plugins.ml_commons.mcp_connector_enabled",
                400,
            )
        if fields.dry_run:
            return Created(DRY_RUN_ID)
        connector = new_connector(fields, self._ports.clock())
        credential = fields.credential or {}
        check_endpoints(self._ports, connector)
        caller = self._access.of_connectors(principal)
        if caller is None:
            _refuse_access(fields.asked)
        else:
            grant = connector_grant(caller, fields.asked)
            connector = replace(connector, access=grant.access, backend_roles=grant.backend_roles, owner=grant.owner)
        references.require(self._ports, credential, principal)
        id = self._ports.new_id() if chosen is None else chosen

        async def prepare() -> tuple[Batch, Connector]:
            if chosen is not None and await self._ports.store.get(KIND, chosen) is not None:
                raise taken(_ID, chosen)
            sealed = await credentials.seal(self._ports.vault, credential, connector, KIND, id)
            stored = replace(connector, credential=sealed)
            return [Put(KIND, id, stored.document(), 0), *self._ports.vault.fence()], stored

        _, stored = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return Created(id, blueprint_warnings(self._ports, stored))

    async def get(self, id: str, principal: Principal | None = None) -> Connector:
        document = await self._document(id)
        caller = self._access.of_connectors(principal)
        if caller is not None and not Access.of(document.body).allows(caller):
            refused = StatusFault("You don't have permission to access this connector", 403)
            raise self._access.refusal(refused, not_found(id))
        return Connector.of(document.body)

    async def update(self, id: str, fields: ConnectorFields, principal: Principal | None = None) -> Updated:
        """Merges, checks the result like a new connector, and takes effect on loaded models at once."""
        check_texts(fields, creating=False)

        async def prepare() -> tuple[Batch, Connector]:
            document = await self._document(id)
            seen = await self._ports.store.revision()
            stored = self._with_access(id, Connector.of(document.body), fields.asked, principal)
            references.require(self._ports, fields.credential, principal)
            merged = await updated_connector(self._ports, stored, fields, KIND, id)
            if self._access.of_connectors(principal) is None:
                _refuse_access(fields.asked)
            batch: list[Step] = [Put(KIND, id, merged.document(), document.revision), *self._ports.vault.fence()]
            if self._snapshot.settings["fairlead.compat.refuse_update_of_deployed_connectors"]:
                users = await self._users(id, HELD_STATES)
                if users:
                    raise StatusFault(
                        f"{len(users)} models are still using this connector, please undeploy the models first: "
                        f"[{', '.join(users)}]",
                        400,
                    )
                batch.append(Require(models.KIND, None, seen))
            return batch, merged

        writes, merged = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return Updated(replies.written(INDEX, writes[0], "updated"), blueprint_warnings(self._ports, merged))

    def _with_access(self, id: str, stored: Connector, asked: Asked, principal: Principal | None) -> Connector:
        """The stored connector with the access lists that the update names, once the caller may update it (spec/01 1.12)."""
        caller = self._access.of_connectors(principal)
        if caller is None:
            return stored
        access = Access.of(stored.shown())
        refused = IllegalArgument(f"You don't have permission to update the connector, connector id: {id}")
        self._check_change(id, access, caller, refused)
        check_connector_change(caller, access, asked)
        return replace(
            stored,
            access=asked.mode or stored.access,
            backend_roles=stored.backend_roles if asked.backend_roles is None else asked.backend_roles,
            owner=owner_document(caller) if asked.given and stored.owner is None else stored.owner,
        )

    def _check_change(self, id: str, access: Access, caller: Principal, refused: FairleadError) -> None:
        if not access.allows_change(caller, public_is_read_only=self._access.public_is_read_only):
            raise refused if access.allows(caller) else self._access.refusal(refused, not_found(id))

    async def delete(self, id: str, principal: Principal | None = None) -> Json:
        await self._require_index()

        async def prepare() -> tuple[Batch, None]:
            caller = self._access.of_connectors(principal)
            checks = []
            if caller is not None and not caller.admin:
                document = await self._document(id)
                refused = StatusFault("You are not allowed to delete this connector", 403)  # 500 in the original
                self._check_change(id, Access.of(document.body), caller, refused)
                checks = [Require(KIND, id, document.revision)]
            seen = await self._ports.store.revision()
            users = await self._users(id)
            if users:
                raise StatusFault(
                    f"{len(users)} models are still using this connector, please delete or update the models first: "
                    f"[{', '.join(users)}]",
                    409,
                )
            # A model that is registered meanwhile must not be left without its connector.
            return [*checks, Require(models.KIND, None, seen), Remove(KIND, id)], None

        [*_, write], _ = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return replies.written(INDEX, write, "deleted" if write.existed else "not_found")

    async def _document(self, id: str) -> Document:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            await self._require_index()
            raise not_found(id)
        return document

    async def _require_index(self) -> None:
        if not await self._ports.store.known(KIND):
            raise StatusFault("Failed to find connector", 404)

    async def _users(self, id: str, states: frozenset[ModelState] = frozenset(ModelState)) -> list[str]:
        documents = await self._ports.store.all(models.KIND)
        using = (document for document in documents if document.body.get("connector_id") == id)
        return [document.id for document in using if document.body["model_state"] in states][:_SHOWN_USERS]


def _refuse_access(asked: Asked) -> None:
    """While nobody's rights count, nobody can set any (spec/01 3.2)."""
    if asked.given:
        raise IllegalArgument(
            "You cannot specify connector access control parameters because the Security plugin or connector "
            "access control is disabled on your cluster."
        )
