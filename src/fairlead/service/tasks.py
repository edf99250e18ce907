"""Tasks: read and delete what registrations and deployments left behind; none stays open or is kept for ever (spec/02 2)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fairlead.domain.ports import Conflict, Document, Json, Put, Remove, Store
from fairlead.domain.task import ENDED, INDEX, KIND, UNFINISHED, Task, TaskState, TaskType
from fairlead.errors import IllegalArgument, IndexNotFound, StatusFault
from fairlead.service import replies
from fairlead.service.changes import Batch, commit
from fairlead.service.ports import Ports

_ORPHANED = "The server stopped before the task ended"
_DAY = 86_400_000
PRUNED = 500
"""Ended tasks that one round removes at most."""


class TaskService:
    """Stored tasks."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def get(self, id: str) -> Task:
        document = await self._ports.store.get(KIND, id)
        if document is None:
            raise StatusFault("Failed to find task", 404)
        return Task.of(document.body)

    async def delete(self, id: str) -> Json:
        if not await self._ports.store.known(KIND):
            # Recorded: the original shows the missing index under two wrappers (parity, never_used).
            inner = StatusFault(f"Failed to get data object from index {INDEX}", 404, cause=IndexNotFound(INDEX))
            raise StatusFault("Failed to find task", 404, cause=inner)

        async def prepare() -> tuple[Batch, None]:
            document = await self._ports.store.get(KIND, id)
            if document is None:
                raise StatusFault("Failed to find task", 404)
            if document.body["state"] == TaskState.RUNNING:
                raise StatusFault("Task cannot be deleted in running state. Try after some time.", 409)
            return [Remove(KIND, id, document.revision)], None

        [write], _ = await commit(self._ports.store, prepare)
        return replies.written(INDEX, write, "deleted")

    async def batch_job(self, id: str) -> Task:
        """The task with the provider's job to cancel; raises what a task without one is answered (spec/02 7.4)."""
        document = await self._ports.store.get(KIND, id)
        if document is None:  # 500 in the original on a store without tasks
            raise StatusFault("Fail to find task", 404)
        task = Task.of(document.body)
        if task.task_type != TaskType.BATCH_PREDICTION or not task.remote_job:
            raise IllegalArgument("The task ID you provided does not have any associated batch job")
        return task


@dataclass(frozen=True, slots=True)
class _Where:
    """A condition that the store looks up (fairlead.domain.ports.Condition)."""

    field: str
    values: Collection[str] | None = None
    low: int | None = None
    high: int | None = None


def _open(document: Document) -> bool:
    """Whether the task waits or runs in this server; a batch job runs at its provider once that has accepted it."""
    body = document.body
    mine = body["task_type"] != TaskType.BATCH_PREDICTION or body["state"] == TaskState.CREATED
    return mine and body["state"] in UNFINISHED


async def batch_tasks(store: Store, states: Collection[str]) -> list[Document]:
    """The tasks of batch jobs in these states."""
    conditions = [_Where("task_type", (TaskType.BATCH_PREDICTION,)), _Where("state", states)]
    return [
        document
        for document in await store.find(KIND, conditions)
        if document.body["task_type"] == TaskType.BATCH_PREDICTION and document.body["state"] in states
    ]


async def _fail(store: Store, documents: Sequence[Document], reason: str, now: int) -> int:
    """Ends tasks; one that ended by itself meanwhile is left alone."""
    ended = {"state": str(TaskState.FAILED), "error": reason, "last_update_time": now}
    failed = 0
    for document in documents:
        try:
            await store.write([Put(KIND, document.id, {**document.body, **ended}, document.revision)])
            failed += 1
        except Conflict:
            continue
    return failed


async def fail_orphans(store: Store, node_id: str, now: int) -> int:
    """At start: tasks of this node that a crash left open become FAILED. Gives their number."""
    found = await store.find(KIND, [_Where("state", UNFINISHED)])
    orphans = [document for document in found if _open(document) and node_id in document.body["worker_node"]]
    return await _fail(store, orphans, _ORPHANED, now)


async def end_overdue(store: Store, seconds: int, now: int) -> int:
    """Tasks that did not end in time become FAILED (spec/02 1.10). Gives their number."""
    latest = now - seconds * 1000
    conditions = [_Where("state", UNFINISHED), _Where("last_update_time", high=latest)]
    found = await store.find(KIND, conditions)
    overdue = [document for document in found if _open(document) and document.body["last_update_time"] <= latest]
    return await _fail(store, overdue, f"timeout after {seconds} seconds", now)


async def prune(store: Store, days: int, now: int) -> int:
    """Removes up to `PRUNED` ended tasks older than that; 0 days keep all. Gives their number.

    A bound, because the store remembers a limited number of deletions for those who follow it.
    """
    if not days:
        return 0
    latest = now - days * _DAY
    conditions = [_Where("state", ENDED), _Where("last_update_time", high=latest)]
    old = [
        document
        for document in await store.find(KIND, conditions, PRUNED)
        if document.body["state"] in ENDED and document.body["last_update_time"] <= latest
    ]
    if old:
        await store.write([Remove(KIND, document.id) for document in old])
    return len(old)
