"""Connectors: create, read, update, delete, with every check in the original's order (spec/01 1.5, 1.12-1.15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fairlead.domain import model as models
from fairlead.domain.access import Access, Asked, check_connector_change, connector_grant, owner_document
from fairlead.domain.chosen_id import check_chosen, taken
from fairlead.domain.connector import (
    INDEX,
    KIND,
    MCP_PROTOCOLS,
    Action,
    ClientConfig,
    Connector,
    aws_fault,
    header_fault,
    insecure,
    insecure_fault,
    protocol_fault,
)
from fairlead.domain.model import HELD_STATES, ModelState
from fairlead.domain.names import name_faults
from fairlead.domain.ports import Document, Json, Put, Remove, Require, Step, Store
from fairlead.domain.principal import Principal
from fairlead.domain.secret import Secret
from fairlead.engine.functions.post import POST_FUNCTIONS
from fairlead.engine.functions.pre import PRE_FUNCTIONS
from fairlead.engine.parameters import Parameters
from fairlead.engine.scripts import has_placeholders
from fairlead.engine.url import UrlTemplate
from fairlead.errors import ActionValidation, FairleadError, IllegalArgument, ScriptFault, StatusFault
from fairlead.security.redaction import CREDENTIAL_NAMES
from fairlead.service import replies
from fairlead.service.access import AccessControl
from fairlead.service.changes import Batch, commit
from fairlead.service.keys import credentials, references
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

DRY_RUN_ID = "dryRunConnector"
_ID = "connector id"
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
    connector_id: str | None = None

    @property
    def asked(self) -> Asked:
        return Asked(self.access_mode, self.backend_roles, self.add_all_backend_roles)


@dataclass(frozen=True, slots=True)
class Created:
    """The id of a new connector, and what its author should know although it was stored."""

    id: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """The reply to an update, and warnings as in `Created`."""

    reply: Json
    warnings: tuple[str, ...] = ()


def not_found(id: str) -> StatusFault:
    return StatusFault(f"Failed to find connector with the provided connector id: {id}", 404)


def check_endpoints(ports: Ports, connector: Connector) -> None:
    """Every action's URL, filled with the connector's own parameters, must be trusted (spec/01 1.11), and who answers
    there must be asked for a certificate (spec/06 14.3)."""
    if insecure(connector.client_config) and not ports.insecure_tls:
        raise insecure_fault()
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


_FUNCTIONS = (("pre_process_function", frozenset(PRE_FUNCTIONS)), ("post_process_function", frozenset(POST_FUNCTIONS)))


def script_warnings(ports: Ports, connector: Connector) -> tuple[str, ...]:
    """One sentence for each script that cannot compile, naming action and function; predicts will fail on it.

    A function with placeholders is known at run time only (spec/04 section 1).
    """
    found = []
    for action in connector.actions or ():
        for label, built_in in _FUNCTIONS:
            text = getattr(action, label)
            if text is None or not text.strip() or has_placeholders(text) or text in built_in:
                continue
            try:
                ports.scripts.compile(text)
            except ScriptFault as fault:
                reason = (fault.cause or fault).reason
                found.append(f"{label} of action [{action.name or action.action_type}] does not compile: {reason}")
    return tuple(found)


def blueprint_warnings(ports: Ports, connector: Connector) -> tuple[str, ...]:
    """What its author should know although it is stored: scripts that fail, and secrets in plain sight (T-09)."""
    return (*script_warnings(ports, connector), *literal_credentials(connector))


def literal_credentials(connector: Connector) -> tuple[str, ...]:
    """One sentence for each header of a credential's name that holds a text of its own: it is stored and shown as it is."""
    return tuple(
        f"header [{name}] of action [{action.name or action.action_type}] holds its value in plain sight: "
        "put it into credential and write ${credential.name}"
        for action in connector.actions or ()
        for name, value in (action.headers or {}).items()
        if name.lower() in CREDENTIAL_NAMES and "${" not in value
    )


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


def _check_texts(fields: ConnectorFields, *, creating: bool) -> None:
    what = "Model connector"
    faults = []
    if creating:
        faults += name_faults(what, "provisioned_by field", fields.provisioned_by, required=False)
    faults += name_faults(what, "description", fields.description, required=False)
    named = (creating and not fields.dry_run) or (not creating and fields.name is not None)
    faults += name_faults(what, "name", fields.name, required=named)
    if faults:
        raise ActionValidation(*faults)


def check_form(fields: ConnectorFields) -> None:
    """What can be said of a new connector's texts and headers before anything else (spec/01 1.5 #11)."""
    _check_texts(fields, creating=True)
    if (fault := header_fault(fields.protocol or "http", fields.actions)) is not None:
        raise fault


def new_connector(fields: ConnectorFields, now: int | None = None) -> Connector:
    """A connector without its credential, once its pieces are all there (spec/01 1.5 #12, #13)."""
    protocol = fields.protocol or "http"
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
    if (fault := aws_fault(connector, frozenset(fields.credential or {}))) is not None:
        raise fault
    if connector.actions is None and not mcp:
        raise IllegalArgument("No actions configured for this connector")
    return connector


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
        _check_texts(fields, creating=False)

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


async def updated_connector(
    ports: Ports, stored: Connector, fields: ConnectorFields, kind: str, resource: str
) -> Connector:
    """`stored` with the update merged in, checked like a new one and sealed, for document `resource` of `kind`."""
    merged = merge(stored, fields, ports.clock() if kind == KIND else None)
    if (fault := protocol_fault(merged.protocol)) is not None:
        raise fault
    names = frozenset(stored.credential) | frozenset(fields.credential or {})
    fault = (header_fault(merged.protocol, fields.actions) if fields.actions else None) or aws_fault(merged, names)
    if fault is not None:
        raise fault
    check_endpoints(ports, merged)
    return await resealed(ports, stored, merged, fields.credential or {}, kind, resource)


def merge(stored: Connector, fields: ConnectorFields, now: int | None) -> Connector:
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
        last_updated_time=stored.last_updated_time if now is None else now,
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
    sealed = await credentials.seal(ports.vault, plain, merged, kind, resource)
    return replace(merged, credential={**kept, **sealed})
