"""Batch jobs of the simulated providers: a job moves on by one state each time somebody asks for it. It works on nothing.

How a job ends is in its own order: a word of `ENDINGS` anywhere in the body, as in the name of an input file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlead.simulator.message import Refused

ENDINGS = ("fails", "expires", "stalls")
"""What an order may ask for: that the job fails, expires, or runs for ever. Every other job is done in the end."""
KEPT = 10_000
"""Jobs that are remembered; the oldest go first."""


@dataclass(frozen=True, slots=True)
class States:
    """A provider's words: while a job runs, one after another; after it was stopped; and for the ways to end."""

    running: Sequence[str]
    stopped: Sequence[str]
    done: str
    fails: str
    expires: str


@dataclass(slots=True)
class Job:
    """One job; `members` are what the provider tells of it beside its state."""

    id: str
    states: States
    members: Mapping[str, object]
    ending: str | None = None
    looks: int = 0
    stopped: int | None = None
    """How many had looked when it was stopped."""

    @property
    def state(self) -> str:
        states = self.states
        if self.stopped is not None:
            return states.stopped[min(max(self.looks - self.stopped - 1, 0), len(states.stopped) - 1)]
        last = {"fails": states.fails, "expires": states.expires, "stalls": states.running[-1]}
        sequence = (*states.running, last.get(self.ending or "", states.done))
        return sequence[min(self.looks, len(sequence) - 1)]

    @property
    def over(self) -> bool:
        return self.stopped is not None or (self.looks >= len(self.states.running) and self.ending != "stalls")


class Jobs:
    """All jobs of one simulator, by what their callers name them."""

    __slots__ = ("_jobs", "_made")

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._made = 0

    def id(self, prefix: str) -> str:
        """The next id, the same in every run."""
        self._made += 1
        return f"{prefix}{self._made:08x}"

    def create(self, id: str, states: States, order: str, members: Mapping[str, object]) -> Job:
        """A job of the ending that its order names. Raises Refused for a name that is taken."""
        if id in self._jobs:
            raise Refused(400, f"A job with the name {id} exists already.", kind="ResourceInUse")
        job = Job(id, states, members, next((word for word in ENDINGS if word in order), None))
        self._jobs[id] = job
        if len(self._jobs) > KEPT:
            del self._jobs[next(iter(self._jobs))]
        return job

    def look(self, id: str, missing: int = 404) -> Job:
        """The job one step later. Raises Refused with status `missing`."""
        job = self._find(id, missing)
        job.looks += 1
        return job

    def stop(self, id: str, missing: int = 404) -> Job:
        """Raises Refused also for a job that is over."""
        job = self._find(id, missing)
        if job.over:
            raise Refused(400, f"The job {id} is {job.state} and cannot be stopped.")
        job.stopped = job.looks
        return job

    def _find(self, id: str, missing: int) -> Job:
        job = self._jobs.get(id)
        if job is None:
            raise Refused(missing, f"No job with the id '{id}' was found.")
        return job

    def clear(self) -> None:
        self._jobs.clear()
