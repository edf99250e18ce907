"""CPU time of one call in this process, and how its figures are shown; whole servers are timed in bench.load."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping


def microseconds(call: Callable[[], object], *, calls: int = 5_000, rounds: int = 9) -> float:
    """The median over `rounds` of the CPU time of one call."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(calls):
            call()
        found.append((time.process_time() - started) / calls * 1e6)
    return statistics.median(found)


async def awaited(call: Callable[[], Awaitable[object]], *, calls: int = 5_000, rounds: int = 9) -> float:
    """The same of a call that is awaited, without what awaiting an empty one takes."""

    async def nothing() -> None:
        return

    async def timed(measured: Callable[[], Awaitable[object]]) -> float:
        started = time.process_time()
        for _ in range(calls):
            await measured()
        return (time.process_time() - started) / calls * 1e6

    await timed(call)
    return statistics.median([await timed(call) - await timed(nothing) for _ in range(rounds)])


def show(figures: Mapping[str, float], budgets: Mapping[str, float]) -> None:
    """A line for each figure, in microseconds, with its budget where it has one."""
    width = max(map(len, figures))
    for name, value in figures.items():
        budget = budgets.get(name)
        verdict = "" if budget is None else f"   budget {budget:g} {'ok' if value <= budget else 'OVER'}"
        print(f"{name:{width}} {value:12.3f} µs{verdict}")
