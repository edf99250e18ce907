"""Microseconds of one limited predict's decision: model alone, model and user, no limit, and a refusal while a bucket is dry.

The store is a stub that counts how often it is asked: slices are taken by the thousand here, so what is measured is the path that
every predict walks. Budget: 1.5 µs with a slice at hand. Run: `scripts/bench limits [--json FILE]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from bench.timing import awaited
from fairlead.domain.bucket import Ask, Bucket, BucketKey, Rate
from fairlead.domain.principal import Principal
from fairlead.errors import StatusFault
from fairlead.service.limits.admission import Admission, Limiter
from fairlead.service.limits.leases import LimitLease
from fairlead.service.limits.ledger import Ledger, Outcome

BUDGET_US = 1.5
LARGE = {"limit": "1e9", "unit": "DAYS"}
ALICE, BOB = Principal("alice"), Principal("bob")


class MemoryLedger(Ledger):
    """Buckets of this process alone."""

    def __init__(self) -> None:
        self.worker = "bench"
        self.buckets: dict[str, Bucket] = {}
        self.asked = 0

    def add(self, key: BucketKey, limiter: dict[str, str]) -> LimitLease:
        rate = Rate.of(limiter)
        assert rate is not None
        self.buckets[key.id] = Bucket.full(rate, _now(), "b")
        return LimitLease(self, key, rate, 1, time.monotonic)

    async def exchange(self, key: BucketKey, ask: Callable[[], Ask]) -> Outcome:
        self.asked += 1
        self.buckets[key.id], granted = self.buckets[key.id].exchange(self.worker, _now(), ask())
        return Outcome(self.buckets[key.id], self.asked, granted, written=True)


def _now() -> int:
    return time.time_ns() // 1_000_000


async def measure(calls: int, rounds: int) -> dict[str, float]:
    ledger = MemoryLedger()
    model = ledger.add(BucketKey("m"), LARGE)
    alice = ledger.add(BucketKey("m", "alice"), LARGE)
    dry = ledger.add(BucketKey("dry"), {"limit": "1", "unit": "DAYS"})
    limiter = Limiter(Admission(model, None), {"alice": Admission(model, alice)})
    open_to_most = Limiter(None, {"alice": Admission(None, alice)})
    empty = Admission(dry, None)

    async def decide(of: Limiter, principal: Principal) -> None:
        admission = of.of(principal)
        if admission is not None:
            await admission.admit()

    async def refuse() -> None:
        try:
            await empty.admit()
        except StatusFault:
            return

    found = {}
    for name, call in {
        "no limit for this user": lambda: decide(open_to_most, BOB),
        "model": lambda: decide(limiter, BOB),
        "model and user": lambda: decide(limiter, ALICE),
        "refusal": refuse,
    }.items():
        found[name] = await awaited(call, calls=calls, rounds=rounds)
    found["calls per exchange"] = 2 * calls * rounds / ledger.asked
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=11)
    given = parser.parse_args()
    figures = asyncio.run(measure(given.calls, given.rounds))
    for name, value in figures.items():
        unit = "" if name == "calls per exchange" else " µs"
        print(f"{name:24s} {value:9.3f}{unit}")
    print(f"budget with a slice at hand {BUDGET_US} µs")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
