"""One opened connector of the library: compiled, with its way out, called by asynchronous methods.

The same caller, guard and errors as in the server, without a store. Each event loop that uses it gets a client of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fairlead.api.decode.predict import predict_body
from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.domain.connector import ActionType
from fairlead.domain.dataset import Algorithm, PredictInput
from fairlead.engine.compiled import CompiledConnector
from fairlead.errors import IllegalState
from fairlead.library.blueprint import json_body, open_blueprint
from fairlead.library.egress import egress_policy
from fairlead.library.recipe import Recipe
from fairlead.library.result import Prediction, Tensor
from fairlead.security.egress import EgressPolicy, GuardedDialer
from fairlead.service.calls.calling import Caller, StreamBounds
from fairlead.service.calls.explaining import OutgoingRequest, explain, masked
from fairlead.service.forward_proxy import ForwardProxy
from fairlead.service.ports import Limits, Random
from fairlead.service.scripts import PainlessCompiler
from fairlead.service.snapshot import Destination
from fairlead.transport.choose import open_upstream
from fairlead.transport.port import Upstream

Parameters = Mapping[str, Any]
Texts = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class _Outside:
    """What a call needs from outside (fairlead.service.calls.calling.Outside)."""

    upstream: Upstream
    policy: Callable[[], EgressPolicy]
    clock: Callable[[], int]
    monotonic: Callable[[], float]
    random: Random
    limits: Limits
    proxy: ForwardProxy | None = None


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _draw(n: int) -> int:
    return secrets.randbelow(n + 1)


class _Client:
    """The caller of one event loop."""

    def __init__(self, policy: EgressPolicy, recipe: Recipe, max_size: int) -> None:
        self.upstream = open_upstream(recipe.transport, GuardedDialer(lambda: policy))
        outside = _Outside(self.upstream, lambda: policy, _milliseconds, time.monotonic, _draw, Limits())
        self.caller = Caller(outside, lambda: max_size)


class Session:
    """Raises fairlead.errors when the blueprint, its credential or its certificates are not what they must be."""

    def __init__(self, recipe: Recipe) -> None:
        opened = open_blueprint(recipe)
        self._recipe = recipe
        self._opened = opened
        self._scripts = PainlessCompiler()
        self._policy = egress_policy(opened.connector, recipe)
        self._connector = CompiledConnector(opened.connector, opened.credential, self._scripts)
        self._known: dict[str, Destination] = {}
        self._known_masked: dict[str, Destination] = {}
        defaults = ClusterSettings()
        self._max_size: int = defaults["max_json_size"]
        self._stream_seconds: int = defaults["fairlead.stream.total_seconds"]
        self._clients: dict[asyncio.AbstractEventLoop, _Client] = {}
        self.name = opened.connector.name

    @cached_property
    def _masked(self) -> CompiledConnector:
        return masked(self._opened.connector, self._opened.credential, self._scripts)

    async def predict(self, asked: PredictInput) -> Prediction:
        results = await self._client().caller.predict(self._connector, self._known, asked)
        return Prediction(tuple(results))

    async def stream(self, asked: PredictInput) -> AsyncGenerator[list[str], None]:
        """Batches of text as they come; leaving early ends the call."""
        caller, bounds = self._client().caller, StreamBounds(self._stream_seconds)
        async with (
            caller.stream(self._connector, self._known, asked, bounds) as stream,
            aclosing(stream.batches()) as batches,
        ):
            async for texts in batches:
                yield texts

    async def embed(self, texts: Texts, parameters: Parameters | None) -> list[Tensor]:
        return (await self.predict(asked(parameters, text_docs=texts))).output

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float | None]:
        output = (await self.predict(asked(None, text_docs=documents, query_text=query))).output
        scores = [tensor.data[0] for tensor in output if tensor.data is not None and len(tensor.data) == 1]
        if len(scores) != len(documents) or len(output) != len(documents):
            raise IllegalState(
                "The connector does not answer with one score for each document: it needs a rerank function as "
                "post_process_function; predict gives what it answers"
            )
        return scores

    def explain(self, asked: PredictInput) -> OutgoingRequest:
        # A caller without a client would do, but explaining is rare and a client opens nothing by itself.
        client = _Client(self._policy, self._recipe, self._max_size)
        return explain(client.caller, self._masked, self._known_masked, asked)

    async def close(self) -> None:
        """Closes the connections of the running loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.upstream.close()

    def _client(self) -> _Client:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for ended in [other for other in list(self._clients) if other.is_closed()]:
                self._clients.pop(ended, None)  # loops of other threads come and go meanwhile
            client = self._clients[loop] = _Client(self._policy, self._recipe, self._max_size)
        return client


def asked(
    parameters: Parameters | None,
    *,
    text_docs: Texts | None = None,
    query_text: str | None = None,
    action: str = ActionType.PREDICT,
) -> PredictInput:
    """The input of a predict, decoded as the REST API decodes its body. Raises fairlead.errors, TypeError for one text
    in the place of a list."""
    if isinstance(text_docs, str | bytes):
        raise TypeError("a list of texts is expected, not one text")
    docs = None if text_docs is None else list(text_docs)
    members = {"parameters": parameters, "text_docs": docs, "query_text": query_text}
    algorithm = Algorithm.REMOTE if docs is None else Algorithm.TEXT_EMBEDDING
    if query_text is not None:
        algorithm = Algorithm.TEXT_SIMILARITY
    body = json_body({name: value for name, value in members.items() if value is not None}, "input")
    dataset = predict_body(algorithm, body).dataset
    upper = action.upper()
    return PredictInput(dataset, upper if upper in ActionType.__members__ else action)
