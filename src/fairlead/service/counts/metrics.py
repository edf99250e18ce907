"""Every metric as a row, and this node's numbers: what each worker counted, added up. It does not know how they are written.

A worker shows its numbers to the others once a second (fairlead.service.counts.board); the one that is asked adds its own
as of now. A worker that replaces a dead one goes on from its predecessor's counts, so that no counter falls.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fairlead import __version__
from fairlead.domain.ports import StoreUnavailable
from fairlead.service.counts.board import Board
from fairlead.service.counts.meter import Meter
from fairlead.service.counts.usage import Recorder
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot
from fairlead.transport.port import PoolStats

log = logging.getLogger("fairlead.metrics")

SHOW_SECONDS = 1.0
GONE_SECONDS = 5.0
"""A worker that showed nothing for so long does not count as up."""

Labels = tuple[str, ...]
Value = float | list[float]
Sample = dict[str, dict[Labels, Value]]
"""Values by name of the metric and its labels; a histogram's are its buckets and the sum."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where one worker's numbers come from."""

    meter: Meter
    recorder: Recorder
    snapshot: Snapshot
    pools: Callable[[], Iterable[PoolStats]]


@dataclass(frozen=True, slots=True)
class Metric:
    """`read` gives a worker's values by labels. `by_worker`: shown for each worker, in a label of that name, not added up.
    A metric without `read` is one of the node."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    doc: str
    read: Callable[[Sources], Iterable[tuple[Labels, Value]]] | None
    labels: Labels = ()
    by_worker: bool = False


def _one(read: Callable[[Sources], Value]) -> Callable[[Sources], Iterable[tuple[Labels, Value]]]:
    return lambda sources: (((), read(sources)),)


def _by(read: Callable[[Sources], dict[Any, int]]) -> Callable[[Sources], Iterable[tuple[Labels, Value]]]:
    return lambda sources: [((str(label),), count) for label, count in read(sources).items()]


def _requests(sources: Sources) -> Iterator[tuple[Labels, Value]]:
    for (method, route, status), count in sources.meter.requests.items():
        yield (method, route, str(status)), count


def _predicts(sources: Sources) -> Iterator[tuple[Labels, Value]]:
    for name, histogram in sources.recorder.latencies():
        yield (name,), histogram.value


def _pools(read: Callable[[PoolStats], int]) -> Callable[[Sources], Iterable[tuple[Labels, Value]]]:
    return _one(lambda sources: sum(map(read, sources.pools())))


