"""What each worker does for the keys by itself: learns of new ones, counts sealings, rotates an old data key.

One worker of all nodes rotates at a time, by lease. It answers no request and makes no key while one is missing.
"""

from __future__ import annotations

import logging

from fairlead.domain.ports import RotatingVault, StoreUnavailable
from fairlead.errors import FairleadError, ResourceNotFound, Unavailable
from fairlead.service.keys import rotation, usage
from fairlead.service.lease import Lease
from fairlead.service.pacing import Pace, run_rounds
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

log = logging.getLogger("fairlead.keys")

ROUND_SECONDS = 10.0
MOST_SEALINGS = 1 << 28
"""Sealings by one data key: a sixteenth of where random nonces begin to be a danger (NIST SP 800-38D 8.3)."""
_DAY = 86_400_000
_LEASE_MILLISECONDS = 60_000
_LEFT_ALONE = 60_000
"""Milliseconds after which a rotation that was begun and has not ended is taken up here."""


class KeyUpkeep:
    """The job of one worker."""

    def __init__(self, ports: Ports, keys: RotatingVault, snapshot: Snapshot, worker_id: str) -> None:
        self._ports = ports
        self._keys = keys
        self._snapshot = snapshot
        self._lease = Lease(ports.store, "key_rotation", worker_id, ports.clock, ports.monotonic)

    async def run(self) -> None:
        """Until cancelled."""
        await run_rounds("the upkeep of keys", Pace(ROUND_SECONDS), self.round, log)

    async def stop(self) -> None:
        """What was counted and not stored yet."""
        try:
            await usage.add(self._ports.store, self._keys.used)
        except (StoreUnavailable, FairleadError) as fault:
            log.warning("sealings of the last seconds were not counted: %s", fault)

    async def round(self) -> None:
        """Everything there is to do now."""
        await usage.add(self._ports.store, self._keys.used)
        await self._keys.refresh()
        if self._keys.problem is None:
            await self._load_lost()
            if await self._due() and await self._lease.hold(_LEASE_MILLISECONDS):
                await self._rotate()

    async def _load_lost(self) -> None:
        """Models that a missing key, or a vault that was away, kept from loading: once more."""
        for id, fault in list(self._snapshot.lost.items()):
            if isinstance(fault, ResourceNotFound | Unavailable):
                await self._snapshot.retry(id)

    async def _due(self) -> bool:
        now = self._ports.clock()
        unfinished = await rotation.pending(self._ports.store)
        if unfinished is not None:
            return bool(now - unfinished.body["started"] >= _LEFT_ALONE)
        days = self._snapshot.settings["fairlead.keys.data_key_days"]
        if days and self._keys.made and now - self._keys.made >= days * _DAY:
            return True
        sealings = await usage.stored(self._ports.store)
        return sealings.get(self._keys.active or "", 0) >= MOST_SEALINGS

    async def _rotate(self) -> None:
        try:
            done = await rotation.rotate_data_key(self._ports.store, self._keys, self._ports.clock)
        finally:
            await self._lease.release()
        log.warning(
            "data key rotated: %s values of %s resources are sealed anew by key %s",
            done.values,
            done.resources,
            done.key,
        )
        for name in done.unreadable:
            log.warning("a credential does not open and was left as it is: %s", name)
