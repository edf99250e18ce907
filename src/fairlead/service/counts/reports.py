"""Reports of all workers: each puts what it counted into the store when one of them asks, so that totals are exact.

A report is one document per worker and incarnation. A worker also reports now and then to show that it lives, and when it
stops. A report survives its worker, so that totals stay right when a worker is replaced; those of a node are removed when
the node starts anew (spec/02 11: counters reset on restart).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from fairlead.domain.ports import Conflict, Document, Json, Put, Remove, Store, StoreUnavailable
from fairlead.service.counts.usage import Recorder
from fairlead.service.pacing import attempt_round

log = logging.getLogger("fairlead.reports")

KIND = "worker_report"
CALL_KIND, CALL = "report_call", "newest"
"""The document whose writing asks every worker for its report."""
ALIVE_SECONDS = 10.0
"""How often a worker reports unasked."""
FRESH_MILLISECONDS = 25_000
"""A worker whose report is older is not there any more, nor a node of which no worker is."""
PATIENCE_SECONDS = 0.5
"""How long the reports of workers that seem to be there are waited for."""
DEAD_MILLISECONDS = 3_600_000
"""After this the reports of a node that is gone are removed."""


class Reports:
    """This worker's reporting, and everybody's reports. `gauges` gives what is measured at the moment of a report."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        node_id: str,
        worker_id: str,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        gauges: Callable[[], Json],
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._node_id = node_id
        self._worker_id = worker_id
        self._clock = clock
        self._monotonic = monotonic
        self._gauges = gauges
        self._called = asyncio.Event()

    async def take_call(self, id: str, document: Document | None) -> None:
        """Somebody wants to know; the report is written by `run`."""
        self._called.set()

    async def run(self) -> None:
        """Reports until cancelled."""
        while True:
            self._called.clear()
            await attempt_round("sharing the counters", partial(self._write, stopped=False), log)
            with suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_SECONDS):
                    await self._called.wait()

    async def stop(self) -> None:
        """The last report: the numbers stay, the worker does not."""
        try:
            await self._write(stopped=True)
        except StoreUnavailable:
            log.warning("the store cannot be reached; this worker's last counts are not shared")

    async def by_node(self) -> dict[str, list[Json]]:
        """The reports of every node that is there, this worker's as of now; this node always is.

        A worker that was not heard of counts as stopped.
        """
        now = self._clock()
        found: dict[str, list[Json]] = {self._node_id: [self._own()]}
        for document in await self._collect():
            report = {**document.body, "stopped": not _fresh(document.body, now)}
            found.setdefault(report["node"], []).append(report)
        return {node: reports for node, reports in found.items() if not all(report["stopped"] for report in reports)}

    async def _collect(self) -> list[Document]:
        """The other workers' reports, written after this was called by all who are there and answer in time."""
        documents = await self._others()
        if not any(_fresh(document.body, self._clock()) for document in documents):
            return documents
        [call] = await self._store.write([Put(CALL_KIND, CALL, {"worker": self._worker_id})])
        deadline, seen = self._monotonic() + PATIENCE_SECONDS, call.revision
        while True:
            documents, now = await self._others(), self._clock()
            missing = [d for d in documents if d.revision < call.revision and _fresh(d.body, now)]
            left = deadline - self._monotonic()
            if not missing or left <= 0:
                return documents
            seen = await self._store.wait(seen, left)

    async def _others(self) -> list[Document]:
        return [document for document in await self._store.all(KIND) if document.id != self._worker_id]

    async def last_used(self) -> dict[str, int]:
        """When each model's last predict ended on any worker, in epoch milliseconds."""
        used: dict[str, int] = {}
        for reports in (await self.by_node()).values():
            for report in reports:
                for id, usage in report["models"].items():
                    used[id] = max(used.get(id, 0), usage["used"])
        return used

    async def predicts_within(self, model_id: str, milliseconds: float) -> int:
        """How many predicts of a model ended in the last `milliseconds` on any worker, as far as their samples are kept."""
        count = 0
        for reports in (await self.by_node()).values():
            for report in reports:
                usage = report["models"].get(model_id, {"predict": ()})
                since = report["updated"] - self._clock() + milliseconds
                count += sum(1 for ago, _ in usage["predict"] if ago <= since)
        return count

    def _own(self) -> Json:
        identity = {"node": self._node_id, "worker": self._worker_id, "stopped": False}
        return {**identity, **self._gauges(), **self._recorder.report()}

    async def _write(self, *, stopped: bool) -> None:
        self._recorder.synchronise()
        await self._store.write([Put(KIND, self._worker_id, {**self._own(), "stopped": stopped})])


def _fresh(report: Json, now: int) -> bool:
    return not report["stopped"] and now - int(report["updated"]) < FRESH_MILLISECONDS


async def forget_reports(store: Store, node_id: str) -> None:
    """At the start of a node: its counters begin anew."""
    old = [document for document in await store.all(KIND) if document.body["node"] == node_id]
    if old:
        await store.write([Remove(KIND, document.id) for document in old])


async def drop_dead_nodes(store: Store, now: int) -> None:
    """Reports of nodes that were not heard of for long are removed."""
    newest: dict[str, int] = {}
    documents = await store.all(KIND)
    for document in documents:
        node = document.body["node"]
        newest[node] = max(newest.get(node, 0), document.body["updated"])
    dead = [document for document in documents if now - newest[document.body["node"]] > DEAD_MILLISECONDS]
    if dead:
        with suppress(Conflict):  # one of them is there again
            await store.write([Remove(KIND, document.id, document.revision) for document in dead])
