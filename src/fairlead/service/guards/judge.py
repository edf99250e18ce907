"""Guardrails of type `model`: another model is asked about a text, and its answer must match a pattern (spec/02 5).

It knows no models: who is asked, for whom and within which limits is the asker's (fairlead.service.predict).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from fairlead.domain.dataset import Value
from fairlead.domain.tensor import InferenceResult, RawJson
from fairlead.engine.compiled import Outgoing
from fairlead.java.json import compact
from fairlead.java.regex import JavaPattern
from fairlead.service.guards import guardrails

SECONDS = 60.0
"""How long a judge may take."""

Ask = Callable[[str, Mapping[str, Value]], Awaitable[Sequence[InferenceResult]]]
"""Predicts with a model by id and parameters, for the caller whose text is judged."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Who is asked, and what must be answered."""

    model_id: str
    response_filter: str | None
    accepts: JavaPattern

    @classmethod
    def of(cls, side: str, rules: Mapping[str, Any]) -> Judge:
        accepts = guardrails.pattern(side, rules["response_validation_regex"])
        return cls(rules["model_id"], rules.get("response_filter"), accepts)

    async def refuses_request(self, outgoing: Outgoing, ask: Ask) -> bool:
        """Only parameter `question` is judged, and without one nobody is asked, as recorded (D-36)."""
        question = outgoing.parameters.text("question")
        return bool(question) and await self._refuses(str(question), ask)

    async def refuses_reply(self, body: bytes, ask: Ask) -> bool:
        return await self._refuses(body.decode("utf-8", "replace"), ask)

    async def _refuses(self, question: str, ask: Ask) -> bool:
        parameters: dict[str, Value] = {"question": question}
        if self.response_filter:
            parameters["response_filter"] = self.response_filter
        async with asyncio.timeout(SECONDS):
            results = await ask(self.model_id, parameters)
        # The answer as JSON: a text has its quotes, which patterns count on.
        return self.accepts.fullmatch(compact(_answer(results))) is None


def _answer(results: Sequence[InferenceResult]) -> Any:
    """`dataAsMap.response` of the first output; raises for an answer of another shape."""
    data = results[0].output[0].data_as_map
    found: Any = orjson.loads(data.text) if isinstance(data, RawJson) else data
    return found["response"]
