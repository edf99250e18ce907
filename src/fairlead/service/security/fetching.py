"""Fetches key sets and discovery documents of identity providers: https, guarded addresses, no redirects, bounded replies."""

from __future__ import annotations

from fairlead.errors import FairleadError
from fairlead.security.url import ParsedUrl, parse_url
from fairlead.service.security.key_sets import FetchFault
from fairlead.transport.port import Call, Limits, Route, TlsPlan, Upstream, UpstreamError

MAX_BODY = 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_HEADERS = ((b"Accept", b"application/json"), (b"User-Agent", b"fairlead"))


def parse_key_url(url: str) -> ParsedUrl:
    """Where keys may be fetched; http only from this machine. Raises FetchFault."""
    try:
        parsed = parse_url(url)
    except FairleadError as fault:
        raise FetchFault(f"the URL cannot be used: {fault.reason}") from None
    if parsed.scheme != "https" and parsed.host not in _LOOPBACK:
        raise FetchFault("the URL is not https")
    return parsed


class Fetcher:
    """`seconds` for one reply; `ca_pem` replaces the system's trust. The upstream's dialer guards addresses (12.2)."""

    def __init__(self, upstream: Upstream, seconds: float, max_body: int = MAX_BODY, ca_pem: str | None = None) -> None:
        self._upstream = upstream
        self._limits = Limits(seconds, seconds, seconds, seconds, seconds, max_body)
        self._tls = TlsPlan(ca_pem=ca_pem)

    async def __call__(self, url: str) -> bytes:
        """Raises FetchFault."""
        parsed = parse_key_url(url)
        route = Route(
            parsed.scheme,
            parsed.host,
            parsed.port,
            self._tls if parsed.scheme == "https" else None,
            None,
            cap=2,
            queue=2,
        )
        call = Call(b"GET", parsed.target, _HEADERS, b"", replay=True)
        try:
            reply = await self._upstream.send(route, call, self._limits)
        except (UpstreamError, FairleadError) as fault:
            raise FetchFault(f"{parsed.host} does not answer: {fault.reason}") from None
        if reply.status != 200:
            raise FetchFault(f"{parsed.host} answered with status {reply.status}")
        return reply.body
