"""One worker's lease on a bucket: tokens are taken from memory, and fetched in slices ahead of need.

`take` touches no store. Only when nothing is left a call waits, until the store said whether there is more. While the store is
away the worker admits its share of the rate on its own account, and tells the bucket afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from math import ceil
from typing import Any

from fairlead.domain.bucket import SLICE_MS, Ask, Bucket, BucketKey, Rate
from fairlead.domain.ports import Document, StoreUnavailable
from fairlead.service.limits.ledger import Ledger, Outcome

log = logging.getLogger("fairlead.limits")

FIRST_SLICE, LARGEST_SLICE = 8, 4096
PATIENCE_SECONDS = 2.0
"""How long a call waits for the store before the store counts as away."""
RECALL_SECONDS = 1.5
"""How long a call waits for others to give back what they hold of a dry bucket."""
AWAY_SECONDS = 1.0
"""How long a store that was away is not asked again."""
RENEW_SECONDS = SLICE_MS / 1000 * 0.75
"""A slice in use with less than this left is reported and renewed."""
LONGEST_WAIT = 2**31 - 1
"""Seconds that a caller is told to wait at most: clients read the number with 32 bits."""
_FAST_SECONDS = 1.0
"""A slice that was used up in less time is followed by one of twice its size."""


class LimitLease:
    """Tokens of one bucket in this worker. `clock` is monotonic, in seconds; `sharers` are the workers known here."""

    __slots__ = (
        "_ahead", "_away_until", "_booked", "_born", "_changed", "_clock", "_dead_until", "_empty_until", "_filling",
        "_gone", "_granted_at", "_held", "_jobs", "_ledger", "_lock", "_low", "_overdrawn", "_own", "_own_at", "_revision",
        "_sharers", "_spent", "_until", "_voids", "_waiting", "key", "rate",
    )  # fmt: skip

    def __init__(self, ledger: Ledger, key: BucketKey, rate: Rate, sharers: int, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self.key = key
        self.rate = rate
        self._sharers = sharers
        self._clock = clock
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._filling: asyncio.Task[None] | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._ahead = FIRST_SLICE
        self._overdrawn = 0
        self._own = self._own_at = 0.0
        self._away_until = self._granted_at = float("-inf")
        self._spent = False
        self._voids = 0
        self._void()

    def _void(self) -> None:
        """Nothing of the bucket is held, and nothing is known of it."""
        self._voids += 1
        self._held = self._booked = 0
        self._low = -1
        self._until = self._empty_until = self._dead_until = float("-inf")
        self._born = ""
        self._revision = 0
        self._gone = False

    def take(self) -> bool:
        """A token that is at hand; the hot path."""
        held = self._held
        if held > 0 and self._clock() < self._until:
            self._held = held - 1
            self._spent = True
            if held == self._low:
                self._start_filling()
            return True
        return False

    async def acquire(self) -> bool:
        """A token, asking the store if none is at hand; False when the limit is reached. Waits at most a few seconds."""
        self._waiting += 1
        try:
            while not self.take():
                now = self._clock()
                if now < self._away_until:
                    return self._on_own_account(now)
                if now < self._empty_until:
                    return False
                await asyncio.shield(self._start_filling())
                if self._gone:
                    return True
            return True
        finally:
            self._waiting -= 1

    def retry_after(self) -> int:
        """Whole seconds until there may be a token."""
        now = self._clock()
        until = self._away_until if now < self._away_until else self._empty_until
        return max(1, ceil(min(until - now, LONGEST_WAIT))) if until > now else 1

    def changed(self, document: Document | None) -> None:
        """The bucket's document as it is now, written by whomever; an older state than the one known is ignored."""
        if document is None:
            self._void()
        elif document.revision > self._revision:
            bucket = Bucket.of(document.body)
            if bucket.born != self._born:
                self._void()
            else:
                self._heed(bucket)
            if bucket.level >= 1:
                self._empty_until = float("-inf")
        self._changed.set()

    def _heed(self, bucket: Bucket) -> None:
        """Others wait for what is held here."""
        if bucket.wanted and self._booked:
            self._low = -1
            self._start(self.give_back())

    async def tend(self) -> None:
        """Called now and then: a slice in use is reported and renewed, one that is not used goes back."""
        spent, self._spent = self._spent, False
        try:
            now = self._clock()
            owing = self._overdrawn > 0 and now >= self._away_until
            if owing or (self._booked and spent and self._until - now < RENEW_SECONDS):
                await self._exchange()
            elif self._booked and not spent:
                self._ahead = FIRST_SLICE
                await self.give_back()
        except StoreUnavailable:
            log.debug("the store cannot be reached; the slice of %s is reported later", self.key.id)

    async def give_back(self) -> None:
        """All of the slice that is held goes back to the bucket; kept when the store is away."""
        try:
            await self._exchange(giving=True)
        except StoreUnavailable:
            log.debug("the store cannot be reached; the slice of %s is kept", self.key.id)

    def _start_filling(self) -> asyncio.Task[None]:
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill())
        return self._filling

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _fill(self) -> None:
        """Tokens for those who wait and a slice for those who come; afterwards at least one of: tokens, `_empty_until`,
        `_away_until`, `_gone`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._fetch()
        except (StoreUnavailable, TimeoutError):
            now = self._clock()
            if now >= self._away_until + AWAY_SECONDS:
                # From here on the share of the rate is earned; what the slice still had is spent first.
                self._own, self._own_at = 0.0, now
                log.warning("the store cannot be reached; %s is limited by this worker's share", self.key.id)
            self._away_until = now + AWAY_SECONDS

    async def _fetch(self) -> None:
        loop = asyncio.get_running_loop()
        patience = loop.time() + RECALL_SECONDS
        while True:
            self._changed.clear()
            wanted = self._waiting
            outcome = await self._exchange(need=wanted)
            bucket, now = outcome.bucket if outcome else None, self._clock()
            if bucket is None or not wanted or (self._held and now < self._until):
                return
            wait = bucket.wait_ms() / 1000
            left = patience - loop.time()
            if not bucket.held_by_others(self._ledger.worker) or now < self._dead_until or left <= 0:
                if left <= 0:  # whoever holds them does not answer: not waited for again until its slice has ended
                    self._dead_until = now + SLICE_MS / 1000
                self._empty_until = now + wait
                return
            try:
                async with asyncio.timeout(min(left, wait)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _exchange(self, need: int = 0, *, giving: bool = False) -> Outcome | None:
        """One exchange; what it granted is at hand afterwards."""
        async with self._lock:
            returned = 0
            started = self._clock()
            if started >= self._until:
                self._held = 0
            if giving:
                # Not to be spent while they are on their way. What was granted to those who wait stays: it counts as spent,
                # so that the bucket would not take it back.
                returned = min(self._held, self._booked)
                self._held -= returned
            told = Ask()

            def ask() -> Ask:
                nonlocal told
                left, ahead = (0, 0) if giving else (self._held, self._ahead)
                told = Ask(left, returned, self._overdrawn, need, ahead)
                return told

            while True:
                voids = self._voids
                try:
                    outcome = await self._ledger.exchange(self.key, ask)
                except BaseException:
                    self._held += returned if voids == self._voids else 0
                    raise
                # A bucket that was replaced while the answer was on its way: only the one that stands now counts.
                if voids == self._voids or outcome is None or await self._ledger.stands(self.key, outcome.bucket):
                    break
            self._take_in(outcome, told, started)
            if outcome is not None:
                # Who called for tokens just before this exchange is no news to `changed`, which sees older states only.
                self._heed(outcome.bucket)
            return outcome

    def _take_in(self, outcome: Outcome | None, told: Ask, started: float) -> None:
        self._gone = outcome is None
        if outcome is None:
            return
        if outcome.bucket.born != self._born:
            self._void()
            self._born = outcome.bucket.born
        self._revision = max(self._revision, outcome.revision)
        self._overdrawn -= told.overdrawn
        if outcome.written:
            slice = outcome.bucket.held.get(self._ledger.worker)
            self._booked = slice.tokens if slice is not None else 0
            self._until = started + SLICE_MS / 1000
        self._held += outcome.granted
        ahead = outcome.granted - min(outcome.granted, told.need)
        self._low = self._held // 2 if ahead > 1 else -1
        if ahead:
            fast = started - self._granted_at < _FAST_SECONDS
            self._ahead = min(self._ahead * 2, LARGEST_SLICE) if fast else self._ahead
            self._granted_at = started

    def _on_own_account(self, now: float) -> bool:
        """One token of this worker's share of the rate, earned since the store is away."""
        share = float(self.rate.per_ms) * 1000 / self._sharers
        most = max(1.0, float(self.rate.capacity) / self._sharers)
        self._own = min(self._own + share * (now - self._own_at), most)
        self._own_at = now
        if self._own < 1:
            return False
        self._own -= 1
        self._overdrawn += 1
        return True
