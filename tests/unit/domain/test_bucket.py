"""Shared buckets: whatever many workers do, they admit what one exact bucket would."""

from __future__ import annotations

import json
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.bucket import GRACE_MS, KIND, PERIODS, SLICE_MS, Ask, Bucket, BucketKey, Rate, Slice, resets

START = 1_700_000_000_000


def rate(limit: object, unit: str = "DAYS") -> Rate:
    found = Rate.of({"limit": limit, "unit": unit})
    assert found is not None
    return found


class Exact:
    """The one bucket that the limit is about. `owed` is how far below empty it was ever driven."""

    def __init__(self, of: Rate) -> None:
        self.rate, self.level, self.at = of, of.capacity, START

    def take(self, now: int) -> bool:
        self.level = min(self.rate.capacity, self.level + self.rate.per_ms * (now - self.at))
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Workers:
    """Workers as the service has them, without a loop: what each has at hand of the one bucket, and until when."""

    def __init__(self, of: Rate) -> None:
        self.bucket = Bucket.full(of, START, "b")
        self.now = START
        self.at_hand: dict[str, int] = {}
        self.until: dict[str, int] = {}

    def tell(self, name: str, *, need: int = 0, ahead: int = 0, back: bool = False) -> int:
        have = self.at_hand.get(name, 0) if self.now < self.until.get(name, 0) else 0
        ask = Ask(0, have, 0) if back else Ask(have, 0, 0, need, ahead)
        self.bucket, granted = self.bucket.exchange(name, self.now, ask)
        self.bucket = Bucket.of(json.loads(json.dumps(self.bucket.document())))
        self.at_hand[name] = granted if back else have + granted
        self.until[name] = self.now + SLICE_MS
        return granted

    def call(self, name: str) -> bool:
        if not self.at_hand.get(name, 0) or self.now >= self.until[name]:
            self.tell(name, need=1, ahead=8)
        if not self.at_hand[name] and self.bucket.wanted:
            for other in [other for other in self.at_hand if other != name]:
                self.tell(other, back=True)
            self.tell(name, need=1)
        if not self.at_hand[name]:
            return False
        self.at_hand[name] -= 1
        return True

    def kill(self, name: str) -> None:
        """It comes back under a name of its own."""
        self.at_hand.pop(name, None)
        self.until.pop(name, None)

    def check(self) -> None:
        held = sum(slice.tokens for slice in self.bucket.held.values())
        assert self.bucket.level + held <= self.bucket.rate.capacity
        assert self.bucket.level >= 0
        for name, tokens in self.at_hand.items():
            if self.now < self.until[name]:
                assert tokens <= self.bucket.held.get(name, Slice(0, 0)).tokens


RATES = st.builds(rate, st.sampled_from(["0.5", "1", "3", "7", "20", "100", "1000"]), st.sampled_from(["SECONDS", "MINUTES", "DAYS"]))  # fmt: skip
NAMES = st.sampled_from("abcd")
WAITS = st.sampled_from([0, 1, 30, 1_000, 5_000, 20_000, 90_000])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["call"] * 8 + ["report", "back", "kill"]),
        NAMES,
        WAITS,
        st.integers(1, 12),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(RATES, EVENTS)
def test_workers_that_report_lend_and_die_never_admit_what_one_bucket_would_not(of: Rate, events: Any) -> None:
    workers, exact = Workers(of), Exact(of)
    for what, name, wait, times in events:
        workers.now += wait
        if what == "call":
            for _ in range(times):
                if workers.call(name):
                    assert exact.take(workers.now)
                workers.check()
        elif what == "kill":
            workers.kill(name)
        else:
            workers.tell(name, back=what == "back")
            workers.check()


@settings(max_examples=100, deadline=None)
@given(RATES, st.lists(st.tuples(NAMES, WAITS), max_size=80))
def test_workers_that_take_tokens_one_by_one_decide_like_one_bucket(of: Rate, calls: Any) -> None:
    bucket, exact, now = Bucket.full(of, START, "b"), Exact(of), START
    for name, wait in calls:
        now += wait
        bucket, granted = bucket.exchange(name, now, Ask(need=1))
        assert granted == exact.take(now)
        assert bucket.level == exact.level
        assert not bucket.held


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.lists(NAMES, min_size=1, max_size=300))
def test_while_no_time_passes_exactly_the_limit_is_admitted_whoever_is_asked(limit: int, calls: list[str]) -> None:
    workers = Workers(rate(limit))
    assert sum(workers.call(name) for name in calls) == min(limit, len(calls))


@given(st.lists(st.tuples(NAMES, st.integers(0, 20)), max_size=20))
def test_a_killed_workers_slice_comes_back_by_refilling_and_only_so(calls: Any) -> None:
    workers = Workers(rate(100, "MINUTES"))
    for name, times in calls:
        for _ in range(times):
            workers.call(name)
    lent = sum(slice.tokens for slice in workers.bucket.held.values())
    level = workers.bucket.level
    dead = START + SLICE_MS + GRACE_MS
    assert workers.bucket.settled(dead - 1).held == workers.bucket.held
    after = workers.bucket.settled(dead)
    assert not after.held
    assert after.level == min(100 - lent, level + after.rate.per_ms * (dead - START))
    assert after.settled(dead + 60_000).level == 100