def resident_bytes() -> int:
    """The memory this process holds, or the most it ever held where the present cannot be told."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except (OSError, ValueError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


METRICS: tuple[Metric, ...] = (
    Metric("fairlead_requests_total", "counter", "Requests by method, route and status; 499: the caller left before the answer.", _requests, ("method", "route", "status")),
    Metric("fairlead_requests_in_flight", "gauge", "Predicts and other actions that run now.", _one(lambda s: len(s.recorder.running) + s.recorder.executing)),
    Metric("fairlead_predict_seconds", "histogram", "How long predicts took; the first 100 models a worker sees by their id, later ones as `other`.", _predicts, ("model",)),
    Metric("fairlead_predict_failures_total", "counter", "Predicts that failed with 500 or more.", _one(lambda s: s.recorder.predict_failures)),
    Metric("fairlead_predict_received_bytes_total", "counter", "Bytes of predict requests' bodies.", _one(lambda s: s.meter.received)),
    Metric("fairlead_predict_sent_bytes_total", "counter", "Bytes of predict answers' bodies.", _one(lambda s: s.meter.sent)),
    Metric("fairlead_upstream_seconds", "histogram", "How long providers took for a whole reply, each attempt by itself.", _one(lambda s: s.meter.upstream.value)),
    Metric("fairlead_upstream_replies_total", "counter", "Replies of providers by status.", _by(lambda s: s.meter.replies), ("status",)),
    Metric("fairlead_upstream_faults_total", "counter", "Calls to providers without a whole reply, by kind of fault.", _by(lambda s: s.meter.broken), ("kind",)),
    Metric("fairlead_upstream_retries_total", "counter", "Attempts after the first.", _one(lambda s: s.meter.retries)),
    Metric("fairlead_upstream_sent_bytes_total", "counter", "Bytes of bodies sent to providers whose reply came.", _one(lambda s: s.meter.upstream_sent)),
    Metric("fairlead_upstream_received_bytes_total", "counter", "Bytes of providers' bodies.", _one(lambda s: s.meter.upstream_received)),
    Metric("fairlead_pool_connections", "gauge", "Connections to providers that are open.", _pools(lambda pool: pool.open)),
    Metric("fairlead_pool_idle_connections", "gauge", "Those of them that no call uses.", _pools(lambda pool: pool.idle)),
    Metric("fairlead_pool_waiting_calls", "gauge", "Calls that wait for a connection.", _pools(lambda pool: pool.waiting)),
    Metric("fairlead_streams_open", "gauge", "Streamed predicts whose provider has begun to answer and whose end has not come.", _one(lambda s: s.meter.streams)),
    Metric("fairlead_limited_total", "counter", "Calls that a limit refused with 429: the `model`'s or the `user`'s.", _by(lambda s: s.meter.throttled), ("limit",)),
    Metric("fairlead_guardrail_blocks_total", "counter", "Calls that guardrails refused, by side: `input` or `output`.", _by(lambda s: s.meter.guarded), ("side",)),
    Metric("fairlead_models_ready", "gauge", "Models a worker has loaded.", _one(lambda s: len(s.snapshot.ready)), by_worker=True),
    Metric("fairlead_models_lost", "gauge", "Models that should be loaded and cannot be.", _one(lambda s: len(s.snapshot.lost)), by_worker=True),
    Metric("fairlead_store_faults_total", "counter", "Times the store could not be reached.", _one(lambda s: s.meter.store_faults + s.snapshot.store_faults)),
    Metric("fairlead_access_log_dropped_total", "counter", "Lines of the access log that could not be written.", _one(lambda s: s.meter.dropped())),
    Metric("fairlead_store_up", "gauge", "1: the store answered the worker that was asked.", None),
    Metric("fairlead_snapshot_lag_revisions", "gauge", "Revisions of the store that a worker has not looked at yet; none while the store is away.", None, by_worker=True),
    Metric("fairlead_workers_up", "gauge", "Workers that count and answer.", None),
    Metric("fairlead_worker_resident_bytes", "gauge", "Memory of a worker.", _one(lambda s: resident_bytes()), by_worker=True),
    Metric("fairlead_worker_open_files", "gauge", "Descriptors a worker has open; 0 where it cannot be told.", _one(lambda s: open_files()), by_worker=True),
    Metric("fairlead_worker_tasks", "gauge", "Tasks of a worker's event loop.", _one(lambda s: len(asyncio.all_tasks())), by_worker=True),
    Metric("fairlead_worker_cpu_seconds_total", "counter", "Processor time that workers took.", _one(lambda s: time.process_time())),
    Metric("fairlead_build_info", "gauge", "Always 1; the label is the version.", None, ("version",)),
)  # fmt: skip
_SHOWN_EACH = frozenset(metric.name for metric in METRICS if metric.by_worker)
_LASTING = frozenset(metric.name for metric in METRICS if metric.kind != "gauge")


def _add(total: dict[Labels, Value], labels: Labels, value: Value) -> None:
    there = total.get(labels)
    if isinstance(there, list) and isinstance(value, list):
        total[labels] = [a + b for a, b in zip(there, value, strict=True)]
    elif isinstance(there, list) or isinstance(value, list) or there is None:
        total[labels] = value
    else:
        total[labels] = there + value


class MetricsService:
    """This node's metrics. `monotonic` is one clock for all processes of the machine. Without a board, this worker is all."""

    def __init__(self, ports: Ports, snapshot: Snapshot, recorder: Recorder, meter: Meter, board: Board | None) -> None:
        self._store = ports.store
        self._monotonic = ports.monotonic
        self._snapshot = snapshot
        self._sources = Sources(meter, recorder, snapshot, lambda: ports.upstream.stats())
        self._board = board
        self._before: Sample = {}
        if board is not None and (shown := board.read(board.slot)) is not None:
            left, _, _ = _parsed(shown)
            self._before = {name: values for name, values in left.items() if name in _LASTING}

    async def run(self) -> None:
        """Shows this worker's numbers to the others until cancelled."""
        while self._board is not None:
            self.show()
            await asyncio.sleep(SHOW_SECONDS)

    def show(self) -> None:
        if self._board is None:
            return
        own = self._own()
        plain = {name: [[labels, value] for labels, value in values.items()] for name, values in own.items()}
        shown = {"at": self._monotonic(), "revision": self._snapshot.revision, "sample": plain}
        try:
            self._board.write(json.dumps(shown).encode())
        except ValueError as fault:
            log.error("this worker's metrics are not shared: %s", fault)

    def _own(self) -> Sample:
        """What this worker and those before it in its slot counted."""
        sample: Sample = {}
        for metric in METRICS:
            if metric.read is not None:
                values = sample[metric.name] = dict(self._before.get(metric.name, {}))
                for labels, value in metric.read(self._sources):
                    _add(values, labels, value)
        return sample

    async def node(self) -> Sample:
        """All workers' numbers."""
        slot = 0 if self._board is None else self._board.slot
        shown = {slot: (self._own(), self._monotonic(), self._snapshot.revision)}
        for other in range(0 if self._board is None else self._board.slots):
            if self._board is not None and other != slot and (text := self._board.read(other)) is not None:
                shown[other] = _parsed(text)
        total: Sample = {metric.name: {} for metric in METRICS}
        fresh = self._monotonic() - GONE_SECONDS
        up = {worker: revision for worker, (_, at, revision) in shown.items() if at >= fresh}
        for worker, (sample, _, _) in sorted(shown.items()):
            for name, values in sample.items():
                for labels, value in values.items():
                    if name in _SHOWN_EACH:
                        if worker in up:
                            total[name][(*labels, str(worker))] = value
                    elif name in _LASTING or worker in up:
                        _add(total[name], labels, value)
        try:
            newest = await self._store.revision()
            total["fairlead_store_up"][()] = 1
            for worker, revision in up.items():
                total["fairlead_snapshot_lag_revisions"][(str(worker),)] = max(0, newest - revision)
        except StoreUnavailable:
            total["fairlead_store_up"][()] = 0
        total["fairlead_workers_up"][()] = len(up)
        total["fairlead_build_info"][(__version__,)] = 1
        return total


def _parsed(text: bytes) -> tuple[Sample, float, int]:
    """What a worker showed: sample, when, and the revision it had."""
    shown = json.loads(text)
    sample = {name: {tuple(labels): value for labels, value in values} for name, values in shown["sample"].items()}
    return sample, shown["at"], shown["revision"]
