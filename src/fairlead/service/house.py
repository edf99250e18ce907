"""All services of one process, wired once, and what the process says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fairlead.domain import word_list
from fairlead.domain.audit import Audit, NoAudit
from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.domain.model import Model
from fairlead.domain.ports import Json, KeyProblem, StoreUnavailable
from fairlead.security.server_tls import ServerTls
from fairlead.service.batches.batches import BatchService
from fairlead.service.batches.dead_letters import DeadLetters
from fairlead.service.batches.jobs import BatchJobs
from fairlead.service.batches.poller import BatchPoller
from fairlead.service.calls.calling import Caller
from fairlead.service.connectors.service import ConnectorService
from fairlead.service.controllers import ControllerService
from fairlead.service.counts.board import Board
from fairlead.service.counts.meter import Meter
from fairlead.service.counts.metrics import MetricsService
from fairlead.service.counts.profile import ProfileService
from fairlead.service.counts.reports import CALL_KIND, Reports
from fairlead.service.counts.stats import StatsService
from fairlead.service.counts.usage import BatchCounts, Recorder
from fairlead.service.groups import GroupService
from fairlead.service.guards.guard import Guard, compile_guard
from fairlead.service.guards.known_words import KnownWords
from fairlead.service.keys.references import ReferenceWatch
from fairlead.service.keys.upkeep import KeyUpkeep
from fairlead.service.limits.ledger import Ledger
from fairlead.service.limits.limits import Limits
from fairlead.service.models.deployment import DeploymentService
from fairlead.service.models.models import ModelService
from fairlead.service.models.registration import RegistrationService
from fairlead.service.models.update import ModelUpdateService
from fairlead.service.pacing import end_job, keep_running
from fairlead.service.ports import Ports
from fairlead.service.predict import PredictService
from fairlead.service.search import SearchService
from fairlead.service.security.service import SecurityService
from fairlead.service.settings import SettingsService
from fairlead.service.snapshot import Snapshot
from fairlead.service.sync_up import SyncUpJob
from fairlead.service.tasks import TaskService
from fairlead.service.word_lists import WordListService

GUARDS_AT_ONCE = 4
"""Threads for guardrails over long texts and slow patterns."""
STORE_SECONDS = 2.0
"""How long the end of a job may take, all of which is to write to the store."""

log = logging.getLogger("fairlead.jobs")


@dataclass(frozen=True, slots=True)
class Identity:
    """Names a client sees: `cluster_uuid` is the store's, `mode` is "normal" or "simulate"."""

    name: str
    cluster_name: str
    cluster_uuid: str
    mode: str
    workers: int


