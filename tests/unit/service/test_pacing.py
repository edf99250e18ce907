"""Jobs that run in rounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from fairlead.domain.ports import StoreUnavailable
from fairlead.errors import IllegalArgument
from fairlead.service import pacing
from fairlead.service.pacing import Pace, cancelled, end_job, keep_running, run_rounds

log = logging.getLogger("fairlead.some_job")


def failing(*faults: Exception) -> tuple[Callable[[], Awaitable[None]], asyncio.Event]:
    """A round that raises these in turn, and what is set when one ends well."""
    left, well = list(faults), asyncio.Event()

    async def round() -> None:
        if left:
            raise left.pop(0)
        well.set()

    return round, well


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (StoreUnavailable("gone"), "the store cannot be reached; some job waits"),
        (IllegalArgument("no such thing"), "a round of some job failed: no such thing"),
        (ZeroDivisionError(), "unexpected fault in some job"),
    ],
)
async def test_a_round_that_fails_is_told_and_the_next_one_comes(
    fault: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    round, well = failing(fault)
    job = asyncio.create_task(run_rounds("some job", Pace(0.001), round, log))
    async with asyncio.timeout(10):
        await well.wait()
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    assert [record.getMessage() for record in caplog.records] == [told]


async def test_a_pause_under_way_takes_a_new_length_and_none_ends_while_it_is_0() -> None:
    pace = Pace(3600)
    pause = asyncio.create_task(pace.pause())
    await asyncio.sleep(0)
    pace.set(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not pause.done()
    pace.set(0.001)
    async with asyncio.timeout(10):
        await pause


async def test_a_job_that_fails_is_told_and_begun_again_and_one_that_ends_has_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "RESTART_SECONDS", 0.001)
    run, well = failing(ZeroDivisionError(), StoreUnavailable("gone"))
    async with asyncio.timeout(10):
        await keep_running("some job", run, log)
    assert well.is_set()
    assert [record.getMessage() for record in caplog.records] == [
        "some job ended by an unexpected fault and is begun again"
    ] * 2


@pytest.mark.parametrize("turns", range(5))
async def test_a_pause_is_cancelled_also_while_its_length_changes(turns: int) -> None:
    pace = Pace(3600)
    pause = asyncio.create_task(pace.pause())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    pace.set(1800)
    for _ in range(turns):
        await asyncio.sleep(0)
    pause.cancel()
    await asyncio.wait({pause}, timeout=5)
    assert pause.cancelled()


async def test_the_end_of_a_job_that_fails_or_hangs_is_told_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def away() -> None:
        raise StoreUnavailable("gone")

    async def broken() -> None:
        raise ValueError("a defect")

    async def hangs() -> None:
        await asyncio.Event().wait()

    for end in (away, broken, hangs):
        await end_job("some job", end, 0.01, log)
    assert [record.getMessage() for record in caplog.records] == [
        "the store cannot be reached; the end of some job is not written down",
        "unexpected fault at the end of some job",
        "the end of some job took more than 0.01 seconds and is given up",
    ]


@pytest.mark.parametrize(("swallows", "told"), [(0, 0), (1, 0), (2, 1)])
async def test_a_job_that_swallows_a_cancellation_is_cancelled_again_and_then_left(
    swallows: int, told: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pacing, "CANCEL_SECONDS", 0.01)
    left = swallows

    async def stubborn() -> None:
        nonlocal left
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not left:
                    raise
                left -= 1

    job = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await cancelled("some job", job, log)
    assert len(caplog.records) == told
    assert job.done() == (not told)
    job.cancel()
    await asyncio.wait({job})
