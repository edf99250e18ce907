"""The guardrails of a loaded model, compiled: what may not go to the provider, and what may not come back (spec/02 5).

A guard that fails closes: a pattern that takes too long, a list that is gone, a judge that cannot be asked refuse the call.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from fairlead.engine.compiled import Outgoing
from fairlead.errors import IllegalArgument
from fairlead.service.guards import guardrails
from fairlead.service.guards.judge import Ask, Judge
from fairlead.service.guards.known_words import KnownWords
from fairlead.service.guards.local_guard import GuardBusy, LocalGuard

log = logging.getLogger("fairlead.guard")

INPUT_REASON = "guardrails triggered for user input"
OUTPUT_REASON = "guardrails triggered for LLM output"


class Rule(Protocol):
    """One side of guardrails. Whatever it raises counts as a refusal."""

    def refuses_request(self, outgoing: Outgoing, ask: Ask) -> Awaitable[bool]: ...
    def refuses_reply(self, body: bytes, ask: Ask) -> Awaitable[bool]: ...


@dataclass(frozen=True, slots=True)
class Guard:
    """Both sides of one model; a side that checks nothing is None."""

    model_id: str
    request: Rule | None
    reply: Rule | None

    def asking(self, ask: Ask) -> Watch:
        """For one predict, whose caller `ask` stands for."""
        return Watch(self, ask)


@dataclass(frozen=True, slots=True)
class Watch:
    """A guard during one predict. Raises IllegalArgument with the recorded reasons, which say nothing of the rule."""

    guard: Guard
    ask: Ask

    async def request(self, outgoing: Outgoing) -> None:
        rule = self.guard.request
        if rule is not None and await self._refused(rule.refuses_request(outgoing, self.ask)):
            raise IllegalArgument(INPUT_REASON)

    async def reply(self, body: bytes) -> None:
        rule = self.guard.reply
        if rule is not None and await self._refused(rule.refuses_reply(body, self.ask)):
            raise IllegalArgument(OUTPUT_REASON)

    async def _refused(self, verdict: Awaitable[bool]) -> bool:
        try:
            return await verdict
        except GuardBusy:
            raise
        except Exception as fault:  # fails closed, whatever it was; its text may hold what was checked
            log.warning("the guardrails of model %s could not decide and refused: %s", self.guard.model_id, type(fault))
            return True


def compile_guard(id: str, rules: Mapping[str, Any] | None, known: KnownWords, executor: Executor) -> Guard | None:
    """None for guardrails that check nothing: such a model pays nothing. Raises IllegalArgument for what cannot be
    compiled, word lists that do not exist included."""
    if not rules:
        return None
    judged = rules.get("type") == guardrails.MODEL
    sides: list[Rule | None] = []
    for side in guardrails.SIDES:
        given = rules.get(side)
        if not given:
            sides.append(None)
        elif judged:
            sides.append(Judge.of(side, given))
        else:
            sides.append(LocalGuard.of(side, given, known, executor))
    request, reply = sides
    return None if request is None and reply is None else Guard(id, request, reply)
