"""When to try again: attempts, budget and delays as the table of spec/03 8.4 has them. No clock, no waiting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.connector import BackoffPolicy, ClientConfig
from fairlead.engine.retry import RetryPlan, retry_after, retryable

TABLE = json.loads((Path(__file__).parent / "cases" / "retry.json").read_text("utf-8"))
NOW = 40.0


def plan(**config: Any) -> RetryPlan:
    made = RetryPlan.of(ClientConfig(**{"max_retry_times": 1, **config}))
    assert made is not None
    return made


@pytest.mark.parametrize("case", TABLE["delays"], ids=lambda case: f"{case['policy']} {case['base']}")
def test_delays_lie_between_the_bounds_of_their_policy(case: dict[str, Any]) -> None:
    policy = BackoffPolicy(case["policy"])
    made = plan(retry_backoff_policy=policy, retry_backoff_millis=case["base"], retry_timeout_seconds=case["timeout"])
    assert [made.delay(retry, lambda _: 0) for retry in range(len(case["low"]))] == case["low"]
    assert [made.delay(retry, lambda most: most) for retry in range(len(case["high"]))] == case["high"]


@pytest.mark.parametrize("case", TABLE["attempts"], ids=lambda case: str(case["max_retry_times"]))
def test_attempts_are_one_more_than_retries(case: dict[str, Any]) -> None:
    made = RetryPlan.of(ClientConfig(max_retry_times=case["max_retry_times"]))
    assert (made is not None) is case["plan"]
    if made is not None and case["last"] is not None:
        assert [made.again(done, 0) for done in range(1, case["last"] + 2)] == [True] * (case["last"] - 1) + [False] * 2
    elif made is not None:
        assert made.again(10**6, 0)


def test_no_attempt_starts_once_the_budget_is_spent() -> None:
    made = plan(max_retry_times=-1, retry_timeout_seconds=2)
    assert [made.again(1, elapsed) for elapsed in (0, 1999.9, 2000, 2000.1)] == [True, True, False, False]
    assert not plan(retry_timeout_seconds=0).again(1, 0)


def test_throttling_and_faults_of_the_provider_are_tried_again_and_unknown_statuses_by_their_number() -> None:
    assert [status for status in TABLE["retryable"]["yes"] if not retryable(status)] == []
    assert [status for status in TABLE["retryable"]["no"] if retryable(status)] == []


@pytest.mark.parametrize(("header", "seconds"), TABLE["retry_after"])
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(), max_size=20)
    | st.from_regex(r"\A\w{3}, \d\d \w{3} \d{1,5} \d\d:\d\d:\d\d [-+A-Z]\w{0,5}\Z")
)
def test_any_retry_after_is_a_time_to_wait_or_none(header: str) -> None:
    seconds = retry_after(header, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@settings(max_examples=150, deadline=None)
@given(
    policy=st.sampled_from(BackoffPolicy),
    base=st.integers(-(2**31), 2**31 - 1),
    timeout=st.integers(-(2**31), 2**31 - 1),
    retry=st.integers(0, 10**6),
    share=st.floats(0, 1),
)
def test_a_delay_is_never_negative_and_draws_from_a_range_that_is_not_empty(
    policy: BackoffPolicy, base: int, timeout: int, retry: int, share: float
) -> None:
    def uniform(most: int) -> int:
        assert most >= 0
        return int(most * share)

    made = plan(retry_backoff_policy=policy, retry_backoff_millis=base, retry_timeout_seconds=timeout)
    assert 0 <= made.delay(retry, uniform) <= max(2**31, abs(timeout) * 1000, base)
