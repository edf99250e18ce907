"""Searching stored documents: the query DSL over one kind (spec/01 1.16, 2.5; spec/02 1.5, 2.2)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from fairlead.domain import connector, group, model, task
from fairlead.domain.ports import Json
from fairlead.domain.principal import Principal
from fairlead.search import EMPTY_REPLY, MAPPINGS, JsonNode, parse_search
from fairlead.service.access import AccessControl
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

_SHORT = 50
"""Documents that are searched on the event loop; more go to a thread, so that predicts do not wait."""
SECONDS = 10.0
"""How long a search may take."""


@dataclass(frozen=True, slots=True)
class Searched:
    """One kind that can be searched and the index name its hits carry."""

    kind: str
    index: str


SEARCHED = {
    searched.kind: searched
    for searched in (
        Searched(connector.KIND, connector.INDEX),
        Searched(group.KIND, group.INDEX),
        Searched(model.KIND, model.INDEX),
        Searched(task.KIND, task.INDEX),
    )
}


def _shards(count: int) -> Json:
    return {"total": count, "successful": count, "skipped": 0, "failed": 0}


class SearchService:
    """Searches."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._access = AccessControl(snapshot)

    async def search(self, kind: str, body: JsonNode, principal: Principal | None = None) -> Json:
        """The whole reply; what the caller may not find leaves no trace in it. Raises fairlead.errors for a query that is no query."""
        started = self._ports.monotonic()
        search = parse_search(body, MAPPINGS[kind])
        if not await self._ports.store.known(kind):
            return {"took": 0, "timed_out": False, "_shards": _shards(0), **EMPTY_REPLY}
        now = self._ports.clock()
        if kind == task.KIND:  # the kind that grows: what must hold is looked up
            documents = await self._ports.store.find(kind, search.narrowing(now))
        else:
            documents = await self._ports.store.all(kind)
        run = partial(
            search.run,
            documents,
            index=SEARCHED[kind].index,
            now_ms=now,
            node=self._ports.node_id,
            visible=self._access.visible(kind, principal),
            expired=lambda: self._ports.monotonic() - started > SECONDS,
        )
        found = run() if len(documents) <= _SHORT else await asyncio.to_thread(run)
        return {
            "took": int((self._ports.monotonic() - started) * 1000),
            "timed_out": False,
            "_shards": _shards(1),
            **found,
        }
