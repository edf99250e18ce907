"""When to try again and after how long, as data and arithmetic (spec/03 8.4); waiting is the service's."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from dataclasses import dataclass

from fairlead.domain.connector import BackoffPolicy, ClientConfig
from fairlead.errors import IllegalArgument

_MAX_INT = 2**31 - 1
MAX_SUPPRESSED = 3


def retryable(status: int) -> bool:
    """Throttled or failing on the provider's side; statuses nobody registered count by their number (D-28)."""
    return status == 429 or status >= 500


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """Attempts and delays of one connector. Times in milliseconds; `attempts` None is without limit."""

    attempts: int | None
    budget: int
    base: int
    policy: BackoffPolicy

    @classmethod
    def of(cls, config: ClientConfig) -> RetryPlan | None:
        """None when retry is off. Negative times, which connectors may hold (spec/01 1.7), count as zero."""
        if config.max_retry_times == 0:
            return None
        attempts = None if config.max_retry_times < 0 else config.max_retry_times + 1
        return cls(
            attempts,
            max(config.retry_timeout_seconds, 0) * 1000,
            max(config.retry_backoff_millis, 0),
            config.retry_backoff_policy,
        )

    def check(self) -> None:
        """A backoff of less than a millisecond is refused at every call, as in the original (spec/03 8.3)."""
        if self.base < 1:
            raise IllegalArgument("Initial delay was less than 1 millisecond: 0s")

    def again(self, done: int, elapsed: float) -> bool:
        """Whether another attempt is due after `done` attempts and `elapsed` milliseconds."""
        return (self.attempts is None or done < self.attempts) and elapsed < self.budget

    def delay(self, retry: int, uniform: Callable[[int], int]) -> int:
        """Milliseconds before retry number `retry` (from 0); `uniform(n)` draws from 0..n."""
        match self.policy:
            case BackoffPolicy.CONSTANT:
                return self.base
            case BackoffPolicy.EXPONENTIAL_EQUAL_JITTER:
                half = min(self.base << min(retry, 30), self.budget) // 2
                return half + uniform(half)
            case BackoffPolicy.EXPONENTIAL_FULL_JITTER:
                ceiling = min(self.base << min(retry, 31), _MAX_INT)
                return 1 + uniform(max(ceiling - 1, 0))


def retry_after(value: str, now: float) -> float | None:
    """Seconds a `Retry-After` header asks to wait, from its number or date form; None when it is neither."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (TypeError, ValueError):
        return None
