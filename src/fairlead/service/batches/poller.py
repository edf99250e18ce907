"""Asks the providers of running batch jobs how they are, and delivers dead letters, without anybody reading a task.

One worker of all nodes does it at a time, by lease; another takes over when it dies. It answers no request.
"""

from __future__ import annotations

import asyncio
import logging

from fairlead.domain import dead_letter
from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.domain.ports import Document, StoreUnavailable
from fairlead.domain.task import Task, TaskState
from fairlead.engine import remote_job
from fairlead.engine.retry import retry_after
from fairlead.errors import FairleadError, StatusFault, Unavailable
from fairlead.service.batches.dead_letters import DeadLetters
from fairlead.service.batches.jobs import BatchJobs
from fairlead.service.lease import Lease
from fairlead.service.pacing import Pace, run_rounds
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot
from fairlead.service.tasks import batch_tasks

log = logging.getLogger("fairlead.batch")

POLLED = (TaskState.RUNNING, TaskState.CANCELLING)
AT_ONCE = 8
"""Providers that one round asks at the same time."""
POLL_SECONDS = 60.0
"""How long one provider may take to answer a poll."""
_INTERVAL = "fairlead.batch.poll_interval_in_seconds"
_LONGEST_TICK = 10
_LEASE_TICKS = 3
_LEAST_LEASE_SECONDS = 5
_MOST_DOUBLINGS = 4


class BatchPoller:
    """Runs in every worker; works in the one that holds the lease."""

    def __init__(self, ports: Ports, snapshot: Snapshot, jobs: BatchJobs, letters: DeadLetters, worker_id: str) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._jobs = jobs
        self._letters = letters
        self._lease = Lease(ports.store, "batch_poller", worker_id, ports.clock, ports.monotonic)
        self._due: dict[str, float] = {}
        """By task, in seconds of the monotonic clock: one that is put back stops no polling."""
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._interval: int = snapshot.settings[_INTERVAL]
        self._pace = Pace(_tick(self._interval))
        snapshot.on_settings.append(self._take_settings)

    async def run(self) -> None:
        """Until cancelled."""
        await run_rounds("the poller of batch jobs", self._pace, self._round_if_held, log)

    async def _round_if_held(self) -> None:
        # Nothing is written while there is nothing to do.
        if await self._waiting() and await self._hold():
            await self._held_round()

    async def stop(self) -> None:
        """Another worker may take over at once."""
        try:
            await self._lease.release()
        except StoreUnavailable:
            log.warning("the store cannot be reached; the lease on batch jobs runs out by itself")

    async def round(self) -> None:
        """Asks for every job that is due, and delivers what is to be delivered."""
        await self._snapshot.catch_up()
        jobs, letters = await self._open_jobs(), await self._ports.store.all(dead_letter.KIND)
        now, ticks = self._ports.clock(), self._ports.monotonic()
        # When what is not known yet is due: as if this worker had asked when the task was last written to.
        self._due = {
            document.id: self._due.get(document.id)
            or ticks - max(0, now - document.body["last_update_time"]) / 1000 + self._wait(document.body)
            for document in jobs
        }
        asked = [document for document in jobs if self._due[document.id] <= ticks] if self._polls() else []
        due = [document for document in letters if document.body["due"] <= now]
        work = (*(self._poll(document) for document in asked), *(self._deliver(letter) for letter in due))
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, BaseException):  # told when all have ended
                raise outcome

    async def _held_round(self) -> None:
        """One round, for which the lease is kept; another worker that has taken it ends it."""
        work = asyncio.create_task(self.round())
        try:
            while not (await asyncio.wait({work}, timeout=self._lease_seconds() / _LEASE_TICKS))[0]:
                if not await self._hold():
                    return
            await work
        finally:
            work.cancel()
            await asyncio.wait({work})

    async def _poll(self, document: Document) -> None:
        """Each job by itself: what one provider does is nothing to the others."""
        async with self._gate:
            task = Task.of(document.body)
            wait_ms = 0
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    task = await self._jobs.refreshed(document.id, task, await self._jobs.model_of(task))
            except Unavailable as fault:  # our store or keys, not the provider
                log.info("batch job of task %s is asked for later: %s", document.id, fault)
            except (FairleadError, TimeoutError) as fault:
                task, wait_ms = await self._failed(document.id, task, fault)
            finally:  # a fault of ours is not repeated before its time either
                self._due[document.id] = self._ports.monotonic() + self._wait(task.document(), wait_ms)

    async def _failed(self, id: str, task: Task, fault: FairleadError | TimeoutError) -> tuple[Task, int]:
        """The task afterwards, and how long its provider wants to be left alone. A provider that throttles is there."""
        told = fault if isinstance(fault, FairleadError) else StatusFault(f"no answer in {POLL_SECONDS:g} seconds", 504)
        log.info("batch job of task %s was not told of: %s", id, told)
        if told.status == 429:
            asked = retry_after(told.headers.get("Retry-After", ""), self._ports.clock() / 1000)
            return task, int(max(asked or 0, 2 * self._interval) * 1000)
        try:
            return await self._jobs.failed(id, told), 0
        except FairleadError as gone:
            log.info("task %s cannot be written: %s", id, gone)
            return task, 0

    async def _deliver(self, letter: Document) -> None:
        async with self._gate:
            await self._letters.deliver(letter)

    def _wait(self, body: dict[str, object], wait_ms: int = 0) -> float:
        """Seconds until a job is asked for again: the interval, longer after failures, a tenth more or less by chance."""
        job = body.get("remote_job")
        failures = int(job.get(remote_job.RETRIES, 0)) if isinstance(job, dict) else 0
        interval = self._interval * 1000 << min(failures, _MOST_DOUBLINGS)
        jittered = interval - interval // 10 + self._ports.random(interval // 5)
        return max(jittered, wait_ms) / 1000

    async def _waiting(self) -> bool:
        if await self._ports.store.count(dead_letter.KIND):
            return True
        return self._polls() and bool(await self._open_jobs())

    async def _open_jobs(self) -> list[Document]:
        return [item for item in await batch_tasks(self._ports.store, POLLED) if item.body.get("remote_job")]

    def _polls(self) -> bool:
        settings = self._snapshot.settings
        return bool(
            self._interval and settings["remote_inference.enabled"] and settings["offline_batch_inference_enabled"]
        )

    def _lease_seconds(self) -> float:
        return max(_LEAST_LEASE_SECONDS, self._pace.seconds * _LEASE_TICKS)

    async def _hold(self) -> bool:
        return await self._lease.hold(int(self._lease_seconds() * 1000))

    def _take_settings(self, settings: ClusterSettings) -> None:
        if settings[_INTERVAL] != self._interval:
            self._interval = settings[_INTERVAL]
            self._due.clear()
            self._pace.set(_tick(self._interval))


def _tick(interval: int) -> int:
    """Seconds between looks at the store; dead letters are delivered also where nobody is polled."""
    return min(interval or _LONGEST_TICK, _LONGEST_TICK)
