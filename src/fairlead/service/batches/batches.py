"""Batch predictions: jobs are started, looked at and cancelled for callers (spec/02 7). It polls nothing by itself.

A job's task is in the store before its provider is asked, so that the limit is exact and no crash leaves a job unknown.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace

from fairlead.domain.connector import ActionType
from fairlead.domain.dataset import PredictInput
from fairlead.domain.dead_letter import Bucket
from fairlead.domain.model import Model
from fairlead.domain.ports import Conflict, Json, Put, Remove, StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.domain.task import KIND, UNFINISHED, Task, TaskState, TaskType
from fairlead.engine import remote_job
from fairlead.errors import FairleadError, ResourceNotFound, StatusFault, Unavailable
from fairlead.service.access import AccessControl
from fairlead.service.batches.dead_letters import DeadLetters
from fairlead.service.batches.jobs import SETTLED, BatchJobs, clean
from fairlead.service.changes import Batch, commit
from fairlead.service.ports import Ports
from fairlead.service.predict import PredictService
from fairlead.service.remote_inference import require_remote_inference
from fairlead.service.snapshot import Snapshot
from fairlead.service.tasks import TaskService, batch_tasks

log = logging.getLogger("fairlead.batch")

FENCE_KIND = "batch"
_FENCE = "started"
_STORE_WAITS = (0.2, 1.0, 3.0)
"""Seconds between attempts to store a job that its provider has started."""
_STOP_SECONDS = 4
"""How long a worker that ends waits for jobs that are being started; its counts are written after them."""
_DISABLED = (
    "Offline Batch Inference is currently disabled. To enable it, update the setting "
    '"plugins.ml_commons.offline_batch_inference_enabled" to true.'
)
_FULL = (
    "Exceeded maximum limit for BATCH_PREDICTION tasks. To increase the limit, update the "
    "plugins.ml_commons.max_batch_inference_tasks setting."
)


@dataclass(frozen=True, slots=True)
class Started:
    """A job that a provider has accepted."""

    task_id: str
    job: Json

    def shown(self) -> Json:
        """CREATED, though the stored state is RUNNING already (spec/02 7.1)."""
        return {"task_id": self.task_id, "status": str(TaskState.CREATED), "remote_job": self.job}


class BatchService:
    """Batch jobs for callers. `predicts` counts what it runs as batch jobs."""

    def __init__(
        self,
        ports: Ports,
        snapshot: Snapshot,
        predicts: PredictService,
        tasks: TaskService,
        jobs: BatchJobs,
        letters: DeadLetters,
    ) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._predicts = predicts
        self._tasks = tasks
        self._jobs = jobs
        self._letters = letters
        self._access = AccessControl(snapshot)
        self._starting: set[asyncio.Future[Started]] = set()

    async def start(self, model_id: str, asked: PredictInput, principal: Principal | None = None) -> Started:
        """The new job. It is started and stored even if its caller leaves: the provider is paid for it."""
        require_remote_inference(self._snapshot)
        self._require_enabled()
        if principal is not None:
            await self._predicts.admit(model_id, principal)
        if asked.dlq is not None:
            await self._letters.check(model_id, Bucket.of(asked.dlq))
        work = asyncio.ensure_future(self._start(model_id, asked, principal))
        self._starting.add(work)
        work.add_done_callback(self._starting.discard)
        return await asyncio.shield(work)

    async def task(self, id: str, principal: Principal | None = None) -> Task:
        """A task as it is now: the provider of a batch job that has not ended is asked first."""
        task = await self._tasks.get(id)
        if task.task_type != TaskType.BATCH_PREDICTION or not task.remote_job:
            return task
        settled = task.state in SETTLED
        if settled and self._access.of_models(principal) is None:
            return task
        model = await self._jobs.model_of(task)
        await self._require_access(model, principal, "access", StatusFault("Failed to find task", 404))
        if settled:
            return task
        require_remote_inference(self._snapshot)
        self._require_enabled()
        return await self._jobs.refreshed(id, task, model)

    async def cancel(self, id: str, principal: Principal | None = None) -> None:
        """Asks the provider to stop a job; its task follows when the provider says that it did."""
        task = await self._tasks.batch_job(id)
        require_remote_inference(self._snapshot)
        model = await self._jobs.model_of(task)
        await self._require_access(model, principal, "cancel", StatusFault("Fail to find task", 404))
        results, _ = await self._jobs.call(task, model, ActionType.CANCEL_BATCH_PREDICT)
        if not results or results[0].status_code != 200:
            raise StatusFault("Couldn't cancel the transform job. Please try again", 500)

    async def stop(self) -> None:
        """Before the worker's end: jobs whose callers have left are being started still, and have to be stored."""
        if self._starting:
            await asyncio.wait(self._starting, timeout=_STOP_SECONDS)

    def _require_enabled(self) -> None:
        """500 in the original, though nothing is broken."""
        if not self._snapshot.settings["offline_batch_inference_enabled"]:
            raise StatusFault(_DISABLED, 400)

    async def _require_access(
        self, model: Model, principal: Principal | None, verb: str, missing: FairleadError
    ) -> None:
        """The job is its model's; 500 in the original."""
        try:
            await self._access.require_predict(model, principal)
        except StatusFault:
            refused = StatusFault(f"You don't have permission to {verb} this batch job", 403)
            raise self._access.refusal(refused, missing) from None

    async def _start(self, model_id: str, asked: PredictInput, principal: Principal | None) -> Started:
        task_id, task = await self._reserve(model_id)
        try:
            results = await self._predicts.predict(model_id, asked, principal)
            said = remote_job.described(results)
            if said is None:
                raise ResourceNotFound("Unable to create batch transform job")
        except BaseException:
            await self._forget(task_id)
            raise
        ready = self._snapshot.ready.get(model_id)
        secrets = () if ready is None else ready.connector.secrets
        job = {**clean(said, secrets), remote_job.DLQ: None if asked.dlq is None else dict(asked.dlq)}
        await self._keep(task_id, replace(task, state=TaskState.RUNNING, remote_job=job))
        return Started(task_id, job)

    async def _reserve(self, model_id: str) -> tuple[str, Task]:
        """A task that waits for its job, within the limit. All starts write one document, so that none counts too few."""
        id, now = self._ports.new_id(), self._ports.clock()
        task = Task(
            TaskType.BATCH_PREDICTION,
            TaskState.CREATED,
            model_id,
            input_type="REMOTE",
            worker_node=(self._ports.node_id,),
            create_time=now,
            last_update_time=now,
        )

        async def prepare() -> tuple[Batch, None]:
            fence = await self._ports.store.get(FENCE_KIND, _FENCE)
            open_jobs = await batch_tasks(self._ports.store, UNFINISHED)
            if len(open_jobs) >= self._snapshot.settings["max_batch_inference_tasks"]:
                wait = self._snapshot.settings["fairlead.batch.poll_interval_in_seconds"] or 60
                raise StatusFault(_FULL, 429, headers={"Retry-After": str(wait)})
            expect = 0 if fence is None else fence.revision
            return [Put(FENCE_KIND, _FENCE, {"task": id}, expect), Put(KIND, id, task.document(), 0)], None

        await commit(self._ports.store, prepare)
        return id, task

    async def _forget(self, task_id: str) -> None:
        """A job that was not started leaves no task; what cannot be removed now ends as overdue."""
        with suppress(StoreUnavailable, Conflict):
            await self._ports.store.write([Remove(KIND, task_id)])

    async def _keep(self, task_id: str, task: Task) -> None:
        """Whatever became of the waiting task meanwhile: the job is there. Raises Unavailable."""
        task = replace(task, last_update_time=self._ports.clock())
        for wait in (*_STORE_WAITS, None):
            try:
                await self._ports.store.write([Put(KIND, task_id, task.document())])
                return
            except StoreUnavailable as fault:
                if wait is None:
                    job = remote_job.name(task.remote_job or {}, "?")
                    log.error("batch job %s was started, but task %s cannot be stored: %s", job, task_id, fault)
                    raise Unavailable(
                        f"{fault}; the provider has started job {job}, which no task stands for"
                    ) from fault
            await asyncio.sleep(wait)
