"""Jobs that run in rounds: the pause between two, which a setting may change, what a failed round does, and how a job ends.

It knows no job, and holds no lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fairlead.domain.ports import StoreUnavailable
from fairlead.errors import FairleadError

RESTART_SECONDS = 1.0
"""The pause before a job that failed is begun again."""
CANCELLATIONS, CANCEL_SECONDS = 2, 1.0
"""How often a job is cancelled at its end, since what it waits for may swallow one, and how long it may take each time."""


class Pace:
    """`seconds` may change at any time; a pause that is under way begins anew then. 0: no round until it changes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = asyncio.Event()

    @property
    def seconds(self) -> float:
        return self._seconds

    def set(self, seconds: float) -> None:
        if seconds != self._seconds:
            self._seconds = seconds
            self._changed.set()

    async def pause(self) -> None:
        """One interval of the length in force when it ends."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(self._seconds or None):  # Python 3.11's wait_for may swallow a cancellation
                    await self._changed.wait()
            except TimeoutError:
                return


async def run_rounds(job: str, pace: Pace, round: Callable[[], Awaitable[None]], log: logging.Logger) -> None:
    """A round after each pause, until cancelled."""
    while True:
        await pace.pause()
        await attempt_round(job, round, log)


async def attempt_round(job: str, round: Callable[[], Awaitable[None]], log: logging.Logger) -> None:
    """A round that fails is reported under the name `job` and ends nothing."""
    try:
        await round()
    except StoreUnavailable:
        log.warning("the store cannot be reached; %s waits", job)
    except FairleadError as fault:
        log.warning("a round of %s failed: %s", job, fault)
    except Exception:
        log.exception("unexpected fault in %s", job)


async def keep_running(job: str, run: Callable[[], Awaitable[None]], log: logging.Logger) -> None:
    """`run` until it ends by itself; after an unexpected fault, which is reported, it is begun again."""
    while True:
        try:
            return await run()
        except Exception:
            log.exception("%s ended by an unexpected fault and is begun again", job)
        await asyncio.sleep(RESTART_SECONDS)


async def end_job(job: str, end: Callable[[], Awaitable[None]], seconds: float, log: logging.Logger) -> None:
    """The last thing that is done for a job. What fails or takes longer is reported, and keeps nothing else from ending."""
    try:
        async with asyncio.timeout(seconds):
            await end()
    except StoreUnavailable:
        log.warning("the store cannot be reached; the end of %s is not written down", job)
    except TimeoutError:
        log.warning("the end of %s took more than %g seconds and is given up", job, seconds)
    except Exception:
        log.exception("unexpected fault at the end of %s", job)


async def cancelled(job: str, task: asyncio.Task[None], log: logging.Logger) -> None:
    """Ends a job that runs until it is cancelled; one that does not heed it is left, and reported."""
    for _ in range(CANCELLATIONS):
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
        if task.done():
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("%s ended by an unexpected fault", job, exc_info=fault)
            return
    log.error("%s did not heed that it was cancelled: %s", job, task.get_stack())
