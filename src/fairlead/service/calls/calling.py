"""Calls a provider for one predict: destination, signature, attempts, retries, and the reply as tensors.

Takes a compiled connector and an input, and needs no store: the server and the library share it. It decides nothing about
models, and compiles nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from fairlead.domain.audit import Audit, NoAudit
from fairlead.domain.connector import ActionType, ClientConfig
from fairlead.domain.dataset import Dataset, PredictInput, Remote, TextDocs, Value
from fairlead.domain.secret import Secret
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.compiled import CompiledAction, CompiledConnector, Outgoing
from fairlead.engine.interpret import interpret, status_fault
from fairlead.engine.retry import MAX_SUPPRESSED, retry_after, retryable
from fairlead.errors import FairleadError, IllegalArgument, StatusFault
from fairlead.security.egress import EgressPolicy, Reach
from fairlead.security.redaction import MASK, MIN_SECRET, forms
from fairlead.security.url import ParsedUrl, parse_url
from fairlead.service.calls.audited import tell_denied
from fairlead.service.calls.provider_stream import ProviderStream, fault_body
from fairlead.service.calls.timing import TIMING
from fairlead.service.counts.meter import Meter
from fairlead.service.forward_proxy import ForwardProxy
from fairlead.service.guards.guard import Watch
from fairlead.service.limits.admission import MODEL_REASON, Admission
from fairlead.service.ports import Limits, Random
from fairlead.service.snapshot import Destination
from fairlead.transport import port
from fairlead.transport.client_errors import client_error
from fairlead.transport.port import Call, Reply, Route, TlsPlan, Upstream, UpstreamError

SCRIPTS_AT_ONCE = 4
"""Threads for scripts that may take long: they share one interpreter with the event loop, so more would not be faster."""

T = TypeVar("T")

_OF_THE_ADAPTER = (b"host", b"content-length")
_KNOWN_URLS = 1000
"""Checked destinations remembered per connector."""

Destinations = MutableMapping[str, Destination]
"""Checked destinations by the text of their URL; one for each compiled connector."""


BATCH_ACTIONS = (ActionType.BATCH_PREDICT, ActionType.BATCH_PREDICT_STATUS, ActionType.CANCEL_BATCH_PREDICT)


@dataclass(frozen=True, slots=True)
class StreamBounds:
    """Deadlines of a stream in seconds. `idle`: without a byte from the provider; None is the connector's read time-out."""

    total: float
    idle: float | None = None


class Outside(Protocol):
    """What a call needs from outside; `fairlead.service.ports.Ports` has it, and more."""

    @property
    def upstream(self) -> Upstream: ...
    @property
    def policy(self) -> Callable[[], EgressPolicy]: ...
    @property
    def clock(self) -> Callable[[], int]: ...
    @property
    def monotonic(self) -> Callable[[], float]: ...
    @property
    def random(self) -> Random: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def proxy(self) -> ForwardProxy | None: ...


def masked(text: str, secrets: Iterable[Secret]) -> str:
    """The text without the secrets, in whatever spelling it holds them (T-08)."""
    for secret in secrets:
        if len(secret.reveal()) >= MIN_SECRET:
            for form in forms(secret.reveal()):
                text = text.replace(form, MASK)
    return text


def concealed(fault: FairleadError, secrets: Iterable[Secret]) -> FairleadError:
    """The fault without the connector's credential: a provider that quotes the request must not show it to a caller who
    was never given it. Only faults pay for the search."""
    secrets = tuple(secrets)
    fault.reason = None if fault.reason is None else masked(fault.reason, secrets)
    fault.headers = {name: masked(value, secrets) for name, value in fault.headers.items()}
    return fault


def without(body: bytes, secrets: Iterable[Secret]) -> bytes:
    """A good reply without the connector's credential, in any spelling of it."""
    for secret in secrets:
        if len(secret.reveal()) < MIN_SECRET:
            continue
        for form in forms(secret.reveal()):
            body = body.replace(form.encode("utf-8", "surrogatepass"), MASK.encode())
    return body


