"""Routes as rows, providers as tables of them, and the choice between them; it runs no handler and reads no socket."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from fairlead.simulator.jobs import Jobs
from fairlead.simulator.message import Refused, Reply, Request
from fairlead.simulator.vectors import model_dimensions

KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a request body: the JSON kinds it may have, and whether it must be there (and not be empty)."""

    name: str
    kinds: tuple[str, ...]
    required: bool = False

    def check(self, body: Mapping[str, object]) -> None:
        """Raises Refused with status 400 that names the member."""
        value = body.get(self.name)
        if value is None:
            if self.required:
                raise Refused(
                    400,
                    f"Missing required parameter: '{self.name}'.",
                    parameter=self.name,
                    code="missing_required_parameter",
                )
            return
        if not any(isinstance(value, KINDS[kind]) for kind in self.kinds) or (
            isinstance(value, bool) and "boolean" not in self.kinds
        ):
            raise Refused(
                400,
                f"Invalid type for '{self.name}': expected {' or '.join(self.kinds)}.",
                parameter=self.name,
                code="invalid_type",
            )
        if self.required and value in ("", [], {}):
            raise Refused(400, f"'{self.name}' must not be empty.", parameter=self.name, code="invalid_value")


class CallCounts:
    """How often each key was called, for replies that change with the count. Keys are few: the callers of tests."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def next(self, key: str) -> int:
        """The number of this call, from 1."""
        count = self._counts[key] = self._counts.get(key, 0) + 1
        return count

    def clear(self) -> None:
        self._counts.clear()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a handler gets: the request, the values of the path's `{names}` (percent-decoded), the body as a JSON object
    (empty when it is another kind; handlers with `takes` always see an object), the call counts, the dimensions and the batch jobs."""

    request: Request
    arguments: Mapping[str, str]
    body: Mapping[str, object]
    counts: CallCounts
    dimensions: int | None
    jobs: Jobs = field(default_factory=Jobs)

    def length(self, model: str, wanted: object = None) -> int:
        """How long an embedding is: what the caller asked for, else what the simulator was started with, else what the
        real model gives."""
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            if not 1 <= wanted <= 8192:
                raise Refused(400, f"Dimensions must be from 1 to 8192, not {wanted}.", parameter="dimensions")
            return wanted
        return model_dimensions(model) if self.dimensions is None else self.dimensions


Handler = Callable[[Exchange], Reply]


def _compile(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(:path)?\}", pattern)
    text = re.escape(parts[0])
    for name, deep, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        text += f"(?P<{name}>{'.*' if deep else '[^/]+'}){re.escape(literal)}"
    return re.compile(text, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Route:
    """One row: method (`*` = any), path pattern (`{name}` one segment, `{name:path}` the rest), handler, one line of
    documentation, and the members that the body must have. `takes=None`: any body."""

    method: str
    pattern: str
    handler: Handler
    doc: str
    takes: tuple[Field, ...] | None = None
    regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "regex", _compile(self.pattern))


@dataclass(frozen=True, slots=True)
class Credential:
    """A header that must carry a key, after `prefix`; its value is never compared: any key is good."""

    header: str
    prefix: str = ""
    parameter: str | None = None
    """A query parameter that may carry the key instead."""

    def given(self, request: Request) -> bool:
        value = request.fields.get(self.header, "")
        if value.startswith(self.prefix) and value[len(self.prefix) :].strip():
            return True
        return self.parameter is not None and bool(request.query().get(self.parameter, "").strip())


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: the host names it answers to (`*` stands for the letters of one label or part of it), its routes in order,
    its error body, where it looks for a key, whether it verifies an AWS signature, what it calls its request id."""

    name: str
    hosts: tuple[str, ...]
    routes: tuple[Route, ...]
    error: Callable[[Refused], Reply]
    doc: str
    credentials: tuple[Credential, ...] = ()
    signed: bool = False
    service: str | None = None
    """The service that a signature must be scoped to; its region must then be one of the host's labels."""
    request_id: str | None = None

    def accepts(self, host: str) -> bool:
        return any(_host_regex(pattern).fullmatch(host) for pattern in self.hosts)


def _host_regex(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", "[a-z0-9-]+"))


@dataclass(frozen=True, slots=True)
class Match:
    """A provider, the row of it that answers (None: no row has this path), and the values in the path."""

    provider: Provider
    route: Route | None
    arguments: Mapping[str, str]


class Router:
    """Host, method and path to the row that answers.

    `plain` answers to addresses and to names without a dot, `providers` to their hosts, `others` to what is left and to
    the paths of providers that no row has. A path with a row, but not for this method, is refused by the provider.
    """

    __slots__ = ("_cache", "_others", "_plain", "_providers")

    _CACHED = 4096

    def __init__(self, plain: Provider, providers: tuple[Provider, ...], others: Provider) -> None:
        self._plain = plain
        self._providers = providers
        self._others = others
        self._cache: dict[tuple[str, str, str], Match] = {}

    def match(self, host: str, method: str, path: str) -> Match:
        """`host` as in the header; raises nothing."""
        key = (host, method, path)
        found = self._cache.get(key)
        if found is None:
            found = self._find(bare_host(host), method, path)
            if len(self._cache) >= self._CACHED:
                self._cache.clear()
            self._cache[key] = found
        return found

    def _find(self, host: str, method: str, path: str) -> Match:
        if is_local(host):
            return _row(self._plain, method, path) or Match(self._plain, None, {})
        for provider in self._providers:
            if provider.accepts(host):
                found = _row(provider, method, path)
                if found is not None:
                    return found
                # An AWS host checks the signature of every call, also of those without a row.
                return (
                    Match(provider, self._others.routes[0], {})
                    if provider.signed
                    else Match(self._others, self._others.routes[0], {})
                )
        return Match(self._others, self._others.routes[0], {})


def _row(provider: Provider, method: str, path: str) -> Match | None:
    elsewhere = False
    for route in provider.routes:
        found = route.regex.fullmatch(path)
        if found is None:
            continue
        if route.method in ("*", method):
            return Match(provider, route, {name: unquote(value) for name, value in found.groupdict().items()})
        elsewhere = True
    return Match(provider, METHOD_REFUSED, {}) if elsewhere else None


def _refuse_method(exchange: Exchange) -> Reply:
    raise Refused(405, f"Method {exchange.request.method} is not allowed here.", code="method_not_allowed")


METHOD_REFUSED = Route("*", "{path:path}", _refuse_method, "a path that exists, with another method")


def bare_host(header: str) -> str:
    """The host of a Host header in lower case, without port and brackets."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def is_local(host: str) -> bool:
    """Whether a host is an address, empty, or a name without a dot (`localhost`, a container's name)."""
    if "." not in host and ":" not in host:
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
