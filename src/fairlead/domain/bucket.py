"""Token buckets that several workers share: exact arithmetic of rates, levels and slices. Reads no clock and no store.

A worker takes tokens out of the shared bucket ahead of need, as a slice that ends at a time. Level and slices together never
exceed the capacity, so that over any span of time all workers admit at most capacity + rate x time, as one bucket would.
Tokens are fractions, since a rate such as 7 a day has no exact float (spec/02 section 6, spec/03 section 11).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

from fairlead.domain.ports import Json, Remove

KIND = "rate_bucket"

PERIODS: Mapping[str, Fraction] = {
    "NANOSECONDS": Fraction(1, 1_000_000),
    "MICROSECONDS": Fraction(1, 1_000),
    "MILLISECONDS": Fraction(1),
    "SECONDS": Fraction(1_000),
    "MINUTES": Fraction(60_000),
    "HOURS": Fraction(3_600_000),
    "DAYS": Fraction(86_400_000),
}
"""Milliseconds of each unit of a limiter (Java's TimeUnit)."""

SLICE_MS = 10_000
"""How long a slice may be spent from; its worker renews it while it is used."""
GRACE_MS = 5_000
"""How much later the others take the tokens of a slice that was not renewed for spent: clocks may differ that much."""
SHARE = 8
"""What a worker holds is at most this part of the level when it takes more, so that a bucket that runs dry is not stranded in
slices and a worker that dies takes little with it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_ms`: tokens that come back in a millisecond. `capacity`: tokens of a full bucket, at least 1."""

    per_ms: Fraction
    capacity: Fraction

    @classmethod
    def of(cls, limiter: Mapping[str, Any] | None) -> Rate | None:
        """The rate of a stored limiter; None while it lacks its limit or its unit: then nothing is enforced."""
        if not limiter or "limit" not in limiter or "unit" not in limiter:
            return None
        limit = Fraction(float(limiter["limit"]))
        return cls(limit / PERIODS[limiter["unit"]], max(limit, Fraction(1)))


@dataclass(frozen=True, slots=True)
class Slice:
    """Tokens of one worker that are not known to be spent, until a time in epoch milliseconds."""

    tokens: int
    until: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What a worker tells and wants. `left`: unspent tokens that it keeps; `returned`: those it gives back; `overdrawn`:
    those it spent beyond its slices while the store was away. `need` tokens are spent at once, `ahead` may be more."""

    left: int = 0
    returned: int = 0
    overdrawn: int = 0
    need: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket as of `at` (epoch milliseconds). `born` is another one for each new bucket: slices of an older one are
    void. `wanted`: a worker found it dry, so whoever holds tokens gives them back. `node`: the one whose clock said `at`."""

    rate: Rate
    level: Fraction
    at: int
    born: str
    held: Mapping[str, Slice] = field(default_factory=dict)
    wanted: bool = False
    node: str = ""

    @classmethod
    def full(cls, rate: Rate, now: int, born: str, used: int = 0, node: str = "") -> Bucket:
        """A new bucket, of which `used` tokens are gone."""
        return cls(rate, rate.capacity - min(used, floor(rate.capacity)), now, born, node=node)

    def settled(self, now: int, node: str = "") -> Bucket:
        """As of `now` on the clock of `node`: refilled, without slices that ended.

        A clock behind another node's adds nothing. One that is behind what it said itself was put back: time goes on from
        there, or the bucket would stand still until the clock is where it was.
        """
        if node and node == self.node and self.at - now > GRACE_MS:
            ends = {
                worker: replace(slice, until=min(slice.until, now + SLICE_MS)) for worker, slice in self.held.items()
            }
            return replace(self, at=now, held=ends)
        if now <= self.at:
            return self
        room = self.rate.capacity - self._held()
        level = min(self.level + self.rate.per_ms * (now - self.at), room)
        held = {worker: slice for worker, slice in self.held.items() if slice.until + GRACE_MS > now}
        return replace(self, level=level, at=now, held=held, node=node)

    def exchange(self, worker: str, now: int, ask: Ask, node: str = "") -> tuple[Bucket, int]:
        """The bucket afterwards, and how many tokens the worker, on `node`, got: `need` first, then a slice ahead of need."""
        settled = self.settled(now, node)
        others = {name: slice for name, slice in settled.held.items() if name != worker}
        mine = settled.held[worker].tokens if worker in settled.held else 0
        left = min(ask.left, mine)
        level = settled.level + min(ask.returned, mine - left) - ask.overdrawn
        free = max(0, floor(level))
        granted = min(ask.need, free)
        dry = granted < ask.need
        room = max(0, (free - granted) // SHARE - left)
        ahead = 0 if self.wanted or dry else min(ask.ahead, room)
        held = {**others, worker: Slice(left + ahead, now + SLICE_MS)} if left + ahead else others
        wanted = bool(others) and (dry or (self.wanted and not ask.need))
        after = replace(settled, level=level - granted - ahead, held=held, wanted=wanted)
        return after, granted + ahead

    def held_by_others(self, worker: str) -> bool:
        """Whether somebody else has tokens that are not known to be spent."""
        return any(name != worker for name in self.held)

    def wait_ms(self) -> int:
        """Milliseconds until the level reaches a whole token, at least 1."""
        return max(1, ceil((1 - self.level) / self.rate.per_ms))

    def _held(self) -> int:
        return sum(slice.tokens for slice in self.held.values())

    def document(self) -> Json:
        return {
            "per_ms": str(self.rate.per_ms),
            "capacity": str(self.rate.capacity),
            "level": str(self.level),
            "at": self.at,
            "born": self.born,
            "held": {worker: [slice.tokens, slice.until] for worker, slice in self.held.items()},
            "wanted": self.wanted,
            "node": self.node,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Bucket:
        return cls(
            Rate(Fraction(document["per_ms"]), Fraction(document["capacity"])),
            Fraction(document["level"]),
            document["at"],
            document["born"],
            {worker: Slice(*values) for worker, values in document["held"].items()},
            document["wanted"],
            document.get("node", ""),
        )


@dataclass(frozen=True, slots=True)
class BucketKey:
    """Whose calls a bucket counts: all calls of a model, those of one user of it, or those of an API key (`api_key` its
    id, no model)."""

    model_id: str
    user: str | None = None
    api_key: str | None = None

    @property
    def id(self) -> str:
        """The document's id; names of users may be longer than an id."""
        if self.api_key is not None:
            return f"key:{self.api_key}"  # no model's id has a colon
        if self.user is None:
            return self.model_id
        return f"{self.model_id}.{hashlib.sha256(self.user.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def resets(model_id: str, users: Iterable[str] = (), *, model: bool = True) -> list[Remove]:
    """Steps after which the buckets are full again: whoever asks next makes them anew (spec/02 6.1)."""
    keys = [BucketKey(model_id)] if model else []
    keys += [BucketKey(model_id, user) for user in users]
    return [Remove(KIND, key.id) for key in keys]
