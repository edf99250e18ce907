"""Connectors: create, read, update, delete, with every check in the original's order (spec/01 1.5, 1.12-1.15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fairlead.domain import model as models
from fairlead.domain.connector import (
    INDEX,
    KIND,
    MCP_PROTOCOLS,
    Action,
    ClientConfig,
    Connector,
    aws_fault,
    header_fault,
    protocol_fault,
)
from fairlead.domain.model import Model
from fairlead.domain.names import name_faults
from fairlead.domain.ports import Document, Json, Put, Remove
from fairlead.domain.secret import Secret
from fairlead.engine.parameters import Parameters
from fairlead.engine.url import UrlTemplate
from fairlead.errors import ActionValidation, IllegalArgument, StatusFault
from fairlead.service import credentials, replies
from fairlead.service.changes import Batch, commit
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

DRY_RUN_ID = "dryRunConnector"
_SHOWN_USERS = 10


@dataclass(frozen=True, slots=True)
class ConnectorFields:
    """A connector as a request gives it; None is what the request does not name."""

    name: str | None = None
    description: str | None = None
    version: str | None = None
    protocol: str | None = None
    parameters: Mapping[str, str] | None = None
    credential: Mapping[str, Secret] | None = None
    actions: tuple[Action, ...] | None = None
    client_config: ClientConfig | None = None
    access_mode: str | None = None
    backend_roles: tuple[str, ...] | None = None
    add_all_backend_roles: bool | None = None
    dry_run: bool = False
    provisioned_by: str | None = None
    url: str | None = None
    headers: Mapping[str, str] | None = None


def not_found(id: str) -> StatusFault:
    return StatusFault(f"Failed to find connector with the provided connector id: {id}", 404)


def check_endpoints(ports: Ports, connector: Connector) -> None:
    """Every action's URL, filled with the connector's own parameters, must be trusted (spec/01 1.11)."""
    owned = dict(connector.parameters or {})
    for action in connector.actions or ():
        ports.policy().check_trusted(UrlTemplate(action.url, owned).render(Parameters(owned, {})))
    if connector.protocol in MCP_PROTOCOLS and connector.url is not None:
        ports.policy().check_trusted(connector.url)


def require_remote_inference(snapshot: Snapshot) -> None:
    if not snapshot.settings["remote_inference.enabled"]:
        raise StatusFault(
            "Remote Inference is currently disabled. To enable it, update the setting "
            '"plugins.ml_commons.remote_inference_enabled" to true.',
            400,
        )


class ConnectorService:
    """Standalone connectors."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot

    async def create(self, fields: ConnectorFields) -> str:
        """The new id, or that of a dry run, which checks form only and writes nothing."""
        self._check_texts(fields, creating=True)
        protocol = fields.protocol or "http"
        if (fault := header_fault(protocol, fields.actions)) is not None:
            raise fault
        if protocol == "mcp_sse" and not self._snapshot.settings["mcp_connector_enabled"]:
            raise StatusFault(
                "The MCP connector is not enabled. To enable, please update the setting "
                "plugins.ml_commons.mcp_connector_enabled",
                400,
            )
        if fields.dry_run:
            return DRY_RUN_ID
        now = self._ports.clock()
        mcp = protocol in MCP_PROTOCOLS
        connector = Connector(
            protocol,
            fields.name,
            fields.version,
            fields.description,
            fields.parameters or {},
            actions=fields.actions,
            client_config=fields.client_config,
            provisioned_by=fields.provisioned_by,
            created_time=now,
            last_updated_time=now,
            url=fields.url if mcp else None,
            headers=fields.headers if mcp else None,
        )
        credential = fields.credential or {}
        if (fault := aws_fault(connector, frozenset(credential))) is not None:
            raise fault
        if connector.actions is None and not mcp:
            raise IllegalArgument("No actions configured for this connector")
        check_endpoints(self._ports, connector)
        self._check_access(fields)
        id = self._ports.new_id()
        sealed = await credentials.seal(self._ports.vault, credential, connector, KIND, id)
        stored = replace(connector, credential=sealed)

        async def prepare() -> tuple[Batch, None]:
            return [Put(KIND, id, stored.document(), 0)], None

        await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return id

    async def get(self, id: str) -> Connector:
        return Connector.of((await self._document(id)).body)

    async def update(self, id: str, fields: ConnectorFields) -> Json:
        """Merges, checks the result like a new connector, and takes effect on loaded models at once."""
        self._check_texts(fields, creating=False)

        async def prepare() -> tuple[Batch, None]:
            document = await self._document(id)
            merged = await self._merged(id, Connector.of(document.body), fields)
            return [Put(KIND, id, merged.document(), document.revision)], None

        [write], _ = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return replies.written(INDEX, write, "updated")

    async def delete(self, id: str) -> Json:
        await self._require_index()

        async def prepare() -> tuple[Batch, None]:
            users = await self._users(id)
            if users:
                raise StatusFault(
                    f"{len(users)} models are still using this connector, please delete or update the models first: "
                    f"[{', '.join(users)}]",
                    409,
                )
            return [Remove(KIND, id)], None

        [write], _ = await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()
        return replies.written(INDEX, write, "deleted" if write.existed else "not_found")

    async def _merged(self, id: str, stored: Connector, fields: ConnectorFields) -> Connector:
        merged = merge(stored, fields, self._ports.clock())
        if (fault := protocol_fault(merged.protocol)) is not None:
            raise fault
        names = frozenset(stored.credential) | frozenset(fields.credential or {})
        fault = (header_fault(merged.protocol, fields.actions) if fields.actions else None) or aws_fault(merged, names)
        if fault is not None:
            raise fault
        check_endpoints(self._ports, merged)
        self._check_access(fields)
        return await resealed(self._ports, stored, merged, fields.credential or {}, KIND, id)

    async def _document(self, id: str) -> Document:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            await self._require_index()
            raise not_found(id)
        return document

    async def _require_index(self) -> None:
        if not await self._ports.store.known(KIND):
            raise StatusFault("Failed to find connector", 404)

    async def _users(self, id: str) -> list[str]:
        documents = await self._ports.store.all(models.KIND)
        return [document.id for document in documents if Model.of(document.body).connector_id == id][:_SHOWN_USERS]

    def _check_texts(self, fields: ConnectorFields, *, creating: bool) -> None:
        what = "Model connector"
        faults = []
        if creating:
            faults += name_faults(what, "provisioned_by field", fields.provisioned_by, required=False)
        faults += name_faults(what, "description", fields.description, required=False)
        named = (creating and not fields.dry_run) or (not creating and fields.name is not None)
        faults += name_faults(what, "name", fields.name, required=named)
        if faults:
            raise ActionValidation(*faults)

    def _check_access(self, fields: ConnectorFields) -> None:
        if fields.access_mode is not None or fields.add_all_backend_roles is not None or fields.backend_roles:
            raise IllegalArgument(
                "You cannot specify connector access control parameters because the Security plugin or connector "
                "access control is disabled on your cluster."
            )