class House:
    """The services. `board` is what the workers of this node show each other; `memory` gives the percentage of the machine's memory that this worker takes; without `security`
    every caller may do everything."""

    def __init__(
        self,
        ports: Ports,
        snapshot: Snapshot,
        identity: Identity,
        memory: Callable[[], int] = lambda: 0,
        security: SecurityService | None = None,
        audit: Audit | None = None,
        tls: ServerTls | None = None,
        board: Board | None = None,
    ) -> None:
        worker_id = ports.new_id()
        self._memory = memory
        self.ports = ports
        self.snapshot = snapshot
        self.identity = identity
        self.security = security
        self.audit: Audit = audit or NoAudit()
        self.tls = tls
        self.connectors = ConnectorService(ports, snapshot)
        self.groups = GroupService(ports, snapshot)
        self.recorder = Recorder(ports.clock, ports.monotonic)
        self.meter = Meter()
        self.metrics = MetricsService(ports, snapshot, self.recorder, self.meter, board)
        ledger = Ledger(ports.store, worker_id, ports.clock, ports.new_id, ports.node_id)
        self.limits = Limits(ledger, snapshot, identity.workers, ports.monotonic)
        self.word_lists = WordListService(ports, snapshot)
        self._words = KnownWords()
        self._guarding = ThreadPoolExecutor(GUARDS_AT_ONCE, "fairlead-guard")
        snapshot.follow_whole(word_list.KIND, self._words.take)
        snapshot.guard_of = self._guard_of
        self.models = ModelService(ports, snapshot)
        self.controllers = ControllerService(ports, snapshot)
        self.registrations = RegistrationService(ports, snapshot, self.groups, self.recorder)
        self.deployments = DeploymentService(ports, snapshot, self.models, self.recorder)
        self.tasks = TaskService(ports)
        self.settings = SettingsService(ports, snapshot)
        self.search = SearchService(ports, snapshot)
        self.predict = PredictService(
            ports, snapshot, self.models, self.deployments, self.recorder, self.limits, self.meter
        )
        caller = Caller(ports, lambda: int(snapshot.settings["max_json_size"]), ports.audit, self.meter)
        letters, jobs = DeadLetters(ports, caller), BatchJobs(ports, snapshot, caller)
        starts = PredictService(
            ports, snapshot, self.models, self.deployments, BatchCounts(self.recorder), self.limits, self.meter
        )
        self.batches = BatchService(ports, snapshot, starts, self.tasks, jobs, letters)
        self.batch_poller = BatchPoller(ports, snapshot, jobs, letters, worker_id)
        self.reports = Reports(
            ports.store, self.recorder, ports.node_id, worker_id, ports.clock, ports.monotonic, self._gauges
        )
        self.model_updates = ModelUpdateService(ports, snapshot, self.reports)
        self.stats = StatsService(ports, snapshot, self.reports)
        self.profile = ProfileService(ports, snapshot, self.reports)
        self.sync_up = SyncUpJob(ports, snapshot, self.deployments, self.reports, worker_id)
        self.key_upkeep = None if ports.keys is None else KeyUpkeep(ports, ports.keys, snapshot, worker_id)
        snapshot.follow_kind(CALL_KIND, self.reports.take_call)
        snapshot.on_settings.append(self._settings_changed)
        snapshot.on_model_gone.append(self.recorder.forget)

    async def run_jobs(self) -> None:
        """What a worker does by itself beside answering; runs until cancelled."""
        jobs: dict[str, Callable[[], Awaitable[None]]] = {
            "sharing counts": self.reports.run,
            "the sync-up job": self.sync_up.run,
            "the poller of batch jobs": self.batch_poller.run,
            "tending limits": self.limits.run,
            "showing metrics": self.metrics.run,
        }
        if self.key_upkeep is not None:
            jobs["the upkeep of keys"] = self.key_upkeep.run
        if self.ports.references is not None:
            jobs["the watch over referenced secrets"] = ReferenceWatch(self.ports, self.snapshot).run
        if self.security is not None:
            jobs |= self.security.jobs()
        await asyncio.gather(*(keep_running(name, run, log) for name, run in jobs.items()))

    async def stop_jobs(self) -> None:
        """After they were cancelled: what others have to know of it. All at once, and bounded: none waits for another that
        the store or a provider keeps from ending."""
        ends: dict[str, Callable[[], Awaitable[None]]] = {
            "showing metrics": self._show_metrics,
            "the limits' slices": self.limits.stop,
            "the sync-up job": self.sync_up.stop,
            "the poller of batch jobs": self.batch_poller.stop,
        }
        if self.security is not None:
            ends["the last uses of API keys"] = self.security.save_uses
        if self.key_upkeep is not None:
            ends["the upkeep of keys"] = self.key_upkeep.stop
        work = [end_job(name, end, STORE_SECONDS, log) for name, end in ends.items()]
        await asyncio.gather(self._stop_counting(), *work)

    async def _show_metrics(self) -> None:
        self.metrics.show()

    async def _stop_counting(self) -> None:
        await self.batches.stop()  # those that are started meanwhile count; it bounds itself
        await end_job("the last report", self.reports.stop, STORE_SECONDS, log)

    def _guard_of(self, id: str, model: Model) -> Guard | None:
        return compile_guard(id, model.guardrails, self._words, self._guarding)

    def _settings_changed(self, settings: ClusterSettings) -> None:
        self.recorder.resize(settings["monitoring_request_count"])

    def _gauges(self) -> Json:
        return {"memory": self._memory(), "deployed": len(self.snapshot.ready)}

    async def refresh(self) -> None:
        """Takes in what other workers wrote, so that a caller who changed something through one is understood by all."""
        with contextlib.suppress(StoreUnavailable):  # whatever needs the store says so itself
            await self.snapshot.catch_up()

    async def key_problem(self) -> KeyProblem | None:
        """What the keys of the stored credentials lack, counted now; None when nothing does."""
        keys = self.ports.keys
        if keys is None or keys.problem is None:
            return None
        with contextlib.suppress(StoreUnavailable):
            await keys.recount()
        return keys.problem

    async def store_problem(self) -> str | None:
        """What keeps the store from answering, or None."""
        try:
            await self.ports.store.revision()
        except StoreUnavailable as fault:
            return str(fault)
        return None
