"""All limits of this worker: compiles a model's limiter, follows buckets and controllers, gives back what is not used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from fairlead.domain import bucket as buckets
from fairlead.domain import controller as controllers
from fairlead.domain.bucket import BucketKey, Rate
from fairlead.domain.controller import Controller, Limiters
from fairlead.domain.model import Model
from fairlead.domain.ports import FORGET, Document
from fairlead.domain.principal import Principal
from fairlead.service.limits.admission import UNLIMITED, Admission, Limiter
from fairlead.service.limits.leases import LimitLease
from fairlead.service.limits.ledger import Ledger
from fairlead.service.snapshot import Snapshot

log = logging.getLogger("fairlead.limits")

TEND_SECONDS = 1.0
STOP_SECONDS = 2.0
"""How long a worker that stops tries to give back what it holds; what is left ends by itself."""


class Limits:
    """The leases of this worker, by the id of their bucket. `workers`: how many a node has."""

    def __init__(self, ledger: Ledger, snapshot: Snapshot, workers: int, monotonic: Callable[[], float]) -> None:
        self._ledger = ledger
        self._snapshot = snapshot
        self._workers = max(1, workers)
        self._monotonic = monotonic
        self._leases: dict[str, LimitLease] = {}
        self._users: dict[str, Limiters] = {}
        snapshot.limiter_of = self.compiled
        snapshot.follow_whole(controllers.KIND, self._take_controller)
        snapshot.follow_kind(buckets.KIND, self._take_bucket)
        snapshot.on_model_gone.append(self._forget)

    def compiled(self, id: str, model: Model) -> Limiter | None:
        """What a loaded model carries; None when nothing limits it."""
        everyone = self._lease(BucketKey(id), Rate.of(model.rate_limiter))
        users = {
            user: Admission(everyone, lease)
            for user, limiter in self._users.get(id, {}).items()
            if (lease := self._lease(BucketKey(id, user), Rate.of(limiter))) is not None
        }
        self._drop_unused(id, set(users), everyone is not None)
        if everyone is None and not users:
            return None
        return Limiter(None if everyone is None else Admission(everyone, None), users)

    def admission(self, limiter: Limiter | None, principal: Principal | None) -> Admission | None:
        """What limits this caller of a model; None for nothing."""
        found = None if limiter is None else limiter.of(principal)
        if principal is None or principal.key_rate is None:
            return found
        key = self._lease(BucketKey("", api_key=principal.key_id), principal.key_rate)
        return found if key is None else (found or UNLIMITED).of_key(key)

    async def run(self) -> None:
        """Tends the leases until cancelled."""
        while True:
            await asyncio.sleep(TEND_SECONDS)
            for lease in list(self._leases.values()):
                try:
                    await lease.tend()
                except Exception:
                    log.exception("unexpected fault while tending the limit of %s", lease.key.id)

    async def stop(self) -> None:
        """Gives everything back, so that the others need not wait for the slices' end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                for lease in list(self._leases.values()):
                    await lease.give_back()

    def _lease(self, key: BucketKey, rate: Rate | None) -> LimitLease | None:
        if rate is None:
            return None
        found = self._leases.get(key.id)
        if found is None:
            found = self._leases[key.id] = LimitLease(self._ledger, key, rate, self._workers, self._monotonic)
        found.rate = rate
        return found

    def _drop_unused(self, id: str, users: set[str], everyone: bool) -> None:
        for lease in [lease for lease in self._leases.values() if lease.key.model_id == id]:
            if lease.key.user not in users if lease.key.user is not None else not everyone:
                del self._leases[lease.key.id]

    async def _take_bucket(self, id: str, document: Document | None) -> None:
        for lease in list(self._leases.values()) if id == FORGET else filter(None, [self._leases.get(id)]):
            lease.changed(document)

    async def _take_controller(self, id: str, document: Document | None) -> None:
        if id == FORGET:
            for model_id in list(self._users):
                await self._take_controller(model_id, None)
            return
        if document is None:
            self._users.pop(id, None)
        else:
            self._users[id] = Controller.of(document.body).user_rate_limiter
        self._snapshot.limit_again(id)

    def _forget(self, model_id: str) -> None:
        self._drop_unused(model_id, set(), everyone=False)
