"""The sync-up job: idle models are undeployed, models that cannot be loaded are marked, old tasks end or go (spec/02 1.10).

One worker of all nodes does it at a time, by lease. It answers no request.
"""

from __future__ import annotations

import logging
from functools import partial

from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.domain.model import HELD_STATES, Model
from fairlead.domain.ports import StoreUnavailable
from fairlead.service import tasks
from fairlead.service.counts.reports import Reports, drop_dead_nodes
from fairlead.service.lease import Lease
from fairlead.service.models.deployment import DeploymentService
from fairlead.service.pacing import Pace, run_rounds
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

log = logging.getLogger("fairlead.sync_up")

_INTERVAL = "sync_up_job_interval_in_seconds"
_LEASE_ROUNDS = 3
_LEAST_LEASE_SECONDS = 5
_CLEAN_MILLISECONDS = 600_000
"""How often reports of nodes that are gone are looked for."""


class SyncUpJob:
    """Runs in every worker; works in the one that holds the lease."""

    def __init__(
        self, ports: Ports, snapshot: Snapshot, deployments: DeploymentService, reports: Reports, worker_id: str
    ) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._deployments = deployments
        self._reports = reports
        self._lease = Lease(ports.store, "sync_up", worker_id, ports.clock, ports.monotonic)
        self._cleaned = 0
        self._pace = Pace(self._snapshot.settings[_INTERVAL])
        snapshot.on_settings.append(self._take_interval)

    async def run(self) -> None:
        """Until cancelled."""
        await run_rounds("the sync-up job", self._pace, self._round_if_held, log)

    async def _round_if_held(self) -> None:
        if await self._lease.hold(int(max(_LEAST_LEASE_SECONDS, self._pace.seconds * _LEASE_ROUNDS)) * 1000):
            await self.round()

    async def stop(self) -> None:
        """Another worker may take over at once."""
        try:
            await self._lease.release()
        except StoreUnavailable:
            log.warning("the store cannot be reached; the sync-up job's lease runs out by itself")

    async def round(self) -> None:
        """Everything there is to do now."""
        now, settings = self._ports.clock(), self._snapshot.settings
        await self._snapshot.catch_up()
        await self._undeploy_idle(now)
        await self._mark_unloadable()
        await tasks.end_overdue(self._ports.store, settings["ml_task_timeout_in_seconds"], now)
        await tasks.prune(self._ports.store, settings["fairlead.tasks.retention_days"], now)
        if now - self._cleaned >= _CLEAN_MILLISECONDS:
            self._cleaned = now
            await drop_dead_nodes(self._ports.store, now)

    async def _undeploy_idle(self, now: int) -> None:
        """A model whose time to live passed since its last deploy or predict anywhere; 0 = at the next round."""
        mortal = [ready for ready in self._snapshot.ready.values() if ready.model.time_to_live is not None]
        if not mortal:
            return
        used = await self._reports.last_used()

        def in_use(id: str, model: Model) -> bool:
            since = max(used.get(id, 0), model.last_deployed_time or 0)
            lifetime = model.time_to_live
            return model.model_state not in HELD_STATES or lifetime is None or now - since < lifetime * 60_000

        for ready in mortal:
            if in_use(ready.id, ready.model):
                continue
            await self._deployments.force_undeployed(ready.id, partial(in_use, ready.id))
            log.info("model %s was idle and is undeployed", ready.id)
        await self._snapshot.catch_up()

    async def _mark_unloadable(self) -> None:
        """Deployed by the store's word, and not loaded here: loaded now, or DEPLOY_FAILED."""
        for id in list(self._snapshot.lost):
            await self._deployments.redeploy(id)

    def _take_interval(self, settings: ClusterSettings) -> None:
        self._pace.set(settings[_INTERVAL])
