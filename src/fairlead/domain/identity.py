"""What proves an identity, as values and protocols: a request's head, a refusal, an identity source, a login limit.

It decides nothing: sources live above, and the gate (fairlead.api.gate) asks them in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from fairlead.domain.principal import Principal

CERTIFICATE = "fairlead.certificate"
"""Key of `Head.connection` under which the client's certificate stands that TLS verified, in DER."""
PEER = "fairlead.peer"
"""Key of `Head.connection` under which the address of who connected stands, where a trusted proxy named another client."""


class Head(NamedTuple):
    """What is known of a request before its body is read.

    `authorization` is the one header of that name or None; `address` is the client's textual IP address ("" on a Unix
    socket); `connection` is the server's view of the connection (the ASGI scope), for sources that look at certificates.
    A named tuple, since one is made for every request.
    """

    method: str
    path: bytes
    headers: Sequence[tuple[bytes, bytes]]
    authorization: bytes | None
    address: str
    connection: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """Credentials were found and are no good: no other source is asked (spec/06 14.1).

    `reason` is for the audit log only, `name` is who the caller claimed to be. `retry_after` (seconds): not a judgement
    but too much to do at the moment. `final`: another password would not help, so that none is asked for.
    """

    reason: str
    name: str = ""
    retry_after: int | None = None
    final: bool = False


class IdentitySource(Protocol):
    """One way to prove who asks. `challenge` is its `WWW-Authenticate` value, None for a source that never challenges."""

    @property
    def name(self) -> str: ...
    @property
    def challenge(self) -> str | None: ...

    async def identify(self, head: Head) -> Principal | Refused | None:
        """The caller, with mapped roles; Refused for bad credentials of this source's kind; None when there are none."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A source that knows without waiting who proved the same credentials before."""

    def remembered(self, authorization: bytes, address: str) -> Principal | None: ...


@dataclass(frozen=True, slots=True)
class LoginListener:
    """One limit on failed logins as the REST API keeps it (spec/06 6.3). `type` is `ip` or `username`."""

    name: str
    type: str
    authentication_backend: str = ""
    ignore_hosts: tuple[str, ...] = ()
    allowed_tries: int = 10
    time_window_seconds: int = 3600
    block_expiry_seconds: int = 600
    max_blocked_clients: int = 100_000
    max_tracked_clients: int = 100_000
    revision: int = 0
    """Of the stored row, so that one that was made anew is told from the one before; 0 for a row of a file."""


class Verdict(IntEnum):
    """Whether a password may be tried. Of several limits the highest counts. BUSY: so many tries are under way that one
    more could be one too many; when they have ended, it is known."""

    ADMITTED = 0
    BUSY = 1
    REFUSED = 2
    SOURCE_BLOCKED = 3


class LoginLimits(Protocol):
    """Who may try a password at the moment (spec/06 6.3); asked before any hash is computed. `configure` takes the rows
    that hold from now on. What `begin` admits ends as `failed`, `succeeded` or `withdrawn`."""

    def configure(self, listeners: Sequence[LoginListener]) -> None: ...

    def begin(self, name: str, address: str) -> Verdict: ...

    def withdrawn(self, name: str, address: str) -> None: ...

    def failed(self, name: str, address: str) -> None: ...

    def succeeded(self, name: str, address: str) -> None: ...


class NoLoginLimits:
    """Every try is admitted, whatever the listeners say."""

    def configure(self, listeners: Sequence[LoginListener]) -> None:
        return None

    def begin(self, name: str, address: str) -> Verdict:
        return Verdict.ADMITTED

    def withdrawn(self, name: str, address: str) -> None:
        return None

    def failed(self, name: str, address: str) -> None:
        return None

    def succeeded(self, name: str, address: str) -> None:
        return None
