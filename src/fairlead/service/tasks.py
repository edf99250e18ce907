"""Tasks: read and delete what registrations and deployments left behind (spec/02 2.2)."""

from __future__ import annotations

from fairlead.domain.ports import Json, Put, Remove, Store
from fairlead.domain.task import INDEX, KIND, Task, TaskState, TaskType
from fairlead.errors import IndexNotFound, StatusFault
from fairlead.service import replies
from fairlead.service.changes import Batch, commit
from fairlead.service.ports import Ports

_ORPHANED = "The server stopped before the task ended"


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


async def fail_orphans(store: Store, node_id: str, now: int) -> int:
    """At start: tasks of this node that a crash left open become FAILED. Gives their number."""
    unfinished = (TaskState.CREATED, TaskState.RUNNING)
    orphans = [
        document
        for document in await store.all(KIND)
        if document.body["state"] in unfinished
        and document.body["task_type"] != TaskType.BATCH_PREDICTION
        and node_id in document.body["worker_node"]
    ]
    ended = {"state": str(TaskState.FAILED), "error": _ORPHANED, "last_update_time": now}
    if orphans:
        await store.write([Put(KIND, orphan.id, {**orphan.body, **ended}, orphan.revision) for orphan in orphans])
    return len(orphans)
