"""Leases of several workers on one bucket: exact together, whatever happens to workers, clocks and the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain import bucket as buckets
from fairlead.domain import model as models
from fairlead.domain.bucket import GRACE_MS, SLICE_MS, Bucket, BucketKey, Rate
from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.model import Model
from fairlead.domain.ports import Conflict, Document, Put, Remove, Require, Step, StoreUnavailable, Written
from fairlead.errors import StatusFault
from fairlead.service.house import House
from fairlead.service.limits import leases
from fairlead.service.limits.leases import LimitLease
from fairlead.service.limits.ledger import Ledger
from fairlead.service.models.update import ModelChanges
from unit.service.world import World, registered

pytestmark = pytest.mark.on_both_databases

KEY = BucketKey("m")
START = 1_700_000_000_000


class Shelf:
    """Documents in memory with compare-and-set; tells the workers of every change, as their followers would."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Document] = {}
        self.revision = 0
        self.away = False
        self.asked = 0
        self.leases: list[LimitLease] = []

    async def get(self, kind: str, id: str) -> Document | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        return self.documents.get((kind, id))

    async def write(self, steps: Sequence[Step]) -> list[Written]:
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        for step in steps:
            found = self.documents.get((step.kind, str(step.id)))
            if step.expect is not None and step.expect != (found.revision if found else 0):
                raise Conflict(step.kind, str(step.id))
        written = []
        for step in steps:
            if isinstance(step, Put):
                self.revision += 1
                self.documents[step.kind, step.id] = Document(step.kind, step.id, step.body, self.revision, 1)
                written.append(Written(step.kind, step.id, self.revision, 1, existed=True))
            elif isinstance(step, Remove):
                self.revision += 1
                self.documents.pop((step.kind, step.id), None)
            else:
                assert isinstance(step, Require)
        for lease in self.leases:
            asyncio.get_running_loop().call_soon(lease.changed, self.documents.get((buckets.KIND, KEY.id)))
        return written

    def limit(self, **limiter: str) -> None:
        self.revision += 1
        body = Model("m", rate_limiter=limiter).document()
        self.documents[models.KIND, "m"] = Document(models.KIND, "m", body, self.revision, 1)

    @property
    def bucket(self) -> Bucket:
        return Bucket.of(self.documents[buckets.KIND, KEY.id].body)


class Workers:
    """Workers on one shelf, with clocks that pass together when told."""

    def __init__(self, limit: str, unit: str) -> None:
        self.shelf = Shelf()
        self.shelf.limit(limit=limit, unit=unit)
        rate = Rate.of({"limit": limit, "unit": unit})
        assert rate is not None
        self.rate = rate
        self.now = START
        self.count = 0
        self.leases: dict[str, LimitLease] = {}
        self.exact_level, self.exact_at = rate.capacity, START

    def lease(self, name: str) -> LimitLease:
        if name not in self.leases:
            self.count += 1
            ledger = Ledger(self.shelf, f"{name}{self.count}", lambda: self.now, lambda: f"b{self.shelf.revision}")  # type: ignore[arg-type]
            self.leases[name] = LimitLease(ledger, KEY, self.rate, 1, lambda: self.now / 1000)
            self.shelf.leases.append(self.leases[name])
        return self.leases[name]

    def kill(self, name: str) -> None:
        if name in self.leases:
            self.shelf.leases.remove(self.leases.pop(name))

    def admitted(self) -> bool:
        """Whether one exact bucket would have admitted this call too."""
        self.exact_level = min(self.rate.capacity, self.exact_level + self.rate.per_ms * (self.now - self.exact_at))
        self.exact_at = self.now
        self.exact_level -= 1
        return self.exact_level >= 0

    async def calls(self, name: str, times: int) -> int:
        """At once; how many were admitted."""
        lease = self.lease(name)
        return sum(await asyncio.gather(*(lease.acquire() for _ in range(times))))


@asynccontextmanager
async def impatient() -> AsyncIterator[None]:
    """Nobody waits long for a worker that was killed."""
    before = leases.RECALL_SECONDS
    leases.RECALL_SECONDS = 0.01
    try:
        yield
    finally:
        leases.RECALL_SECONDS = before


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["call"] * 6 + ["tend", "tend", "kill"]),
        st.sampled_from("abc"),
        st.sampled_from([0, 0, 10, 1_000, 4_000, 20_000]),
        st.integers(1, 12),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([("1", "MINUTES"), ("20", "MINUTES"), ("30", "SECONDS"), ("100", "DAYS")]), EVENTS)
