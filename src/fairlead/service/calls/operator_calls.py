"""Calls to services that the operator names in the process settings (a vault, a key service), by the guarded transport.

Never to what a caller names. A call that brings no answer is Unavailable, in words without what was sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fairlead.engine.sigv4 import Signer
from fairlead.errors import FairleadError, Unavailable
from fairlead.security.egress import EgressPolicy
from fairlead.security.url import parse_url
from fairlead.transport.port import Call, Limits, Route, TlsPlan, Upstream, UpstreamError

OPERATOR_POLICY = EgressPolicy.of(trusted=(), private_ip_enabled=True)
"""Key services live in private networks. Metadata addresses stay closed, and the checked address is the one dialled."""

_LIMITS = Limits(pool=5.0, connect=5.0, first_byte=10.0, idle=10.0, total=15.0, max_body=1 << 20)
_CONNECTIONS, _WAITING = 4, 64

Headers = tuple[tuple[bytes, bytes], ...]


class OperatorService:
    """One service. `base` is its address, with the path that all of its own begin with; `ca_pem` replaces the system's
    trust; `signer` signs each request as AWS wants it."""

    def __init__(
        self,
        upstream: Upstream,
        base: str,
        *,
        ca_pem: str | None = None,
        signer: Signer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises IllegalArgument for what is no address."""
        url = parse_url(base)
        tls = TlsPlan(ca_pem=ca_pem) if url.scheme == "https" else None
        self._route = Route(url.scheme, url.host, url.port, tls, None, _CONNECTIONS, _WAITING)
        self._prefix = url.target.rstrip(b"/")
        self._host = url.host_header
        self._upstream = upstream
        self._signer = signer
        self._clock = clock
        self.origin = url.origin

    async def __call__(self, method: str, path: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises Unavailable."""
        target = self._prefix + path.encode("ascii")
        if self._signer is not None:
            length = (b"Content-Length", str(len(body)).encode())
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
            signed = self._signer.sign(method, target, self._host, (*headers, length), body, stamp)
            headers = tuple(header for header in signed if header[0].lower() not in (b"host", b"content-length"))
        try:
            reply = await self._upstream.send(self._route, Call(method.encode(), target, headers, body), _LIMITS)
        except UpstreamError as broken:
            raise Unavailable(f"{self.origin} did not answer: {broken.kind} at {broken.stage}") from broken
        except FairleadError as fault:  # the dialer's: the name is not known, or the address is never to be called
            raise Unavailable(f"{self.origin} cannot be called: {fault.reason}") from fault
        return reply.status, reply.body