class Caller:
    """Runs calls. `max_size` gives the largest reply in bytes; negative is without a bound of ours. `audit` hears of
    destinations that were refused, `meter` counts."""

    def __init__(
        self,
        outside: Outside,
        max_size: Callable[[], int],
        audit: Audit | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._outside = outside
        self._meter = meter or Meter()
        self._audit = audit or NoAudit()
        self._max_size = max_size
        self._scripts = ThreadPoolExecutor(SCRIPTS_AT_ONCE, "fairlead-script")

    def predict(
        self,
        connector: CompiledConnector,
        known: Destinations,
        asked: PredictInput,
        limits: Admission | None = None,
        watch: Watch | None = None,
    ) -> Coroutine[Any, Any, list[InferenceResult]]:
        """One result per call to the provider, in the order of the documents; each is admitted and guarded by itself.
        Raises fairlead.errors, some of them before it is awaited."""
        action = connector.action(asked.action)
        datasets = action.chunks(asked.dataset)
        if len(datasets) == 1:
            return self._call(connector, known, action, datasets[0], limits, watch)
        return self._all(connector, known, action, datasets, limits, watch)

    async def send(self, connector: CompiledConnector, outgoing: Outgoing) -> Reply:
        """A request that no action made, with everything else as in a predict; its reply may be empty. Raises
        fairlead.errors."""
        attempts = self._attempt if connector.retry is None else self._with_retries
        return await attempts(connector, outgoing, self.destination(connector, {}, outgoing), True)

    @asynccontextmanager
    async def stream(
        self,
        connector: CompiledConnector,
        known: Destinations,
        asked: PredictInput,
        bounds: StreamBounds,
        limits: Admission | None = None,
        watch: Watch | None = None,
    ) -> AsyncIterator[ProviderStream]:
        """The reply to the same request as it comes; leaving early closes the connection. Never retried (spec/03 8.4).
        Raises fairlead.errors, also from within while the reply is read."""
        dataset = asked.dataset
        if asked.action in BATCH_ACTIONS:
            raise IllegalArgument("Streaming is not supported for batch predict.")
        if not isinstance(dataset, Remote):
            raise IllegalArgument("Streaming takes raw parameters only")
        given: Mapping[str, Value] = {**(dataset.parameters or {}), "stream": "true"}
        form = connector.stream(asked.action, given)
        action, dataset = form.action, Remote(given)
        outgoing = await self._prepared_beside(action, dataset) if action.prepares_long else action.prepare(dataset)
        destination = self.destination(connector, known, outgoing)
        await self._admitted(outgoing, limits, watch)
        call = self.request(connector, outgoing, destination.url)
        ours = replace(destination.limits, idle=bounds.idle or destination.limits.idle, total=bounds.total)
        try:
            async with self._outside.upstream.stream(destination.route, call, ours) as reply:
                if not 200 <= reply.status <= 300:
                    fault = status_fault(reply.status, reply.headers, await fault_body(reply))
                    assert fault is not None
                    raise fault
                self._meter.streams += 1
                try:
                    yield ProviderStream(reply, form.dialect)
                finally:
                    self._meter.streams -= 1
        except UpstreamError as broken:
            raise client_error(broken) from broken
        except FairleadError as fault:
            raise concealed(fault, connector.secrets) from None

    def destination(self, connector: CompiledConnector, known: Destinations, outgoing: Outgoing) -> Destination:
        """The parsed and trusted URL; known by its text until the egress policy or the size limit changes."""
        policy, max_size = self._outside.policy(), self._max_size()
        found = known.get(outgoing.url)
        if found is not None and found.policy is policy and found.max_size == max_size:
            return found
        url = parse_url(outgoing.url)
        try:
            policy.check_trusted(outgoing.url, calling=True)
            policy.check_moved(outgoing.url, url.origin, connector.own_urls)
        except FairleadError as fault:
            tell_denied(self._audit, fault, f"{url.host}:{url.port}")
            raise
        limits = self._limits(connector.config, max_size)
        destination = Destination(
            policy, max_size, url, self._route(connector, url, policy.reach(outgoing.url, connector.owner)), limits
        )
        if len(known) >= _KNOWN_URLS:
            known.clear()
        known[outgoing.url] = destination
        return destination

    def request(self, connector: CompiledConnector, outgoing: Outgoing, url: ParsedUrl) -> Call:
        """One request as it goes to the adapter, signed at this moment where the protocol signs."""
        headers = outgoing.headers
        if connector.signer is not None:
            length = (b"Content-Length", str(len(outgoing.body)).encode())
            amz_date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._outside.clock() / 1000))
            signed = connector.signer.sign(
                outgoing.method, url.target, url.host_header, (*headers, length), outgoing.body, amz_date
            )
            headers = tuple(header for header in signed if header[0].lower() not in _OF_THE_ADAPTER)
        return Call(outgoing.method.encode(), url.target, headers, outgoing.body)

    async def _all(
        self,
        connector: CompiledConnector,
        known: Destinations,
        action: CompiledAction,
        datasets: list[Dataset],
        limits: Admission | None,
        watch: Watch | None,
    ) -> list[InferenceResult]:
        """All chunks at once, no more than the connector's pool takes; the first failure is told when all ended."""
        gate = asyncio.Semaphore(max(1, connector.config.max_connection))

        async def one(dataset: Dataset) -> list[InferenceResult]:
            async with gate:
                return await self._call(connector, known, action, dataset, limits, watch)

        outcomes = await asyncio.gather(*(one(dataset) for dataset in datasets), return_exceptions=True)
        results: list[InferenceResult] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            results += outcome
        return results

    async def _call(
        self,
        connector: CompiledConnector,
        known: Destinations,
        action: CompiledAction,
        dataset: Dataset,
        limits: Admission | None,
        watch: Watch | None,
    ) -> list[InferenceResult]:
        """The one result of one call."""
        timing, now = TIMING.get(), self._outside.monotonic
        began = now() if timing is not None else 0.0
        outgoing = await self._prepared_beside(action, dataset) if action.prepares_long else action.prepare(dataset)
        post = action.post(outgoing.parameters)
        destination = self.destination(connector, known, outgoing)
        if limits is not None or watch is not None:
            await self._admitted(outgoing, limits, watch)
        if timing is not None:
            timing.prepare += now() - began
            began = now()
        attempts = self._attempt if connector.retry is None else self._with_retries
        reply = await attempts(connector, outgoing, destination, action.may_be_empty)
        if timing is not None:
            timing.upstream += now() - began
            began = now()
        if watch is not None:
            with self._counted(self._meter.guarded, "output"):
                await watch.reply(reply.body)
        body, parameters, most = reply.body, outgoing.parameters, destination.max_size
        if action.interprets_long:
            tensors = await self._beside(interpret, body, post, parameters, action.type, most)
        else:
            tensors = interpret(body, post, parameters, action.type, most)
        if timing is not None:
            timing.interpret += now() - began
        if action.one_tensor_per_document and isinstance(dataset, TextDocs) and len(tensors) != len(dataset.docs):
            raise StatusFault(f"The provider returned {len(tensors)} embeddings for {len(dataset.docs)} documents", 502)
        return [InferenceResult(tuple(tensors), reply.status)]

    async def _prepared_beside(self, action: CompiledAction, dataset: Dataset) -> Outgoing:
        """A script that may take long runs beside the event loop, so that other predicts go on."""
        return await self._beside(action.prepare, dataset)

    async def _admitted(self, outgoing: Outgoing, limits: Admission | None, watch: Watch | None) -> None:
        """A request whose destination is trusted: is it within the limits, and do the guardrails let it pass?"""
        if limits is not None:  # a request that cannot be sent costs nothing (spec/02 3.5)
            await self._within(limits)
        if watch is not None:
            with self._counted(self._meter.guarded, "input"):
                await watch.request(outgoing)

    async def _within(self, limits: Admission) -> None:
        try:
            await limits.admit()
        except StatusFault as fault:
            self._meter.throttled["model" if fault.reason == MODEL_REASON else "user"] += 1
            raise

    @staticmethod
    @contextmanager
    def _counted(counts: dict[str, int], side: str) -> Iterator[None]:
        """Counts what guardrails refuse."""
        try:
            yield
        except IllegalArgument:
            counts[side] += 1
            raise

    async def _beside(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._scripts, work, *arguments)

    def _route(self, connector: CompiledConnector, url: ParsedUrl, reach: Reach) -> Route:
        secure = connector.tls
        tls = None
        if url.scheme == "https":
            tls = TlsPlan(secure.verify, secure.ca_pem, secure.cert_pem, secure.key_pem)
        cap = max(1, connector.config.max_connection)
        ours = self._outside.proxy
        proxy = None if ours is None else ours.of_host(url.host)
        return Route(url.scheme, url.host, url.port, tls, proxy, cap, self._outside.limits.queue, reach)

    def _limits(self, config: ClientConfig, max_size: int) -> port.Limits:
        ours = self._outside.limits
        return port.Limits(
            pool=ours.pool,
            connect=config.connection_timeout,
            first_byte=config.read_timeout,
            idle=config.read_timeout,
            total=ours.total,
            max_body=max_size if max_size >= 0 else 2**31,
        )

    async def _with_retries(
        self, connector: CompiledConnector, outgoing: Outgoing, destination: Destination, empty_is_fine: bool
    ) -> Reply:
        """Attempts as the connector's plan says; `Retry-After` is honoured within its budget (D-42)."""
        plan = connector.retry
        assert plan is not None
        plan.check()
        started = self._outside.monotonic()
        failures: list[FairleadError] = []
        while True:
            try:
                return await self._attempt(connector, outgoing, destination, empty_is_fine)
            except FairleadError as fault:
                elapsed = (self._outside.monotonic() - started) * 1000
                if not retryable(fault.status) or not plan.again(len(failures) + 1, elapsed):
                    fault.suppressed = tuple(failures[-MAX_SUPPRESSED:])
                    raise
                failures.append(fault)
                wait = plan.delay(len(failures) - 1, self._outside.random)
                asked = retry_after(fault.headers.get("Retry-After", ""), self._outside.clock() / 1000)
                if asked is not None:
                    wait = max(wait, int(asked * 1000))
                wait = min(wait, int(plan.budget - elapsed))  # the caller waits no longer than the connector says
            await asyncio.sleep(wait / 1000)
            self._meter.retries += 1

    async def _attempt(
        self, connector: CompiledConnector, outgoing: Outgoing, destination: Destination, empty_is_fine: bool
    ) -> Reply:
        """One request, signed anew; a reply that stands for an error is raised as one."""
        call = self.request(connector, outgoing, destination.url)
        now = self._outside.monotonic
        started = now()
        try:
            reply = await self._outside.upstream.send(destination.route, call, destination.limits)
        except UpstreamError as broken:
            self._meter.failed(broken.kind)
            raise client_error(broken) from broken
        self._meter.replied(reply.status, now() - started, len(call.body), len(reply.body))
        fault = status_fault(reply.status, reply.headers, reply.body, empty_is_fine=empty_is_fine)
        if fault is not None:
            raise concealed(fault, connector.secrets)
        if self._outside.limits.conceal:
            reply.body = without(reply.body, connector.secrets)
        return reply
