"""Loading a model: its connector read, its credential opened, everything compiled."""

from __future__ import annotations

from fairlead.domain import connector as connectors
from fairlead.domain import model as models
from fairlead.domain.connector import Connector, aws_fault, insecure, insecure_fault, protocol_fault
from fairlead.domain.model import Model
from fairlead.engine.compiled import CompiledConnector
from fairlead.errors import StatusFault
from fairlead.service import credentials, references
from fairlead.service.ports import Ports
from fairlead.service.snapshot import ReadyModel


def model_id_suffix(id: str, model: Model) -> str:
    """Left out for hidden models (spec/02 0.1)."""
    return "" if model.is_hidden is True else f" Model ID: {id}"


async def load_model(ports: Ports, id: str, model: Model) -> ReadyModel:
    """A ready model; the internal connector wins over a connector id (spec/02 1.3.1). Raises fairlead.errors."""
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
    return ReadyModel(id, model, CompiledConnector(connector, plain, ports.scripts, resource), sources=sources)
