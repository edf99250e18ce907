"""What one execution may cost, and the meter that counts it; it never interrupts a call, it is asked by those who work.

Spec 04 sections 14 and 18.4: loop iterations per function, steps, call depth, characters, elements, size of big
numbers, and time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from fairlead.painless.errors import Thrown, exhausted, thrown

LOOP_CHUNK = 4000
"""Loop iterations between two visits to the meter; divides the loop limit."""

STEP_CHUNK = 2000
"""Calls between two looks at the clock."""

FRAMES = 6000
"""Python frames that the deepest allowed script needs: 200 calls, each through some 25 closures."""

if sys.getrecursionlimit() < FRAMES:
    # Python-to-Python calls take no C stack since 3.11, so a higher limit is safe; without it a script could
    # recurse only 80 deep. Set at import, never while a script runs: the limit belongs to the whole process.
    sys.setrecursionlimit(FRAMES)

LOOP_REASON = "The maximum number of statements that can be executed in a loop has been reached."


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one execution.

    `loop`: iterations per function invocation, as in the original (rounded up to whole chunks); `steps`: iterations,
    calls and lambda invocations in total; `depth`: calls inside calls; `characters`: UTF-16 units produced;
    `elements`: list, map and array elements made; `bits`: length of a big integer or of a big decimal's digits;
    `regex_input`: units a regular expression is applied to; `regex_seconds`: time of one application.
    """

    loop: int = 1_000_000
    steps: int = 5_000_000
    depth: int = 200
    characters: int = 16_000_000
    elements: int = 2_000_000
    bits: int = 14_000
    regex_input: int = 200_000
    regex_seconds: float = 0.1


DEFAULT = Limits()

MAX_SOURCE_BYTES = 65_535
MAX_NESTING = 150


class Meter:
    """What is left of each budget in one execution; costs are subtracted, a negative rest ends the script."""

    __slots__ = (
        "chars",
        "clock",
        "deadline",
        "depth",
        "elements",
        "fuel",
        "half",
        "hidden",
        "limits",
        "loop_first",
        "loop_rest",
        "steps",
        "wide",
        "wide_units",
    )

    def __init__(self, limits: Limits, deadline: float | None, clock: Callable[[], float] | None) -> None:
        self.limits = limits
        self.deadline = deadline
        self.clock = clock
        self.depth = limits.depth
        self.chars = limits.characters
        self.elements = limits.elements
        self.steps = limits.steps
        self.fuel = STEP_CHUNK
        self.loop_first = min(limits.loop, LOOP_CHUNK)
        self.loop_rest = max(0, limits.loop // LOOP_CHUNK - 1)
        self.half = False
        self.hidden = 0
        self.wide: str | None = None
        self.wide_units = ""

    def frame(self, *variables: object) -> list[object]:
        """A new frame: meter, loop counter, refills left, result, then the variables."""
        return [self, self.loop_first, self.loop_rest, None, *variables]

    def look(self) -> None:
        """Ends the script when its time or its steps are used up."""
        if self.steps < 0:
            raise exhausted("steps", self.limits.steps)
        if self.deadline is not None and self.clock is not None and self.clock() > self.deadline:
            raise exhausted("time", None)

    def refuel(self) -> None:
        """Called when `fuel` has run out: books a chunk of steps."""
        self.steps += self.fuel - STEP_CHUNK
        self.fuel = STEP_CHUNK
        self.look()

    def spend(self, steps: int) -> None:
        """Books the work of one library call that takes time in proportion to `steps`."""
        self.fuel -= steps
        if self.fuel < 0:
            self.refuel()

    def take_elements(self, count: int) -> None:
        """Books elements before they are made."""
        self.elements -= count
        if self.elements < 0:
            raise out_of_memory("Java heap space")

    def take_chars(self, count: int) -> None:
        """Books characters before they are made."""
        if self.half:
            self.hidden -= count
            if self.hidden < 0:
                raise out_of_memory("Java heap space")
            return
        self.chars -= count
        if self.chars < 0:
            raise out_of_memory("Java heap space")

    def split_pairs(self) -> None:
        """From now on strings may hold half pairs, so every new string passes through `settle`.

        The budget moves to `hidden` and `chars` goes below zero: the fast paths test that one number only.
        """
        if not self.half:
            self.half = True
            self.hidden = self.chars
            self.chars = -1

    def made(self, s: str) -> str:
        """Books a string that was made; gives it back, with halves of a pair that met joined."""
        self.chars -= len(s)
        return s if self.chars >= 0 else self.settle(s)

    def settle(self, s: str) -> str:
        """The slow path after `chars -= len(s)` went below zero: out of budget, or halves to join."""
        if not self.half:
            raise out_of_memory("Java heap space")
        self.chars = -1
        self.hidden -= len(s)
        if self.hidden < 0:
            raise out_of_memory("Java heap space")
        return s.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

    def units(self, s: str) -> str:
        """A string with astral characters as one Python character per UTF-16 unit; remembers the last one."""
        if s is self.wide:
            return self.wide_units
        self.spend(len(s) // 64)
        self.wide_units = "".join(map(chr, memoryview(s.encode("utf-16-le", "surrogatepass")).cast("H")))
        self.wide = s
        return self.wide_units

    def enter(self) -> None:
        """One call deeper."""
        self.depth -= 1
        self.fuel -= 1
        if self.depth < 0:
            raise stack_overflow()
        if self.fuel < 0:
            self.refuel()


def out_of_memory(reason: str | None) -> Thrown:
    """The error of a script that makes more than it may."""
    return thrown("OutOfMemoryError", reason)


def stack_overflow() -> Thrown:
    """The error of a script that calls too deep."""
    return thrown("StackOverflowError", None)


def refill(frame: list[object], meter: Meter) -> None:
    """Called when a function's loop counter has reached zero: the next chunk, or the end of its allowance."""
    left = frame[2]
    if not isinstance(left, int) or left <= 0:
        raise thrown("PainlessError", LOOP_REASON)
    frame[1] = LOOP_CHUNK
    frame[2] = left - 1
    meter.steps -= LOOP_CHUNK
    meter.look()