def test_whatever_workers_do_they_admit_no_more_than_one_bucket(limiter: tuple[str, str], events: Any) -> None:
    async def run() -> None:
        workers = Workers(*limiter)
        async with impatient():
            for what, name, wait, times in events:
                workers.now += wait
                if what == "kill":
                    workers.kill(name)
                elif what == "tend":
                    await workers.lease(name).tend()
                else:
                    for _ in range(await workers.calls(name, times)):
                        assert workers.admitted()
                await asyncio.sleep(0)

    asyncio.run(run())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 20)), max_size=15))
def test_without_time_passing_exactly_the_limit_is_admitted(limit: int, calls: list[tuple[str, int]]) -> None:
    async def run() -> None:
        workers = Workers(str(limit), "DAYS")
        admitted = sum([await workers.calls(name, times) for name, times in calls])
        assert admitted == min(limit, sum(times for _, times in calls))

    asyncio.run(run())


async def test_calls_at_once_on_all_workers_share_the_limit_exactly() -> None:
    workers = Workers("100", "DAYS")
    assert sum(await asyncio.gather(*(workers.calls(name, 75) for name in "abcd"))) == 100


async def test_a_slice_at_hand_is_spent_without_asking_the_store() -> None:
    workers = Workers("1000", "DAYS")
    assert await workers.calls("a", 1) == 1
    asked = workers.shelf.asked
    assert [workers.lease("a").take() for _ in range(3)] == [True] * 3
    assert workers.shelf.asked == asked


async def test_the_next_slice_is_fetched_before_this_one_is_used_up_and_grows_with_use() -> None:
    workers = Workers("10000", "DAYS")
    await workers.calls("a", 1)
    sizes = []
    for _ in range(400):
        assert workers.lease("a").take()
        await asyncio.sleep(0)
        sizes.append(next(iter(workers.shelf.bucket.held.values())).tokens)
    assert max(sizes) > 64


async def test_a_dry_bucket_is_refused_from_memory_until_a_token_is_due() -> None:
    workers = Workers("2", "MINUTES")
    assert await workers.calls("a", 3) == 2
    asked = workers.shelf.asked
    assert await workers.calls("a", 50) == 0
    assert workers.shelf.asked == asked
    assert workers.lease("a").retry_after() == 30
    workers.now += 30_000
    assert await workers.calls("a", 2) == 1


async def test_a_wait_is_told_in_a_number_that_clients_can_read() -> None:
    workers = Workers("1e-300", "DAYS")
    assert await workers.calls("a", 2) == 1
    assert workers.lease("a").retry_after() == 2**31 - 1


async def test_what_is_not_used_goes_back_and_what_is_used_is_renewed() -> None:
    workers = Workers("100", "DAYS")
    await workers.calls("a", 2)
    lease = workers.lease("a")
    assert workers.shelf.bucket.held
    workers.now += 3_000
    await lease.tend()  # used since the last time: reported and renewed
    assert next(iter(workers.shelf.bucket.held.values())).until == workers.now + SLICE_MS
    await lease.tend()
    assert not workers.shelf.bucket.held
    assert int(workers.shelf.bucket.level) == 98


async def test_a_slice_that_ended_is_not_spent_any_more() -> None:
    workers = Workers("100", "DAYS")
    await workers.calls("a", 1)
    assert workers.lease("a").take()
    workers.now += SLICE_MS
    assert not workers.lease("a").take()
    workers.now += GRACE_MS
    assert await workers.calls("b", 100) == 100 - 9  # 1 + a slice of 8 of the bucket are gone


@pytest.mark.parametrize("turns", range(16))
async def test_what_was_granted_to_those_who_wait_is_not_given_back_for_nothing(turns: int) -> None:
    """A token for a waiting call counts as spent in the bucket: given back, it would be nobody's."""
    workers = Workers("40", "DAYS")
    assert await workers.calls("a", 1) == 1
    lease = workers.lease("a")

    async def called_for() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await lease.give_back()

    *admitted, _ = await asyncio.gather(*(lease.acquire() for _ in range(12)), called_for())
    assert admitted == [True] * 12
    assert await workers.calls("a", 60) + await workers.calls("b", 1) == 27


