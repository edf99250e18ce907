"""Loading a model: its connector read, its credential opened, everything compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.domain import connector as connectors
from fairlead.domain import model as models
from fairlead.domain.connector import Connector, aws_fault, insecure, insecure_fault, protocol_fault
from fairlead.domain.model import Model
from fairlead.domain.secret import Secret
from fairlead.engine.compiled import CompiledConnector
from fairlead.errors import StatusFault
from fairlead.service.keys import credentials, references
from fairlead.service.ports import Ports
from fairlead.service.snapshot import ReadyModel, Source


def model_id_suffix(id: str, model: Model) -> str:
    """Left out for hidden models (spec/02 0.1)."""
    return "" if model.is_hidden is True else f" Model ID: {id}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A model's connector with its credential in plain; `resource` is the id of the document that holds it."""

    connector: Connector
    credential: Mapping[str, Secret]
    resource: str
    sources: tuple[Source, ...]


async def open_connector(ports: Ports, id: str, model: Model) -> Opened:
    """The connector that the model uses; the internal one wins over a connector id (spec/02 1.3.1). Raises fairlead.errors."""
    connector, kind, resource = model.connector, models.KIND, id
    if connector is None:
        resource, kind = model.connector_id or "", connectors.KIND
        document = await ports.store.get(kind, resource)
        if document is None:
            raise StatusFault(f"Failed to find connector:{resource}", 404)
        connector = Connector.of(document.body)
    # What an older store may hold answers each load with the fault that create would have given (spec/01 1.12).
    if (fault := protocol_fault(connector.protocol) or aws_fault(connector)) is not None:
        raise fault
    if insecure(connector.client_config) and not ports.insecure_tls:  # stored while others could not connect
        raise insecure_fault()
    opened = await credentials.open_sealed(ports.vault, connector, kind, resource)
    plain, sources = await references.resolved(ports, opened)
    return Opened(connector, plain, resource, sources)


async def load_model(ports: Ports, id: str, model: Model) -> ReadyModel:
    """A ready model. Raises fairlead.errors."""
    opened = await open_connector(ports, id, model)
    compiled = CompiledConnector(opened.connector, opened.credential, ports.scripts, opened.resource)
    return ReadyModel(id, model, compiled, sources=opened.sources)
