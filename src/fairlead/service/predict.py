"""Predict: the model, whether it may be used, and the call through its connector (design section 3).

Touches no database and compiles nothing once a model is ready; how a provider is called is fairlead.service.calling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from fairlead.domain.connector import ActionType
from fairlead.domain.dataset import PredictInput, QuestionAnswering, Remote, TextDocs, TextSimilarity, Value
from fairlead.domain.model import Model
from fairlead.domain.principal import Principal
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.interface import Interface, compile_interface
from fairlead.errors import IllegalArgument, StatusFault
from fairlead.service.access import AccessControl
from fairlead.service.calling import Caller, concealed
from fairlead.service.connectors import require_remote_inference
from fairlead.service.deployment import DeploymentService
from fairlead.service.limits import Limits
from fairlead.service.models import ModelService
from fairlead.service.ports import Ports
from fairlead.service.snapshot import ReadyModel, Snapshot
from fairlead.service.usage import PredictCounts

INPUT_TYPES = {
    Remote: "REMOTE",
    TextDocs: "TEXT_DOCS",
    TextSimilarity: "TEXT_SIMILARITY",
    QuestionAnswering: "QUESTION_ANSWERING",
}
"""What a running predict is said to take (spec/02 2.1)."""

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
    ) -> None:
        self._deployments = deployments
        self._recorder = recorder
        self._limits = limits
        self._snapshot = snapshot
        self._models = models
        self._access = AccessControl(snapshot)
        self._caller = Caller(ports, self._max_size, ports.audit)
        self._deploying: set[asyncio.Future[ReadyModel]] = set()

    async def require(self, model_id: str, principal: Principal | None = None) -> None:
        """Raises StatusFault 404 for a model that does not exist; a body is looked at only after that.

        Where existence is hidden, one that the caller may not use is missing here already: no fault of a body tells it.
        """
        if principal is not None and self._access.hides_existence:
            await self.admit(model_id, principal)
        elif model_id not in self._snapshot.ready:
            await self._models.require(model_id)

    async def admit(self, model_id: str, principal: Principal) -> None:
        """Raises unless the caller may predict with the model; nothing is deployed for one who may not."""
        ready = self._snapshot.ready.get(model_id)
        model = await self._models.require(model_id) if ready is None else ready.model
        await self._access.require_predict(model, principal)

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
        if principal is not None:
            await self.admit(model_id, principal)
        call = self._recorder.begin(model_id, INPUT_TYPES[type(asked.dataset)])
        try:
            ready = self._snapshot.ready.get(model_id) or await self._deployed(model_id, asked)
            if not ready.model.enabled:
                raise StatusFault("Model is disabled.", 403)
            interface = ready.interface
            if interface is not None:
                _check_input(interface, asked)
            inference = self._recorder.now()
            admission = None
            if ready.limiter is not None or (principal is not None and principal.key_rate is not None):
                admission = self._limits.admission(ready.limiter, principal)
            watch = None
            if ready.guard is not None:
                watch = ready.guard.asking(partial(self._ask, (*judged, model_id), principal))
            results = await self._caller.predict(ready.connector, ready.routes, asked, admission, watch)
            if interface is not None:
                self._check_output(interface, results, ready)
        except BaseException as fault:
            self._recorder.failed(call, fault)
            raise
        self._recorder.succeeded(call, inference)
        return results

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
        """Deploying is finished even if the caller who caused it is gone: its task must not stay open. What the interface
        refuses deploys nothing."""

        def check(model: Model) -> None:
            if (interface := compile_interface(model.interface)) is not None:
                _check_input(interface, asked)

        work = asyncio.ensure_future(self._deployments.ready(model_id, check))
        self._deploying.add(work)
        work.add_done_callback(self._deploying.discard)
        return await asyncio.shield(work)

    def _max_size(self) -> int:
        size: int = self._snapshot.settings["max_json_size"]
        return size


def _check_input(interface: Interface, asked: PredictInput) -> None:
    """Batch jobs have inputs of their own kind, which no interface describes (spec/02 3.5)."""
    if asked.action != ActionType.BATCH_PREDICT:
        interface.check_input(asked)