async def test_who_learns_from_its_own_exchange_that_others_wait_gives_back_too() -> None:
    """The mark that was set just before it is an older state when the follower brings it."""
    workers = Workers("40", "DAYS")
    assert await workers.calls("b", 1) + await workers.calls("c", 1) == 2
    assert await workers.calls("a", 30) == 30
    holder = workers.lease("b")
    workers.shelf.leases.remove(holder)
    workers.shelf.leases.remove(workers.lease("c"))
    waiting = asyncio.create_task(workers.lease("a").acquire())
    for _ in range(50):
        await asyncio.sleep(0)
    assert workers.shelf.bucket.wanted
    assert [holder.take() for _ in range(3)] == [True] * 3  # half of the slice is spent: the next one is asked for
    assert await waiting


async def test_a_killed_workers_slice_is_waited_for_once() -> None:
    workers = Workers("20", "DAYS")
    await workers.calls("a", 1)
    workers.kill("a")
    async with impatient():
        assert await workers.calls("b", 30) == 20 - 1 - 19 // 8
        asked = workers.shelf.asked
        assert await workers.calls("b", 30) == 0
    assert workers.shelf.asked == asked


async def test_a_new_bucket_voids_the_slices_of_the_old_one() -> None:
    workers = Workers("100", "DAYS")
    assert await workers.calls("a", 1) + await workers.calls("b", 1) == 2
    workers.shelf.limit(limit="5", unit="DAYS")
    await workers.shelf.write([Remove(buckets.KIND, KEY.id)])
    await asyncio.sleep(0)
    assert sum(await asyncio.gather(*(workers.calls(name, 20) for name in "ab"))) == 5


async def test_a_limit_that_was_taken_away_meanwhile_limits_nothing() -> None:
    workers = Workers("1", "DAYS")
    workers.shelf.limit(limit="1")
    assert await workers.calls("a", 5) == 5


async def test_while_the_store_is_away_the_share_of_the_rate_is_admitted_and_taken_off_later() -> None:
    workers = Workers("60", "MINUTES")
    assert await workers.calls("a", 60) == 60
    workers.shelf.away = True
    workers.now += 1_000
    assert await workers.calls("a", 5) == 0
    workers.now += 900
    assert await workers.calls("a", 5) == 0
    admitted = 0
    for _ in range(20):
        workers.now += 500
        admitted += await workers.calls("a", 5)
    assert 9 <= admitted <= 11
    workers.shelf.away = False
    workers.now += 2_000
    await workers.lease("a").tend()
    assert 1 <= workers.shelf.bucket.level <= 14 - admitted


async def test_a_cancelled_caller_leaves_no_one_waiting() -> None:
    workers = Workers("3", "DAYS")
    lease = workers.lease("a")
    first = asyncio.create_task(lease.acquire())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await workers.calls("a", 5) in (2, 3)


async def call(house: House, id: str) -> int:
    """How many calls are admitted: one, or none."""
    try:
        await house.predict.predict(id, PredictInput(Remote({})))
    except StatusFault as fault:
        if fault.status != 429:
            raise
        return 0
    return 1


async def test_workers_on_a_real_store_admit_the_limit_exactly_and_a_change_is_live(world: World, house: House) -> None:
    other = await world.worker()
    followers = [asyncio.create_task(each.snapshot.follow()) for each in (house, other)]
    id = await registered(house, rate_limiter={"limit": "30", "unit": "DAYS"})
    await house.deployments.deploy(id)
    await other.snapshot.catch_up()

    assert sum(await asyncio.gather(*(call(each, id) for each in [house, other] * 25))) == 30
    await house.model_updates.update(id, ModelChanges(rate_limiter={"limit": "7"}))
    await other.snapshot.catch_up()
    assert sum([await call(each, id) for each in [other, house] * 10]) == 7
    await other.limits.stop()
    for follower in followers:
        follower.cancel()


async def test_a_clock_that_was_put_back_does_not_stop_the_refilling(world: World, house: House) -> None:
    id = await registered(house, rate_limiter={"limit": "3", "unit": "MINUTES"})
    await house.deployments.deploy(id)

    async def admitted(times: int) -> int:
        return sum([await call(house, id) for _ in range(times)])

    assert await admitted(5) == 3
    world.clock.put_back(60)
    world.clock.minutes(0.5)
    assert await admitted(1) == 0  # the first to ask finds out; from here on the bucket fills
    world.clock.minutes(1)
    assert await admitted(5) == 3
    await house.limits.stop()
