"""What this worker has counted and timed since it started: requests, failures, latencies, what runs (spec/02 10, 11).

In memory only and cheap enough for the predict path; sharing it with other workers is fairlead.service.counts.reports.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from fairlead.domain.ports import Json
from fairlead.errors import FairleadError
from fairlead.service.counts.meter import NAMED_MODELS, OTHER, Histogram

SHARED_SAMPLES = 1000
"""Samples per model and worker that others get to see, the newest ones; `monitoring_request_count` may be larger."""

SHARED_RUNNING = 100
"""Running predictions per worker that others get to see."""

BATCH_PREDICT = "batch_predict"
"""The action that starts a batch job, as statistics call it."""

Sample = tuple[float, float, float]
"""When a predict ended in epoch milliseconds, how long it took, and its part of provider and engine, in milliseconds."""


@dataclass(slots=True)
class ModelUsage:
    """One model on this worker. `inference` holds the samples of successful predicts, `predict` of all.

    `used` is when its last predict ended, in epoch milliseconds; `latency` may be shared with other models.
    """

    inference: deque[Sample]
    predict: deque[Sample]
    latency: Histogram
    predicts: int = 0
    used: float = 0.0
    actions: dict[str, int] = field(default_factory=dict)


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
    """Counts of one worker. `clock` gives epoch milliseconds, `now` seconds of a monotonic clock."""

    __slots__ = (
        "_clock", "_offset", "_others", "_samples", "actions", "executing", "failures", "models", "now", "predict_failures",
        "predicts", "running",
    )  # fmt: skip

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], float], samples: int = 100) -> None:
        self._clock = clock
        self._samples = samples
        self.now = monotonic
        self._offset = 0.0
        self.synchronise()
        self.predicts = 0
        self.predict_failures = 0
        self.failures = 0
        """Of all actions."""
        self.executing = 0
        """Actions that run, predicts apart."""
        self.actions: dict[str, list[int]] = {}
        """Requests and failures by action, predicts apart."""
        self.models: dict[str, ModelUsage] = {}
        self._others = Histogram()
        self.running: dict[int, tuple[str, str, float]] = {}
        """Model, input type and start of every predict that runs, by its number."""

    def synchronise(self) -> None:
        """Sets the wall clock's distance from the monotonic one anew; both drift apart."""
        self._offset = self._clock() - self.now() * 1000

    def begin(self, model_id: str, input_type: str) -> int:
        """The number of a predict that begins now."""
        number = self.predicts + 1
        self.predicts = number
        self.running[number] = (model_id, input_type, self.now())
        return number

    def succeeded(self, number: int, inference: float) -> None:
        """`inference`: when the part of engine and provider began, by `now`."""
        now = self.now()
        model_id, _, started = self.running.pop(number)
        usage = self.models.get(model_id) or self.usage(model_id)
        time = now * 1000 + self._offset
        sample = (time, (now - started) * 1000, (now - inference) * 1000)
        usage.predicts += 1
        usage.used = time
        usage.latency.observe(now - started)
        usage.predict.append(sample)
        usage.inference.append(sample)

    def failed(self, number: int, fault: BaseException) -> None:
        now = self.now()
        model_id, _, started = self.running.pop(number)
        usage = self.usage(model_id)
        usage.predicts += 1
        usage.used = time = now * 1000 + self._offset
        if not isinstance(fault, asyncio.CancelledError):
            usage.predict.append((time, (now - started) * 1000, 0.0))
            usage.latency.observe(now - started)
        if is_failure(fault):
            self.predict_failures += 1
            self.failures += 1

    @property
    def requests(self) -> int:
        """Of all actions."""
        return self.predicts + sum(requests for requests, _ in self.actions.values())

    def action(self, name: str, model_id: str | None = None) -> Action:
        """Counts one register, deploy or undeploy, whose block follows."""
        counts = self.actions.setdefault(name, [0, 0])
        counts[0] += 1
        if model_id is not None:
            actions = self.usage(model_id).actions
            actions[name] = actions.get(name, 0) + 1
        return Action(self, counts)

    def touch(self, model_id: str) -> None:
        """The model is in use now, so that its time to live begins anew."""
        self.usage(model_id).used = self.now() * 1000 + self._offset

    def usage(self, model_id: str) -> ModelUsage:
        found = self.models.get(model_id)
        if found is None:
            latency = Histogram() if len(self.models) < NAMED_MODELS else self._others
            found = ModelUsage(deque(maxlen=self._samples), deque(maxlen=self._samples), latency)
            self.models[model_id] = found
        return found

    def latencies(self) -> Iterator[tuple[str, Histogram]]:
        """How long the predicts of each model took; of all that came too late for a histogram of their own together."""
        for id, usage in self.models.items():
            if usage.latency is not self._others:
                yield id, usage.latency
        if any(self._others.buckets):
            yield OTHER, self._others

    def resize(self, samples: int) -> None:
        """`monitoring_request_count` changed; 0 forgets all samples and takes no new ones."""
        if samples != self._samples:
            self._samples = samples
            for usage in self.models.values():
                usage.inference = deque(usage.inference, samples)
                usage.predict = deque(usage.predict, samples)

    def forget(self, model_id: str) -> None:
        """A deleted model takes its numbers along."""
        self.models.pop(model_id, None)

    def report(self) -> Json:
        """Everything as plain JSON; times of samples are counted back from `updated`, in whole milliseconds."""
        now = self._clock()
        predicts = {"predict": [self.predicts, self.predict_failures]} if self.predicts else {}
        return {
            "updated": now,
            "requests": self.requests,
            "failures": self.failures,
            "executing": self.executing + len(self.running),
            "actions": {**predicts, **{name: list(counts) for name, counts in self.actions.items()}},
            "models": {id: _report(usage, now) for id, usage in self.models.items()},
            "running": self._running(),
        }

    def _running(self) -> list[list[object]]:
        """The oldest, with their start in epoch milliseconds."""
        oldest = list(self.running.items())[:SHARED_RUNNING]
        return [[number, id, kind, int(started * 1000 + self._offset)] for number, (id, kind, started) in oldest]


