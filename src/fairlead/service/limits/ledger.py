"""The shared side of limits: one exchange with a bucket in the store, by compare-and-set. Keeps nothing in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.domain import bucket as buckets
from fairlead.domain import controller as controllers
from fairlead.domain import model as models
from fairlead.domain.bucket import Ask, Bucket, BucketKey, Rate
from fairlead.domain.controller import Controller
from fairlead.domain.model import Model
from fairlead.domain.ports import Conflict, Put, Require, Step, Store
from fairlead.service.security import key_entries


@dataclass(frozen=True, slots=True)
class Outcome:
    """The bucket after an exchange, its document's revision, what was granted, and whether anything was written."""

    bucket: Bucket
    revision: int
    granted: int
    written: bool


class Ledger:
    """Exchanges of one worker. `clock` gives epoch milliseconds on `node`, `new_id` a fresh name for a new bucket."""

    def __init__(
        self, store: Store, worker: str, clock: Callable[[], int], new_id: Callable[[], str], node: str = ""
    ) -> None:
        self._store = store
        self.worker = worker
        self._clock = clock
        self._new_id = new_id
        self._node = node

    async def exchange(self, key: BucketKey, ask: Callable[[], Ask]) -> Outcome | None:
        """None when there is no such limit any more. `ask` is called anew after each lost race, since the worker goes on
        spending meanwhile. Raises StoreUnavailable; a caller in a hurry bounds the time."""
        while True:
            document = await self._store.get(buckets.KIND, key.id)
            if document is None:
                made = await self._made(key)
                if made is None:
                    return None
                before, revision, steps = made[0], 0, [made[1]]
            else:
                before, revision, steps = Bucket.of(document.body), document.revision, []
            now = self._clock()
            after, granted = before.exchange(self.worker, now, told := ask(), self._node)
            settled = before.settled(now, self._node)
            put_back = settled.at < before.at
            if not granted and not put_back and not _tells(settled, after, told, self.worker):
                return Outcome(after, revision, 0, written=False)
            try:
                written = await self._store.write([*steps, Put(buckets.KIND, key.id, after.document(), revision)])
            except Conflict:
                continue
            return Outcome(after, written[-1].revision, granted, written=True)

    async def stands(self, key: BucketKey, bucket: Bucket) -> bool:
        """Whether this is still the bucket that the store has."""
        document = await self._store.get(buckets.KIND, key.id)
        return document is not None and document.body["born"] == bucket.born

    async def _made(self, key: BucketKey) -> tuple[Bucket, Step] | None:
        """A full bucket as the limit is stored now, and the step that holds it to that: this worker may not know yet."""
        kind = models.KIND if key.user is None else controllers.KIND
        kind = kind if key.api_key is None else key_entries.KIND
        source = await self._store.get(kind, key.api_key or key.model_id)
        if source is None:
            return None
        limiter: Mapping[str, Any] | None
        if key.api_key is not None:
            limiter = source.body.get(key_entries.LIMITS)
        elif key.user is None:
            limiter = Model.of(source.body).rate_limiter
        else:
            limiter = Controller.of(source.body).user_rate_limiter.get(key.user)
        rate = Rate.of(limiter)
        if rate is None:
            return None
        return Bucket.full(rate, self._clock(), self._new_id(), node=self._node), Require(
            kind, source.id, source.revision
        )


def _tells(settled: Bucket, after: Bucket, told: Ask, worker: str) -> bool:
    """Whether an exchange that granted nothing has news for the others. What merely time did is computed by everybody."""
    mine = settled.held[worker].tokens if worker in settled.held else 0
    return mine > 0 or told.overdrawn > 0 or settled.wanted != after.wanted