def test_the_capacity_is_the_limit_and_at_least_one() -> None:
    assert rate(100, "MINUTES") == Rate(Fraction(1, 600), Fraction(100))
    assert rate("0.5", "SECONDS") == Rate(Fraction(1, 2000), Fraction(1))
    assert rate("2.5", "MILLISECONDS").capacity == Fraction(5, 2)
    assert [rate(1, unit).per_ms * PERIODS[unit] for unit in PERIODS] == [1] * 7


@pytest.mark.parametrize("limiter", [None, {}, {"limit": "1"}, {"unit": "DAYS"}])
def test_half_a_limiter_limits_nothing(limiter: Any) -> None:
    assert Rate.of(limiter) is None


def test_a_worker_holds_at_most_an_eighth_of_what_is_left_and_gets_none_of_a_bucket_that_is_wanted() -> None:
    bucket, granted = Bucket.full(rate(100), START, "b").exchange("a", START, Ask(need=1, ahead=1000))
    assert granted == 1 + 99 // 8
    assert bucket.held["a"] == Slice(12, START + SLICE_MS)
    bucket, granted = bucket.exchange("a", START, Ask(left=6, ahead=1000))
    assert granted == 87 // 8 - 6  # what it has of an older slice counts
    assert bucket.held["a"] == Slice(10, START + SLICE_MS)
    bucket, granted = bucket.exchange("b", START, Ask(need=100))
    assert (granted, bucket.wanted) == (83, True)
    bucket, granted = bucket.exchange("a", START, Ask(returned=10))
    assert (granted, bucket.level, bucket.wanted) == (0, 10, False)


def test_more_than_was_lent_cannot_be_given_back() -> None:
    bucket, _ = Bucket.full(rate(10), START, "b").exchange("a", START, Ask(need=5))
    bucket, _ = bucket.exchange("a", START, Ask(left=3, returned=7))
    assert (bucket.level, bucket.held) == (5, {})


def test_a_clock_that_was_put_back_adds_nothing_and_what_was_overdrawn_is_owed() -> None:
    bucket, _ = Bucket.full(rate(10, "SECONDS"), START, "b").exchange("a", START, Ask(need=10, overdrawn=0))
    bucket, granted = bucket.exchange("b", START - 60_000, Ask(need=1))
    assert (granted, bucket.at, bucket.wait_ms()) == (0, START, 100)
    bucket, _ = bucket.exchange("a", START, Ask(overdrawn=20))
    assert bucket.level == -20
    assert bucket.exchange("a", START + 2000, Ask(need=1))[1] == 0
    assert bucket.exchange("a", START + 2100, Ask(need=1))[1] == 1


def test_a_node_whose_own_clock_was_put_back_goes_on_filling_from_there_and_slices_end() -> None:
    bucket, _ = Bucket.full(rate(10, "SECONDS"), START, "b", node="n").exchange(
        "dead", START, Ask(need=2, ahead=8), "n"
    )
    assert bucket.held["dead"].tokens == 1
    back = START - 3_600_000
    assert bucket.settled(START - GRACE_MS, "n") == bucket.settled(back, "other") == bucket
    bucket, _ = bucket.exchange("a", back, Ask(need=7), "n")
    assert (bucket.level, bucket.at, bucket.wait_ms()) == (0, back, 100)
    after = back + SLICE_MS + GRACE_MS
    assert bucket.settled(after, "n").held == {}
    assert bucket.exchange("a", back + 100, Ask(need=2), "n")[1] == 1
    assert bucket.settled(after, "n").settled(after + 1000, "n").level == 10


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAMES, WAITS, st.booleans()), max_size=40))
def test_a_clock_that_is_put_back_again_and_again_admits_no_more_than_one_bucket(calls: Any) -> None:
    of = rate(10, "SECONDS")
    bucket, exact, passed, shown = Bucket.full(of, START, "b", node="n"), Exact(of), START, START
    for name, wait, put_back in calls:
        passed, shown = passed + wait, shown + wait - (3_600_000 if put_back else 0)
        bucket, granted = bucket.exchange(name, shown, Ask(need=1), "n")
        taken = exact.take(passed)
        assert taken or not granted
        if taken and not granted:
            exact.level += 1


def test_used_tokens_of_a_new_bucket_leave_nothing_below_empty() -> None:
    assert Bucket.full(rate("2.5"), START, "b", used=9).level == Fraction(1, 2)
    assert floor(Bucket.full(rate(3), START, "b", used=1).level) == 2


def test_buckets_are_named_by_model_and_user() -> None:
    long, odd = BucketKey("m", "u" * 5000), BucketKey("m", "\ud800")
    assert len({BucketKey("m").id, long.id, odd.id, BucketKey("m", "v").id}) == 4
    assert len(long.id) < 100
    assert [step.id for step in resets("m", ["v"])] == ["m", BucketKey("m", "v").id]
    assert {step.kind for step in resets("m")} == {KIND}
