"""Ends of streams that collectors use too: gathering, reducing, extremes and statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fairlead.java.text import signed64
from fairlead.painless.errors import null_pointer
from fairlead.painless.limits import Meter
from fairlead.painless.runtime import collections as c
from fairlead.painless.runtime.equality import compare
from fairlead.painless.runtime.values import (
    Function,
    Optional,
    Plain,
)
from fairlead.painless.types import ClassRows, Row


def gathered(meter: Meter, items: Iterable[Any]) -> list[Any]:
    """All elements as a list, booked one by one: a stream may be endless."""
    found = []
    for item in items:
        meter.take_elements(1)
        found.append(item)
    return found


def reduce(meter: Meter, items: Iterator[Any], start: Any, function: Function) -> Any:
    for item in items:
        start = function.call(start, item)
    return start


def optional(kind: str, make: Callable[[Any], Any] | None) -> Callable[[list[Any]], Optional]:
    def run(found: list[Any]) -> Optional:
        if not found:
            return Optional(kind, False)
        if found[0] is None:
            raise null_pointer(None)
        return Optional(kind, True, found[0] if make is None else make(found[0]))

    return run


def reduce_some(wrap: Callable[[list[Any]], Optional]) -> Callable[..., Optional]:
    def run(meter: Meter, items: Iterator[Any], function: Function) -> Optional:
        for first in items:
            return wrap([reduce(meter, items, first, function)])
        return wrap([])

    return run


def extreme(pick: int, wrap: Callable[[list[Any]], Optional]) -> Callable[..., Optional]:
    def run(meter: Meter, items: Iterator[Any], order: Function | None = None) -> Optional:
        by = c.comparator(meter, order) if order is not None else compare
        best: list[Any] = []
        for item in items:
            if not best:
                best = [item]
            else:
                sign = by(item, best[0]) * pick
                # Of equals, min keeps the first and max takes the last, as in Java.
                if sign > 0 or (sign == 0 and pick > 0):
                    best[0] = item
        return wrap(best)

    return run


# Statistics -------------------------------------------------------------------------------------------------------------


class Statistics(Plain):
    """What summaryStatistics collects: kind, count, sum, minimum, maximum."""

    __slots__ = ()


class IntStatistics(Statistics):
    __slots__ = ()


class LongStatistics(Statistics):
    __slots__ = ()


class DoubleStatistics(Statistics):
    __slots__ = ()


STATISTICS: dict[str, type[Statistics]] = {"Int": IntStatistics, "Long": LongStatistics, "Double": DoubleStatistics}


_EMPTY = {
    "Int": (0x7FFFFFFF, -0x80000000),
    "Long": (0x7FFFFFFFFFFFFFFF, -0x8000000000000000),
    "Double": (float("inf"), float("-inf")),
}


def statistics(kind: str) -> Callable[..., Statistics]:
    def run(meter: Meter, items: Iterator[Any]) -> Statistics:
        found = gathered(meter, items)
        low, high = _EMPTY[kind]
        total = float(sum(found)) if kind == "Double" else signed64(sum(found))
        return STATISTICS[kind](kind, len(found), total, min(found, default=low), max(found, default=high))

    return run


def show_statistics(meter: Meter, value: Statistics) -> str:
    kind, count, total, low, high = value.state
    average = total / count if count else 0.0
    if kind == "Double":
        return (
            f"DoubleSummaryStatistics{{count={count}, sum={total:.6f}, min={low:.6f}, "
            f"average={average:.6f}, max={high:.6f}}}"
        )
    return f"{kind}SummaryStatistics{{count={count}, sum={total}, min={low}, average={average:.6f}, max={high}}}"


def statistics_rows(kind: str, number: str) -> ClassRows:
    total = "double" if kind == "Double" else "long"
    return ClassRows(
        f"java.util.{kind}SummaryStatistics",
        (),
        (
            Row("double getAverage()", lambda m, s: s.state[2] / s.state[1] if s.state[1] else 0.0),
            Row("long getCount()", lambda m, s: s.state[1]),
            Row(f"{number} getMax()", lambda m, s: s.state[4]),
            Row(f"{number} getMin()", lambda m, s: s.state[3]),
            Row(f"{total} getSum()", lambda m, s: s.state[2]),
        ),
        tier=2,
        python=(STATISTICS[kind],),
    )
