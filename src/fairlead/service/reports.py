"""Reports of all workers: each puts what it counted into the store, and reads what the others put there.

A report is one document per worker and incarnation, written when something changed, at most every second, and now and
then to show that the worker lives. It is written rarely by a worker that is alone. A report survives its worker, so that
totals stay right when a worker is replaced; those of a node are removed when the node starts anew (spec/02 11: counters
reset on restart).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from fairlead.domain.ports import Conflict, Json, Put, Remove, Store, StoreUnavailable
from fairlead.service.usage import Recorder

log = logging.getLogger("fairlead.reports")

KIND = "worker_report"
PERIOD_SECONDS = 1.0
ALIVE_SECONDS = 15.0
"""How often a worker reports although nothing happened."""
FRESH_MILLISECONDS = 45_000
"""A worker whose report is older is not there any more, nor a node of which no worker is."""
DEAD_MILLISECONDS = 3_600_000
"""After this the reports of a node that is gone are removed."""
_SHARE = 50
"""Reporting may take one part in this many of a worker's time."""


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
        self._told = -1
        self._told_at = float("-inf")

    async def run(self) -> None:
        """Reports until cancelled."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            started = self._monotonic()
            try:
                await self._report_if_due()
            except StoreUnavailable:
                log.warning("the store cannot be reached; counters are not shared for now")
            except Exception:
                log.exception("unexpected fault while reporting")
            pause = max(PERIOD_SECONDS, (self._monotonic() - started) * _SHARE)

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
        for document in await self._store.all(KIND):
            if document.id != self._worker_id:
                report = {**document.body, "stopped": not _fresh(document.body, now)}
                found.setdefault(report["node"], []).append(report)
        return {node: reports for node, reports in found.items() if not all(report["stopped"] for report in reports)}

    async def last_used(self) -> dict[str, int]:
        """When each model's last predict ended on any worker, in epoch milliseconds."""
        used: dict[str, int] = {}
        for reports in (await self.by_node()).values():
            for report in reports:
                for id, usage in report["models"].items():
                    used[id] = max(used.get(id, 0), usage["used"])
        return used

    def _own(self) -> Json:
        identity = {"node": self._node_id, "worker": self._worker_id, "stopped": False}
        return {**identity, **self._gauges(), **self._recorder.report()}

    async def _report_if_due(self) -> None:
        overdue = self._monotonic() - self._told_at >= ALIVE_SECONDS
        changed = self._recorder.requests != self._told or self._recorder.running
        if overdue or (changed and await self._store.count(KIND) > 1):
            await self._write(stopped=False)

    async def _write(self, *, stopped: bool) -> None:
        self._recorder.synchronise()
        requests = self._recorder.requests if not self._recorder.running else -1
        await self._store.write([Put(KIND, self._worker_id, {**self._own(), "stopped": stopped})])
        self._told, self._told_at = requests, self._monotonic()


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