class PredictCounts(Protocol):
    """What a predict tells of itself; see `Recorder`."""

    @property
    def now(self) -> Callable[[], float]: ...

    def begin(self, model_id: str, input_type: str) -> int: ...

    def succeeded(self, number: int, inference: float) -> None: ...

    def failed(self, number: int, fault: BaseException) -> None: ...


class BatchCounts:
    """Counts the predicts that start batch jobs as actions of that name; they leave no samples of latency."""

    def __init__(self, recorder: Recorder) -> None:
        self.now = recorder.now
        self._recorder = recorder
        self._running: dict[int, Action] = {}
        self._begun = 0

    def begin(self, model_id: str, input_type: str) -> int:
        self._begun += 1
        self._running[self._begun] = self._recorder.action(BATCH_PREDICT, model_id).__enter__()
        self._recorder.touch(model_id)
        return self._begun

    def succeeded(self, number: int, inference: float) -> None:
        self._running.pop(number).__exit__(None, None, None)

    def failed(self, number: int, fault: BaseException) -> None:
        self._running.pop(number).__exit__(type(fault), fault, None)


def _report(usage: ModelUsage, now: int) -> Json:
    actions = {**usage.actions, **({"predict": usage.predicts} if usage.predicts else {})}
    return {
        "used": int(usage.used),
        "actions": actions,
        "inference": [[int(now - time), round(value, 3)] for time, _, value in _newest(usage.inference)],
        "predict": [[int(now - time), round(value, 3)] for time, value, _ in _newest(usage.predict)],
    }


def _newest(samples: deque[Sample]) -> list[Sample]:
    return list(samples)[-SHARED_SAMPLES:]
