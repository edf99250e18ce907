"""From a request to its reply: control paths, log, scripted failures, keys and signatures, then the row that answers. No I/O."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from fairlead.simulator.failures import Script, asked, parse_rules
from fairlead.simulator.jobs import Jobs
from fairlead.simulator.message import Refused, Reply, Request, answer
from fairlead.simulator.providers import router
from fairlead.simulator.providers.plain import error as plain_error
from fairlead.simulator.routes import CallCounts, Exchange, Match, Provider, bare_host

AWS_KEYS: Mapping[str, str] = MappingProxyType({"AKIDSIMULATOR": "simulator-secret"})
"""The access keys that the AWS hosts know, with their secrets."""


Verify = Callable[[str, str, Sequence[tuple[str, str]], bytes, Callable[[str], str | None]], str | None]
"""Method, target, headers, body, access key to secret: None when the signature is right, else what is wrong with it."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How a simulator answers.

    `dimensions` is the length of embeddings from named providers (None: what the real models give), `keys` maps AWS access
    keys to secrets, `logged` and `logged_bytes` bound the request log.
    """

    dimensions: int | None = 8
    keys: Mapping[str, str] = field(default_factory=lambda: AWS_KEYS)
    logged: int = 1000
    logged_bytes: int = 32 << 20


_SCOPE = re.compile(r"Credential=[^/,\s]+/[0-9]{8}/([^/,\s]+)/([^/,\s]+)/aws4_request")


def _scope_fault(request: Request, service: str) -> str | None:
    """What is wrong with the region and service that a signature is for, which AWS checks against the host it arrives at."""
    found = _SCOPE.search(request.fields.get("authorization", ""))
    if found is None or found[2] != service:
        return f"the credential must be scoped to the service {service}"
    if found[1].lower() not in bare_host(request.fields.get("host", "")).split("."):
        return "the credential is scoped to another region than the host's"
    return None


class RequestLog:
    """The latest requests, oldest first, within bounds of count and bytes of bodies."""

    __slots__ = ("_bytes", "_count", "_items", "_limit")

    def __init__(self, count: int, size: int) -> None:
        self._items: deque[Request] = deque()
        self._count = count
        self._limit = size
        self._bytes = 0

    def append(self, request: Request) -> None:
        self._items.append(request)
        self._bytes += len(request.body)
        while self._items and (len(self._items) > self._count or self._bytes > self._limit):
            self._bytes -= len(self._items.popleft().body)

    def clear(self) -> None:
        self._items.clear()
        self._bytes = 0

    def snapshot(self) -> list[Request]:
        return list(self._items)


class Desk:
    """One simulator's memory, and the answer to each request. Raises nothing: what a handler refuses becomes a reply."""

    def __init__(self, settings: SimulatorSettings, verify: Verify) -> None:
        self.settings = settings
        self.log = RequestLog(settings.logged, settings.logged_bytes)
        self.script = Script()
        self._verify = verify
        self._router = router()
        self._counts = CallCounts()
        self._jobs = Jobs()
        self._served = 0

    def reply(self, request: Request) -> Reply:
        """What goes back; counted, logged, and failed where a failure was ordered."""
        if request.path.startswith("/__"):
            return self._control(request)
        self.log.append(request)
        self._served += 1
        host = request.fields.get("host", "")
        match = self._router.match(host, request.method, request.path)
        provider = match.provider
        try:
            failure = asked(request) or self.script.next(request, bare_host(host))
            if failure is None:
                reply = self._answer(match, request)
            elif failure.status is None:
                reply = failure.apply(self._answer(match, request))
            else:
                reply = failure.apply(provider.error(Refused(failure.status, f"upstream says {failure.status}")))
        except Refused as refusal:
            reply = provider.error(refusal)
        if provider.request_id is not None:
            reply = replace(reply, headers=(*reply.headers, (provider.request_id, f"simulated-{self._served}")))
        return reply

    def _answer(self, match: Match, request: Request) -> Reply:
        provider, route = match.provider, match.route
        if provider.signed or provider.credentials:
            self._admit(provider, request)
        if route is None:
            raise Refused(404, f"no route {request.path}")
        given = request.json() if request.body else None
        if route.takes is not None:
            if not isinstance(given, dict):
                raise Refused(400, "The body must be a JSON object.", code="invalid_json")
            for wanted in route.takes:
                wanted.check(given)
        body = given if isinstance(given, dict) else {}
        return route.handler(
            Exchange(request, match.arguments, body, self._counts, self.settings.dimensions, self._jobs)
        )

    def _admit(self, provider: Provider, request: Request) -> None:
        if provider.credentials and not any(credential.given(request) for credential in provider.credentials):
            names = " or ".join(credential.header for credential in provider.credentials)
            raise Refused(401, f"No key was given; it belongs into the header {names}.", code="invalid_api_key")
        if not provider.signed:
            return
        if "authorization" not in request.fields:
            raise Refused(403, "The request is not signed.", kind="MissingAuthenticationTokenException")
        fault = self._verify(request.method, request.target, request.headers, request.body, self.settings.keys.get)
        if fault is None and provider.service is not None:
            fault = _scope_fault(request, provider.service)
        if fault is not None:
            raise Refused(403, f"The signature does not fit the request: {fault}", kind="InvalidSignatureException")

    def _control(self, request: Request) -> Reply:
        """The simulator's own paths, on every host; never logged."""
        try:
            return self._controlled(request)
        except Refused as refusal:
            return plain_error(refusal)

    def _controlled(self, request: Request) -> Reply:
        match (request.method, request.path):
            case ("DELETE", "/__requests"):
                self.log.clear()
                self._counts.clear()
                self._jobs.clear()
                return answer({"ok": True})
            case (_, "/__requests"):
                return answer({"requests": [logged.echo() for logged in self.log.snapshot()]})
            case ("DELETE", "/__script"):
                self.script.install(())
                return answer({"ok": True})
            case ("POST" | "PUT", "/__script"):
                self.script.install(parse_rules(request.json()))
                return answer({"rules": self.script.listing()})
            case ("GET", "/__script"):
                return answer({"rules": self.script.listing()})
        raise Refused(404, f"no route {request.path}")
