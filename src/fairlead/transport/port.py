"""The port between the engine's requests and a socket: values and protocols only, no HTTP library.

`service` owns retries; an adapter knows sockets. No adapter type crosses this line.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec


class Upload(msgspec.Struct, frozen=True):
    """A request body in pieces, read once and no faster than the provider takes them. `length` is their sum in bytes;
    None sends them in chunks (RFC 9112 7.1). What `pieces` raises, the call raises."""

    pieces: AsyncIterable[bytes]
    length: int | None = None


class Call(msgspec.Struct, frozen=True):
    """One request as it goes out: header names, order and path bytes are sent exactly as given.

    The adapter adds `Host` (unless `headers` has one) and `Content-Length`, or `Transfer-Encoding: chunked`. `replay`
    says that sending it twice does no harm, so that a stale pooled connection may be retried. With an `upload`, `body` is
    empty, and the call is never sent twice.
    """

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    replay: bool = False
    upload: Upload | None = None

    def __repr__(self) -> str:
        """Without headers and body: they hold secrets and payloads."""
        return f"Call({self.method!r} {self.target!r})"


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines in seconds and the largest body in bytes; `pool` is the wait for a free connection."""

    pool: float
    connect: float
    first_byte: float
    idle: float
    total: float
    max_body: int


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """How to speak TLS: `verify` False trusts every certificate; PEM texts replace the system's trust or add a client
    certificate. `server_name` overrides the name in SNI and certificate check."""

    verify: bool = True
    ca_pem: str | None = None
    cert_pem: str | None = None
    key_pem: str | None = field(default=None, repr=False)
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class ProxyPlan:
    """An explicit HTTP proxy (CONNECT for https, absolute form for http); ambient proxy variables are never read. `tls`:
    the proxy itself is spoken to over TLS, by its own plan. `reach` is handed to the Dialer with the proxy's name."""

    host: str
    port: int
    authorization: bytes | None = field(default=None, repr=False)
    tls: TlsPlan | None = None
    reach: object = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where to, and how many at once: `cap` open connections, `queue` callers that may wait for one.

    One pool lives per route and process. `host` is a name or an address literal, lower case, without brackets. `reach`
    is for the Dialer alone: what it may grant this call; calls of another reach share no connection.
    """

    scheme: str
    host: str
    port: int
    tls: TlsPlan | None
    proxy: ProxyPlan | None
    cap: int
    queue: int
    reach: Hashable = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = (self.scheme, self.host, self.port, self.tls, self.proxy, self.cap, self.queue, self.reach)
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        """Computed once: every call looks for its pool by its route."""
        return self._hash


class Reply(msgspec.Struct):
    """A whole reply. Header names as the provider wrote them; a status is never an exception."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class StreamReply(Protocol):
    """A reply whose body comes in pieces; leaving its context early closes the socket."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> list[tuple[bytes, bytes]]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def pump(self, take: Callable[[bytes], bool]) -> bool:
        """Gives each piece to `take` as soon as it is there, without waking a task for it where that can be. Ends with True
        when `take` says False; until the next call nothing more is taken then. Ends with False at the end of the reply.
        Raises what `take` raises, too."""
        ...


class Dialer(Protocol):
    """Names to addresses that may be dialled: resolves, checks every answer, returns literals only or raises
    fairlead.errors (the egress guard). `reach` is the route's, None for a proxy."""

    async def addresses(self, host: str, port: int, reach: Hashable = None) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class PoolStats:
    """A pool now, for metrics: sockets, those among them that no call uses, and calls in line."""

    route: Route
    open: int
    idle: int
    waiting: int


class Upstream(Protocol):
    """An HTTP client."""

    async def send(self, route: Route, call: Call, limits: Limits) -> Reply: ...

    def stream(self, route: Route, call: Call, limits: Limits) -> AbstractAsyncContextManager[StreamReply]: ...

    def stats(self) -> Sequence[PoolStats]: ...

    async def close(self) -> None: ...


class Stage(StrEnum):
    """How far a call got."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    PROXY = "proxy"
    POOL = "pool"
    SEND = "send"
    HEAD = "head"
    BODY = "body"


class Kind(StrEnum):
    """What went wrong."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    TOO_LARGE = "too_large"
    FULL = "full"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"


class UpstreamError(Exception):
    """A call that brought no whole reply.

    `sent` is the one fact a retry policy needs: False means that no byte of the request can have reached the
    provider. `status` is set when the fault came after a reply's head.
    """

    def __init__(self, stage: Stage, kind: Kind, reason: str, *, sent: bool, status: int | None = None) -> None:
        super().__init__(reason)
        self.stage = stage
        self.kind = kind
        self.sent = sent
        self.status = status
        self.reason = reason
