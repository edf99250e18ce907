"""Predict: the model, whether it may be used, and the call through its connector (design section 3).

Touches no database and compiles nothing once a model is ready; how a provider is called is fairlead.service.calls.calling.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from fairlead.domain.connector import ActionType
from fairlead.domain.dataset import PredictInput, QuestionAnswering, Remote, TextDocs, TextSimilarity, Value
from fairlead.domain.model import Model
from fairlead.domain.principal import Principal
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.interface import Interface, compile_interface
from fairlead.errors import IllegalArgument, StatusFault
from fairlead.service.access import NO_PRIVILEGE, AccessControl
from fairlead.service.calls.calling import Caller, StreamBounds, concealed
from fairlead.service.counts.meter import Meter
from fairlead.service.counts.usage import PredictCounts
from fairlead.service.guards.guard import Guard, Watch
from fairlead.service.guards.stream_guard import GuardedStream
from fairlead.service.limits.admission import Admission
from fairlead.service.limits.limits import Limits
from fairlead.service.models.deployment import DeploymentService
from fairlead.service.models.models import ModelService
from fairlead.service.ports import Ports
from fairlead.service.remote_inference import require_remote_inference
from fairlead.service.snapshot import ReadyModel, Snapshot
from fairlead.service.text_stream import TextStream

INPUT_TYPES = {
    Remote: "REMOTE",
    TextDocs: "TEXT_DOCS",
    TextSimilarity: "TEXT_SIMILARITY",
    QuestionAnswering: "QUESTION_ANSWERING",
}
"""What a running predict is said to take (spec/02 2.1)."""

NO_STREAM = "User Doesn't have privilege to perform this operation on this model"
"""The capital is the original's, on this route alone (spec/02 9)."""

MAX_JUDGES = 3
"""How many guardrails may ask each other in a row."""


