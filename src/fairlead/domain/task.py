"""Tasks: what was asked to happen to a model, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from fairlead.domain.ports import Json

KIND = "task"
INDEX = ".plugins-ml-task"


class TaskType(StrEnum):
    """Kinds of tasks that are stored for remote models."""

    REGISTER_MODEL = "REGISTER_MODEL"
    DEPLOY_MODEL = "DEPLOY_MODEL"
    BATCH_PREDICTION = "BATCH_PREDICTION"


class TaskState(StrEnum):
    """States of a task (spec/02 2.1)."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    COMPLETED_WITH_ERROR = "COMPLETED_WITH_ERROR"
    CANCELLING = "CANCELLING"
    EXPIRED = "EXPIRED"
    UNREACHABLE = "UNREACHABLE"


UNFINISHED = (TaskState.CREATED, TaskState.RUNNING)
ENDED = frozenset(
    {
        TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED, TaskState.COMPLETED_WITH_ERROR, TaskState.EXPIRED,
        TaskState.UNREACHABLE,
    }
)  # fmt: skip
"""States that nothing follows. (CANCELLING is in neither: the provider has yet to confirm it.)"""


@dataclass(frozen=True, slots=True)
class Task:
    """Field order is the order on the wire; times are epoch milliseconds."""

    task_type: TaskType
    state: TaskState
    model_id: str | None = None
    function_name: str | None = "REMOTE"
    input_type: str | None = None
    worker_node: tuple[str, ...] = ()
    create_time: int | None = None
    last_update_time: int | None = None
    error: str | None = None
    is_async: bool = False
    remote_job: Mapping[str, Any] | None = None

    def document(self) -> Json:
        order = ("model_id", "task_type", "function_name", "state", "input_type", "worker_node", "create_time",
                 "last_update_time", "error", "is_async", "remote_job")  # fmt: skip
        shown: Json = {name: getattr(self, name) for name in order}
        shown |= {"task_type": str(self.task_type), "state": str(self.state), "worker_node": list(self.worker_node)}
        return {key: value for key, value in shown.items() if value is not None}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Task:
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in document.items() if key in known}
        values["task_type"] = TaskType(values["task_type"])
        values["state"] = TaskState(values["state"])
        values["worker_node"] = tuple(values.get("worker_node", ()))
        return cls(**values)


def instant_task(
    node_id: str, type: TaskType, state: TaskState, model_id: str, now: int, *, is_async: bool = False
) -> Task:
    """A task that this node began and ended at the same moment."""
    return Task(type, state, model_id, worker_node=(node_id,), create_time=now, last_update_time=now, is_async=is_async)
