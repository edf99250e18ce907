"""Asks the provider how a batch job is, and writes what it says into the job's task (spec/02 7.3).

Readers of a task and the poller share it; whether they may is not decided here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fairlead.domain import dead_letter
from fairlead.domain import model as models
from fairlead.domain.connector import ActionType
from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.dead_letter import Bucket, DeadLetter
from fairlead.domain.model import Model
from fairlead.domain.ports import Json, Put
from fairlead.domain.secret import Secret
from fairlead.domain.task import ENDED, KIND, Task, TaskState
from fairlead.domain.tensor import InferenceResult
from fairlead.engine import remote_job
from fairlead.engine.compiled import CompiledConnector
from fairlead.engine.remote_job import ORDER, StateRules
from fairlead.errors import FairleadError, IllegalArgument, ResourceNotFound, StatusFault
from fairlead.java.regex import PatternFault
from fairlead.service.calls.calling import Caller, masked
from fairlead.service.changes import Batch, commit
from fairlead.service.models.loading import load_model
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

MOST_RETRIES = 10
"""Polls that may fail in a row; one more, and the job is UNREACHABLE."""
SETTLED = ENDED - {TaskState.UNREACHABLE}
"""States in which a provider is not asked again. (One that was away may be back.)"""


class BatchJobs:
    """Jobs at their providers, and the tasks that stand for them."""

    def __init__(self, ports: Ports, snapshot: Snapshot, caller: Caller) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._caller = caller
        self._rules: tuple[int, StateRules] | None = None

    async def model_of(self, task: Task) -> Model:
        document = await self._ports.store.get(models.KIND, task.model_id or "")
        if document is None:
            raise StatusFault("Failed to retrieve the ML model for the given task ID", 404)
        return Model.of(document.body)

    async def connector_of(self, model_id: str, model: Model) -> CompiledConnector:
        """That of the loaded model, or one that is compiled for this call alone: nothing is deployed."""
        ready = self._snapshot.ready.get(model_id)
        return (ready or await load_model(self._ports, model_id, model)).connector

    async def call(
        self, task: Task, model: Model, action: ActionType
    ) -> tuple[list[InferenceResult], CompiledConnector]:
        """Runs an action of the model's connector for the task's job; no limit counts it (spec/03 11)."""
        connector = await self.connector_of(task.model_id or "", model)
        asked = PredictInput(Remote(remote_job.parameters(task.remote_job or {})), action)
        return await self._caller.predict(connector, {}, asked), connector

    async def refreshed(self, id: str, task: Task, model: Model) -> Task:
        """The task as it is after its provider was asked. Raises what asking raises; nothing is written then."""
        results, connector = await self.call(task, model, ActionType.BATCH_PREDICT_STATUS)
        said = remote_job.described(results)
        if said is None:
            raise ResourceNotFound("Couldn't fetch status of the transform job")
        news = clean(said, connector.secrets)
        return await self._write(id, lambda current: self._with_news(current, news))

    async def failed(self, id: str, fault: FairleadError) -> Task:
        """The task after a poll that brought no answer."""
        return await self._write(id, lambda current: _with_failure(id, current, fault))

    def _with_news(self, current: Task, news: Mapping[str, Any]) -> Task:
        kept = {key: value for key, value in (current.remote_job or {}).items() if key != remote_job.RETRIES}
        job = {**kept, **news}
        state = self.rules().state(job)
        if state is None:
            state = TaskState.RUNNING if current.state == TaskState.UNREACHABLE else current.state
        error = None if current.state == TaskState.UNREACHABLE else current.error
        return replace(current, remote_job=job, state=state, error=error)

    def rules(self) -> StateRules:
        """Those of the settings in force. Raises IllegalArgument for a pattern that an older store may hold."""
        settings = self._snapshot.settings
        if self._rules is None or self._rules[0] != settings.revision:
            patterns = {name: settings[f"remote_job.status_regex.{name}"] for name, _ in ORDER}
            try:
                rules = StateRules.of(settings["remote_job.status_field"], patterns)
            except PatternFault as fault:
                raise IllegalArgument(f"A setting remote_job.status_regex is no regular expression: {fault}") from fault
            self._rules = (settings.revision, rules)
        return self._rules[1]

    async def _write(self, id: str, change: Any) -> Task:
        """The change on the task as it is now, and a letter if it ends badly; a task that settled meanwhile is left alone,
        as is one that is gone."""

        async def prepare() -> tuple[Batch, Task]:
            document = await self._ports.store.get(KIND, id)
            if document is None:
                raise StatusFault("Failed to find task", 404)
            current = Task.of(document.body)
            changed: Task = current if current.state in SETTLED else change(current)
            if changed == current:
                return [], current
            changed = replace(changed, last_update_time=self._ports.clock())
            batch = [Put(KIND, id, changed.document(), document.revision)]
            if changed.state != current.state and (letter := _letter(id, changed)) is not None:
                batch.append(Put(dead_letter.KIND, id, letter.document()))
            return batch, changed

        _, task = await commit(self._ports.store, prepare)
        return task


def _with_failure(id: str, current: Task, fault: FairleadError) -> Task:
    job: Json = dict(current.remote_job or {})
    job[remote_job.RETRIES] = int(job.get(remote_job.RETRIES, 0)) + 1
    if job[remote_job.RETRIES] <= MOST_RETRIES:
        return replace(current, remote_job=job)
    told = f"Unable to reach the Job: {remote_job.name(job, id)}. Error Message: {fault.reason}"
    return replace(current, remote_job=job, state=TaskState.UNREACHABLE, error=told)


def _letter(id: str, task: Task) -> DeadLetter | None:
    """What is to be written of a job that has just failed or is out of reach, if its caller asked for it."""
    job = task.remote_job or {}
    dlq = job.get(remote_job.DLQ)
    if dlq is None or task.state not in (TaskState.FAILED, TaskState.UNREACHABLE):
        return None
    content = task.error or "" if task.state == TaskState.UNREACHABLE else json.dumps(job, ensure_ascii=False)
    return DeadLetter(task.model_id or "", Bucket.of(dlq), f"BatchJobFailure_{remote_job.name(job, id)}", content)


def clean(said: Mapping[str, Any], secrets: tuple[Secret, ...]) -> Json:
    """A provider's answer as it may be stored: without the credential, should it quote the request, and without members
    that are ours."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, str):
            return masked(value, secrets)
        if isinstance(value, dict):
            return {masked(key, secrets): cleaned(item) for key, item in value.items()}
        return [cleaned(item) for item in value] if isinstance(value, list) else value

    return {key: value for key, value in cleaned(dict(said)).items() if key not in remote_job.OURS}