class PredictService:
    """Runs predictions on ready models."""

    def __init__(
        self,
        ports: Ports,
        snapshot: Snapshot,
        models: ModelService,
        deployments: DeploymentService,
        recorder: PredictCounts,
        limits: Limits,
        meter: Meter | None = None,
    ) -> None:
        self._deployments = deployments
        self._recorder = recorder
        self._limits = limits
        self._snapshot = snapshot
        self._models = models
        self._access = AccessControl(snapshot)
        self._caller = Caller(ports, self._max_size, ports.audit, meter)

    async def require(self, model_id: str, principal: Principal | None = None, *, stream: bool = False) -> None:
        """Raises StatusFault 404 for a model that does not exist; a body is looked at only after that.

        Where existence is hidden, one that the caller may not use is missing here already: no fault of a body tells it.
        """
        if principal is not None and self._access.hides_existence:
            await self.admit(model_id, principal, stream=stream)
        elif model_id not in self._snapshot.ready:
            await self._models.require(model_id)

    async def admit(self, model_id: str, principal: Principal, *, stream: bool = False) -> None:
        """Raises unless the caller may predict with the model; nothing is deployed for one who may not."""
        ready = self._snapshot.ready.get(model_id)
        model = await self._models.require(model_id) if ready is None else ready.model
        await self._access.require_predict(model, principal, NO_STREAM if stream else NO_PRIVILEGE)

    async def predict(
        self,
        model_id: str,
        asked: PredictInput,
        principal: Principal | None = None,
        judged: tuple[str, ...] = (),
    ) -> list[InferenceResult]:
        """One result per call to the provider, in the order of the documents. `judged`: the models for whose guardrails
        this one is asked, from the caller's on."""
        require_remote_inference(self._snapshot)
        ready = self._snapshot.ready.get(model_id)
        if principal is not None and (ready is None or not self._access.surely_predicts(ready.model, principal)):
            await self.admit(model_id, principal)
            ready = self._snapshot.ready.get(model_id)
        call = self._recorder.begin(model_id, INPUT_TYPES[type(asked.dataset)])
        try:
            if ready is None or not ready.open:
                ready = await self._usable(model_id, asked)
            inference = self._recorder.now()
            admission = self._admission(ready, principal)
            watch = None if ready.guard is None else self._watch(ready.guard, (*judged, model_id), principal)
            results = await self._caller.predict(ready.connector, ready.routes, asked, admission, watch)
            if (interface := ready.interface) is not None:
                self._check_output(interface, results, ready)
        except BaseException as fault:
            self._recorder.failed(call, fault)
            raise
        self._recorder.succeeded(call, inference)
        return results

    @asynccontextmanager
    async def stream(
        self, model_id: str, asked: PredictInput, principal: Principal | None = None
    ) -> AsyncIterator[TextStream]:
        """The text as it comes from the provider; leaving early ends its call. Everything that a predict is asked
        for holds here too, but for retries and the output's interface, which need the whole reply (spec/02 9)."""
        require_remote_inference(self._snapshot)
        if not self._snapshot.settings["stream_enabled"]:
            raise StatusFault(
                "Streaming is currently disabled. To enable it, update the setting "
                '"plugins.ml_commons.stream_enabled" to true.',
                400,
            )
        if principal is not None:
            await self.admit(model_id, principal, stream=True)
        call = self._recorder.begin(model_id, INPUT_TYPES[type(asked.dataset)])
        try:
            ready = await self._usable(model_id, asked)
            inference = self._recorder.now()
            admission = self._admission(ready, principal)
            watch = None if ready.guard is None else self._watch(ready.guard, (model_id,), principal)
            bounds = StreamBounds(self._snapshot.settings["fairlead.stream.total_seconds"])
            async with self._caller.stream(ready.connector, ready.routes, asked, bounds, admission, watch) as stream:
                yield self._checked(stream, watch)
        except BaseException as fault:
            self._recorder.failed(call, fault)
            raise
        self._recorder.succeeded(call, inference)

    def _checked(self, stream: TextStream, watch: Watch | None) -> TextStream:
        if watch is None or watch.guard.reply is None:
            return stream
        return GuardedStream(stream, watch, self._snapshot.settings["fairlead.stream.guard_characters"])

    async def _usable(self, model_id: str, asked: PredictInput) -> ReadyModel:
        """The model, deployed, enabled, and asked for something that its interface takes."""
        ready = self._snapshot.ready.get(model_id) or await self._deployed(model_id, asked)
        if not ready.model.enabled:
            raise StatusFault("Model is disabled.", 403)
        if ready.interface is not None:
            _check_input(ready.interface, asked)
        return ready

    def _admission(self, ready: ReadyModel, principal: Principal | None) -> Admission | None:
        if ready.limiter is not None or (principal is not None and principal.key_rate is not None):
            return self._limits.admission(ready.limiter, principal)
        return None

    def _watch(self, guard: Guard, judged: tuple[str, ...], principal: Principal | None) -> Watch:
        return guard.asking(partial(self._ask, judged, principal))

    async def _ask(
        self, judged: tuple[str, ...], principal: Principal | None, judge_id: str, parameters: Mapping[str, Value]
    ) -> list[InferenceResult]:
        """What a judge says. It is the caller who asks: with the caller's rights and within the caller's limits."""
        if (
            judge_id in judged or len(judged) > MAX_JUDGES
        ):  # stored ones are checked; this holds while two change at once
            raise IllegalArgument("guardrails ask each other in a circle")
        return await self.predict(judge_id, PredictInput(Remote(parameters)), principal, judged)

    def _check_output(self, interface: Interface, results: list[InferenceResult], ready: ReadyModel) -> None:
        try:
            interface.check_output(results)
        except StatusFault as fault:  # it shows the reply, and a provider may have quoted the request
            raise concealed(fault, ready.connector.secrets) from None

    async def _deployed(self, model_id: str, asked: PredictInput) -> ReadyModel:
        """What the interface refuses deploys nothing."""

        def check(model: Model) -> None:
            if (interface := compile_interface(model.interface)) is not None:
                _check_input(interface, asked)

        return await self._deployments.ready(model_id, check)

    def _max_size(self) -> int:
        size: int = self._snapshot.settings["max_json_size"]
        return size


def _check_input(interface: Interface, asked: PredictInput) -> None:
    """Batch jobs have inputs of their own kind, which no interface describes (spec/02 3.5)."""
    if asked.action != ActionType.BATCH_PREDICT:
        interface.check_input(asked)
