"""Predict: chunks of the input through the compiled connector to the provider and back to tensors (design section 3).

Touches no database and compiles nothing once a model is ready.
"""

from __future__ import annotations

import asyncio
import time

from fairlead.domain.dataset import Dataset, PredictInput, TextDocs
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.compiled import CompiledAction, CompiledConnector, Outgoing
from fairlead.engine.interpret import interpret, status_fault
from fairlead.engine.retry import MAX_SUPPRESSED, retry_after, retryable
from fairlead.errors import FairleadError, StatusFault
from fairlead.security.url import ParsedUrl, parse_url
from fairlead.service.connectors import require_remote_inference
from fairlead.service.models import ModelService
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Destination, ReadyModel, Snapshot
from fairlead.transport.client_errors import client_error
from fairlead.transport.port import Call, Limits, Reply, Route, TlsPlan, UpstreamError

_OF_THE_ADAPTER = (b"host", b"content-length")
_KNOWN_URLS = 1000
"""Checked destinations remembered per model."""


class PredictService:
    """Runs predictions on ready models."""

    def __init__(self, ports: Ports, snapshot: Snapshot, models: ModelService) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._models = models

    async def require(self, model_id: str) -> None:
        """Raises StatusFault 404 for a model that does not exist; a body is looked at only after that."""
        if model_id not in self._snapshot.ready:
            await self._models.require(model_id)

    async def predict(self, model_id: str, asked: PredictInput) -> list[InferenceResult]:
        """One result per call to the provider, in the order of the documents."""
        require_remote_inference(self._snapshot)
        ready = self._snapshot.ready.get(model_id) or await self._models.ready(model_id)
        if not ready.model.enabled:
            raise StatusFault("Model is disabled.", 403)
        action = ready.connector.action(asked.action)
        datasets = action.chunks(asked.dataset)
        if len(datasets) == 1:
            return [await self._call(ready, action, datasets[0])]
        return await self._all(ready, action, datasets)

    async def _all(self, ready: ReadyModel, action: CompiledAction, datasets: list[Dataset]) -> list[InferenceResult]:
        """All chunks at once, no more than the connector's pool takes; the first failure is told when all ended."""
        gate = asyncio.Semaphore(max(1, ready.connector.config.max_connection))

        async def one(dataset: Dataset) -> InferenceResult:
            async with gate:
                return await self._call(ready, action, dataset)

        outcomes = await asyncio.gather(*(one(dataset) for dataset in datasets), return_exceptions=True)
        results: list[InferenceResult] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            results.append(outcome)
        return results

    async def _call(self, ready: ReadyModel, action: CompiledAction, dataset: Dataset) -> InferenceResult:
        outgoing = action.prepare(dataset)
        post = action.post(outgoing.parameters)
        destination = self._destination(ready, outgoing)
        if ready.connector.retry is None:
            reply = await self._attempt(ready.connector, action, outgoing, destination)
        else:
            reply = await self._with_retries(ready.connector, action, outgoing, destination)
        max_size = self._snapshot.settings["max_json_size"]
        tensors = interpret(reply.body, post, outgoing.parameters, action.type, max_size)
        if isinstance(dataset, TextDocs) and action.one_tensor_per_document and len(tensors) != len(dataset.docs):
            raise StatusFault(f"The provider returned {len(tensors)} embeddings for {len(dataset.docs)} documents", 502)
        return InferenceResult(tuple(tensors), reply.status)

    def _destination(self, ready: ReadyModel, outgoing: Outgoing) -> Destination:
        """The parsed and trusted URL; known by its text until the egress policy changes."""
        policy = self._ports.policy()
        known = ready.routes.get(outgoing.url)
        if known is not None and known.policy is policy:
            return known
        url = parse_url(outgoing.url)
        policy.check_trusted(outgoing.url, calling=True)
        destination = Destination(policy, url, self._route(ready.connector, url))
        if len(ready.routes) >= _KNOWN_URLS:
            ready.routes.clear()
        ready.routes[outgoing.url] = destination
        return destination

    def _route(self, connector: CompiledConnector, url: ParsedUrl) -> Route:
        config = connector.config
        tls = TlsPlan(verify=not config.skip_ssl_verification) if url.scheme == "https" else None
        return Route(url.scheme, url.host, url.port, tls, None, max(1, config.max_connection), self._ports.limits.queue)

    async def _with_retries(
        self, connector: CompiledConnector, action: CompiledAction, outgoing: Outgoing, destination: Destination
    ) -> Reply:
        """Attempts as the connector's plan says; `Retry-After` is honoured within its budget (D-42)."""
        plan = connector.retry
        assert plan is not None
        started = self._ports.monotonic()
        failures: list[FairleadError] = []
        while True:
            try:
                return await self._attempt(connector, action, outgoing, destination)
            except FairleadError as fault:
                elapsed = (self._ports.monotonic() - started) * 1000
                if not retryable(fault.status) or not plan.again(len(failures) + 1, elapsed):
                    fault.suppressed = tuple(failures[-MAX_SUPPRESSED:])
                    raise
                failures.append(fault)
                wait = plan.delay(len(failures) - 1, self._ports.random)
                asked = retry_after(fault.headers.get("Retry-After", ""), self._ports.clock() / 1000)
                if asked is not None:
                    wait = max(wait, int(min(asked * 1000, plan.budget - elapsed)))
            await asyncio.sleep(wait / 1000)

    async def _attempt(
        self, connector: CompiledConnector, action: CompiledAction, outgoing: Outgoing, destination: Destination
    ) -> Reply:
        """One request, signed anew; a reply that stands for an error is raised as one."""
        url, headers = destination.url, outgoing.headers
        if connector.signer is not None:
            length = (b"Content-Length", str(len(outgoing.body)).encode())
            amz_date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._ports.clock() / 1000))
            signed = connector.signer.sign(
                outgoing.method, url.target, url.host_header, (*headers, length), outgoing.body, amz_date
            )
            headers = tuple(header for header in signed if header[0].lower() not in _OF_THE_ADAPTER)
        call = Call(outgoing.method.encode(), url.target, headers, outgoing.body)
        config = connector.config
        limits = Limits(
            pool=self._ports.limits.pool,
            connect=config.connection_timeout,
            first_byte=config.read_timeout,
            idle=config.read_timeout,
            total=self._ports.limits.total,
            max_body=self._max_body(),
        )
        try:
            reply = await self._ports.upstream.send(destination.route, call, limits)
        except UpstreamError as broken:
            raise client_error(broken) from broken
        fault = status_fault(reply.status, reply.headers, reply.body, empty_is_fine=action.reply_may_be_empty)
        if fault is not None:
            raise fault
        return reply

    def _max_body(self) -> int:
        size: int = self._snapshot.settings["max_json_size"]
        return size if size >= 0 else 2**31
