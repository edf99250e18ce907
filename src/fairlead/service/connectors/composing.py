"""A connector from what a request gives: a new one, or a stored one with an update merged in; checked, and sealed at last.

It reads and writes no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fairlead.domain.connector import (
    KIND,
    MCP_PROTOCOLS,
    Connector,
    aws_fault,
    header_fault,
    insecure,
    insecure_fault,
    protocol_fault,
)
from fairlead.domain.names import name_faults
from fairlead.domain.secret import Secret
from fairlead.engine.parameters import Parameters
from fairlead.engine.url import UrlTemplate
from fairlead.errors import ActionValidation, IllegalArgument
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.keys import credentials
from fairlead.service.ports import Ports


def check_texts(fields: ConnectorFields, *, creating: bool) -> None:
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
    check_texts(fields, creating=True)
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
