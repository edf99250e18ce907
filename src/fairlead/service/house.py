"""All services of one process, wired once, and what the process says of itself."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from fairlead.domain.ports import StoreUnavailable
from fairlead.service.connectors import ConnectorService
from fairlead.service.groups import GroupService
from fairlead.service.models import ModelService
from fairlead.service.ports import Ports
from fairlead.service.predict import PredictService
from fairlead.service.search import SearchService
from fairlead.service.settings import SettingsService
from fairlead.service.snapshot import Snapshot
from fairlead.service.tasks import TaskService


@dataclass(frozen=True, slots=True)
class Identity:
    """Names a client sees: `cluster_uuid` is the store's, `mode` is "normal" or "simulate"."""

    name: str
    cluster_name: str
    cluster_uuid: str
    mode: str
    workers: int


class House:
    """The services."""

    def __init__(self, ports: Ports, snapshot: Snapshot, identity: Identity) -> None:
        self.ports = ports
        self.snapshot = snapshot
        self.identity = identity
        self.connectors = ConnectorService(ports, snapshot)
        self.groups = GroupService(ports)
        self.models = ModelService(ports, snapshot, self.groups)
        self.tasks = TaskService(ports)
        self.settings = SettingsService(ports, snapshot)
        self.search = SearchService(ports)
        self.predict = PredictService(ports, snapshot, self.models)

    async def refresh(self) -> None:
        """Takes in what other workers wrote, so that a caller who changed something through one is understood by all."""
        with contextlib.suppress(StoreUnavailable):  # whatever needs the store says so itself
            await self.snapshot.catch_up()

    async def store_problem(self) -> str | None:
        """What keeps the store from answering, or None."""
        try:
            await self.ports.store.revision()
        except StoreUnavailable as fault:
            return str(fault)
        return None
