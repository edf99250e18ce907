"""What a provider said of a batch job, as it is kept in a task: its parameters, its state, its name (spec/02 7). Asks nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fairlead.domain.dataset import Value
from fairlead.domain.task import TaskState
from fairlead.domain.tensor import InferenceResult, RawJson
from fairlead.java.json import strict_loads
from fairlead.java.regex import JavaPattern, compile_java

RETRIES = "num_of_retries"
DLQ = "dlq"
OURS = frozenset({RETRIES, DLQ})
"""Members that are not the provider's."""

_NAMES = ("TransformJobName", "job_name", "jobName", "id")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

ORDER: Sequence[tuple[str, TaskState]] = (
    ("cancelling", TaskState.CANCELLING),
    ("cancelled", TaskState.CANCELLED),
    ("completed", TaskState.COMPLETED),
    ("expired", TaskState.EXPIRED),
    ("failed", TaskState.FAILED),
)
"""The settings `remote_job.status_regex.*` in the order in which they are tried, and what a hit means."""


@dataclass(frozen=True, slots=True)
class StateRules:
    """Where a job's state stands, and which texts mean what."""

    fields: Sequence[str]
    patterns: Sequence[tuple[JavaPattern, TaskState]]

    @classmethod
    def of(cls, fields: Sequence[str], patterns: Mapping[str, str]) -> StateRules:
        """`patterns` by the names of `ORDER`. Raises fairlead.java.regex.PatternFault."""
        return cls(
            tuple(fields), tuple((compile_java(patterns[name], ignore_case=True), state) for name, state in ORDER)
        )

    def state(self, job: Mapping[str, Any]) -> TaskState | None:
        """What the job says of itself; None: nothing that means another state. The first field with a hit decides.

        Raises fairlead.java.regex.RegexTimeout.
        """
        for field in self.fields:
            value = job.get(field)
            if isinstance(value, str):
                for pattern, state in self.patterns:
                    if pattern.search(value) is not None:
                        return state
        return None


def described(results: Sequence[InferenceResult]) -> dict[str, Any] | None:
    """The object that a provider answered with, in the first output of a successful call; None when there is none."""
    first = results[0] if results else None
    if first is None or not first.output or not 200 <= first.status_code < 300:
        return None
    value = first.output[0].data_as_map
    if isinstance(value, RawJson):
        value = strict_loads(value.text)
    return dict(value) if isinstance(value, dict) else None


def parameters(job: Mapping[str, Any]) -> dict[str, Value]:
    """What status and cancel actions may use: the job's texts, and what follows from them.

    Values are encoded for the place where they are put, so an ARN that the reply had percent-encoded is decoded here.
    """
    given: dict[str, Value] = {name: value for name, value in job.items() if isinstance(value, str)}
    if (arn := given.get("TransformJobArn")) is not None:
        given.setdefault("TransformJobName", arn.rpartition("/")[2])
    if (arn := given.get("jobArn")) is not None:
        given.setdefault("processedJobArn", arn)
    if (processed := given.get("processedJobArn")) is not None:
        given["processedJobArn"] = unquote(processed)
    if (id := given.get("job_id")) is not None:  # what Cohere calls it
        given.setdefault("id", id)
    return given


def name(job: Mapping[str, Any], otherwise: str) -> str:
    """What the job is called, of characters that need no encoding anywhere."""
    given = parameters(job)
    found = next((text for key in _NAMES if (text := given.get(key))), otherwise)
    return _UNSAFE.sub("_", found)[:200]
