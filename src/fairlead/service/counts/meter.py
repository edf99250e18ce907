"""What this worker counts for `GET /_fairlead/metrics` while it answers. Plain numbers: it takes no lock and writes nothing.

What the numbers are called, and how those of all workers become one, is fairlead.service.counts.metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

BOUNDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0
)  # fmt: skip
"""Upper bounds of the buckets, in seconds: fast embeddings as well as slow chats."""
NAMED_MODELS = 100
"""Models with a histogram of their own; those that come later share one, so that labels stay bounded."""
OTHER = "other"


class Histogram:
    """How often something took how long, in seconds; one more bucket than BOUNDS, for what is longer."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    @property
    def value(self) -> list[float]:
        """The buckets, each for itself, and the sum of seconds."""
        return [*self.buckets, self.seconds]


class Meter:
    """Counts of one worker since it started."""

    __slots__ = (
        "broken", "dropped", "guarded", "received", "replies", "requests", "retries", "sent", "store_faults",
        "streams", "throttled", "upstream", "upstream_received", "upstream_sent",
    )  # fmt: skip

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        """By method, path of the route table, and status."""
        self.received = self.sent = 0
        """Bytes of bodies between callers and predict routes."""
        self.streams = 0
        """Streams of providers that are open now."""
        self.upstream = Histogram()
        self.upstream_received = self.upstream_sent = 0
        self.replies: dict[int, int] = {}
        """Replies of providers by status."""
        self.broken: dict[str, int] = {}
        """Calls that brought no whole reply, by kind of fault."""
        self.retries = 0
        self.throttled = {"model": 0, "user": 0}
        self.guarded = {"input": 0, "output": 0}
        self.store_faults = 0
        self.dropped: Callable[[], int] = lambda: 0
        """Lines of the access log that could not be written."""

    def answered(self, method: str, route: str, status: int) -> None:
        key = (method, route, status)
        self.requests[key] = self.requests.get(key, 0) + 1

    def replied(self, status: int, seconds: float, sent: int, received: int) -> None:
        """A provider gave a whole reply."""
        upstream = self.upstream
        upstream.buckets[bisect_left(BOUNDS, seconds)] += 1
        upstream.seconds += seconds
        self.replies[status] = self.replies.get(status, 0) + 1
        self.upstream_sent += sent
        self.upstream_received += received

    def failed(self, kind: str) -> None:
        """A call to a provider brought no whole reply."""
        self.broken[kind] = self.broken.get(kind, 0) + 1
