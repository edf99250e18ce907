"""What this worker has counted and timed since it started: requests, failures, latencies, what runs (spec/02 10, 11).

In memory only and cheap enough for the predict path; sharing it with other workers is fairlead.service.reports.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from fairlead.domain.ports import Json
from fairlead.errors import FairleadError

SHARED_SAMPLES = 1000
"""Samples per model and worker that others get to see, the newest ones; `monitoring_request_count` may be larger."""

SHARED_RUNNING = 100
"""Running predictions per worker that others get to see."""


class Samples:
    """The last `limit` durations in milliseconds, each with the moment it ended in epoch milliseconds."""

    __slots__ = ("_at", "_limit", "_times", "_values")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times = array("d")
        self._values = array("d")
        self._at = 0
        """Where the oldest stands once there are `limit`."""

    def add(self, time: float, value: float) -> None:
        if len(self._values) < self._limit:
            self._times.append(time)
            self._values.append(value)
        elif self._limit:
            at = self._at
            self._times[at] = time
            self._values[at] = value
            at += 1
            self._at = 0 if at == self._limit else at

    def resize(self, limit: int) -> None:
        """Keeps the newest `limit`."""
        kept = self.newest(limit)
        self._limit, self._at = limit, 0
        self._times = array("d", (time for time, _ in kept))
        self._values = array("d", (value for _, value in kept))

    def newest(self, count: int) -> list[tuple[float, float]]:
        """Time and value of the last `count`, oldest first."""
        if count <= 0:
            return []
        times = self._times[self._at :] + self._times[: self._at]
        values = self._values[self._at :] + self._values[: self._at]
        return list(zip(times[-count:], values[-count:], strict=True))


@dataclass(slots=True)
class ModelUsage:
    """One model on this worker. `used` is when its last predict ended, in epoch milliseconds."""

    inference: Samples
    predict: Samples
    predicts: int = 0
    used: float = 0.0
    actions: dict[str, int] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Call:
    """A predict that runs; times in seconds of the monotonic clock."""

    model_id: str
    input_type: str
    started: float
    inference: float = 0.0


class Action:
    """A counted action around a block; an exception that leaves it counts as failure by the rule of `is_failure`."""

    __slots__ = ("_counts", "_recorder")

    def __init__(self, recorder: Recorder, counts: list[int]) -> None:
        self._recorder = recorder
        self._counts = counts

    def failed(self, fault: BaseException) -> None:
        if is_failure(fault):
            self._counts[1] += 1
            self._recorder.failures += 1

    def __enter__(self) -> Action:
        self._recorder.executing += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.executing -= 1
        if fault is not None:
            self.failed(fault)


def is_failure(fault: BaseException) -> bool:
    """What a caller did wrong is no failure (spec/02 11), nor is a caller who went away."""
    if isinstance(fault, FairleadError):
        return fault.status >= 500
    return isinstance(fault, Exception) and not isinstance(fault, asyncio.CancelledError)


class Recorder:
    """Counts of one worker. `clock` gives epoch milliseconds, `monotonic` seconds."""

    __slots__ = (
        "_clock", "_monotonic", "_offset", "_samples", "actions", "executing", "failures", "models", "predicts",
        "requests", "running",
    )  # fmt: skip

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], float], samples: int = 100) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._samples = samples
        self._offset = 0.0
        self.synchronise()
        self.requests = 0
        self.failures = 0
        self.executing = 0
        self.predicts = [0, 0]
        self.actions: dict[str, list[int]] = {"predict": self.predicts}
        """Requests and failures by action."""
        self.models: dict[str, ModelUsage] = {}
        self.running: set[Call] = set()

    def synchronise(self) -> None:
        """Sets the wall clock's distance from the monotonic one anew; both drift apart."""
        self._offset = self._clock() - self._monotonic() * 1000

    def begin(self, model_id: str, input_type: str) -> Call:
        call = Call(model_id, input_type, self._monotonic())
        self.requests += 1
        self.predicts[0] += 1
        self.running.add(call)
        return call

    def inferring(self, call: Call) -> None:
        """From here on the time is the provider's and the engine's."""
        call.inference = self._monotonic()

    def succeeded(self, call: Call) -> None:
        now = self._monotonic()
        self.running.discard(call)
        usage = self.models.get(call.model_id) or self.usage(call.model_id)
        usage.predicts += 1
        usage.used = time = now * 1000 + self._offset
        usage.inference.add(time, (now - call.inference) * 1000)
        usage.predict.add(time, (now - call.started) * 1000)

    def failed(self, call: Call, fault: BaseException) -> None:
        now = self._monotonic()
        self.running.discard(call)
        usage = self.usage(call.model_id)
        usage.predicts += 1
        usage.used = time = now * 1000 + self._offset
        if not isinstance(fault, asyncio.CancelledError):
            usage.predict.add(time, (now - call.started) * 1000)
        if is_failure(fault):
            self.predicts[1] += 1
            self.failures += 1

    def action(self, name: str, model_id: str | None = None) -> Action:
        """Counts one register, deploy or undeploy, whose block follows."""
        self.requests += 1
        counts = self.actions.setdefault(name, [0, 0])
        counts[0] += 1
        if model_id is not None:
            actions = self.usage(model_id).actions
            actions[name] = actions.get(name, 0) + 1
        return Action(self, counts)

    def usage(self, model_id: str) -> ModelUsage:
        found = self.models.get(model_id)
        if found is None:
            found = self.models[model_id] = ModelUsage(Samples(self._samples), Samples(self._samples))
        return found

    def resize(self, samples: int) -> None:
        """`monitoring_request_count` changed; 0 forgets all samples and takes no new ones."""
        if samples != self._samples:
            self._samples = samples
            for usage in self.models.values():
                usage.inference.resize(samples)
                usage.predict.resize(samples)

    def forget(self, model_id: str) -> None:
        """A deleted model takes its numbers along."""
        self.models.pop(model_id, None)

    def report(self) -> Json:
        """Everything as plain JSON; times of samples are counted back from `updated`, in whole milliseconds."""
        now = self._clock()
        return {
            "updated": now,
            "requests": self.requests,
            "failures": self.failures,
            "executing": self.executing + len(self.running),
            "actions": {name: list(counts) for name, counts in self.actions.items()},
            "models": {id: _report(usage, now) for id, usage in self.models.items()},
            "running": self._running(),
        }

    def _running(self) -> list[list[object]]:
        oldest = sorted(self.running, key=lambda call: call.started)[:SHARED_RUNNING]
        return [
            [f"{id(call):x}", call.model_id, call.input_type, int(call.started * 1000 + self._offset)]
            for call in oldest
        ]


def _report(usage: ModelUsage, now: int) -> Json:
    actions = {**usage.actions, **({"predict": usage.predicts} if usage.predicts else {})}
    return {
        "used": int(usage.used),
        "actions": actions,
        "inference": _shared(usage.inference, now),
        "predict": _shared(usage.predict, now),
    }


def _shared(samples: Samples, now: int) -> list[list[float]]:
    return [[int(now - time), round(value, 3)] for time, value in samples.newest(SHARED_SAMPLES)]