def merge(stored: Connector, fields: ConnectorFields, now: int) -> Connector:
    """The merge rules of spec/01 1.12: texts and lists replaced, parameters merged by key, the rest kept."""
    return replace(
        stored,
        name=stored.name if fields.name is None else fields.name,
        description=stored.description if fields.description is None else fields.description,
        version=stored.version if fields.version is None else fields.version,
        protocol=stored.protocol if fields.protocol is None else fields.protocol,
        parameters={**(stored.parameters or {}), **fields.parameters} if fields.parameters else stored.parameters,
        actions=stored.actions if fields.actions is None else fields.actions,
        client_config=stored.client_config if fields.client_config is None else fields.client_config,
        last_updated_time=now,
    )


async def resealed(
    ports: Ports, stored: Connector, merged: Connector, given: Mapping[str, Secret], kind: str, resource: str
) -> Connector:
    """`merged` with its credential: what is given is sealed, the rest kept if it goes nowhere it did not go (T-07)."""
    kept = {name: text for name, text in stored.credential.items() if name not in given}
    before, after = credentials.origins(stored), credentials.origins(merged)
    if kept and not set(after) <= set(before):
        names = ", ".join(sorted(kept))
        raise IllegalArgument(
            "The update moves the connector to another host, and its credential is bound to the old one: "
            f"send the credential again [{names}]"
        )
    plain = dict(given)
    if kept and after != before:
        opened = await credentials.open_sealed(ports.vault, replace(stored, credential=kept), kind, resource)
        kept, plain = {}, {**opened, **given}
    sealed = await credentials.seal(ports.vault, plain, merged, kind, resource) if plain else {}
    return replace(merged, credential={**kept, **sealed})
