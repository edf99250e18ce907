"""Which `Host` and `Origin` a request may carry while nobody has to log in (spec/06 T-20).

Without it any web page could speak to the gateway on this machine through its visitor's browser: by a form, or under a name
of its own that resolves to 127.0.0.1. Says nothing about who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairlead.settings import is_loopback

_OF_PAGES = frozenset({b"origin", b"sec-fetch-site"})

Headers = Iterable[tuple[bytes, bytes]]


class OriginRule:
    """Loopback names and `allowed` ones pass, with any port. Names compare without regard to case."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)
        # Few different values ever pass; others are not remembered, so that nobody fills the memory.
        self._passed: set[bytes] = set()

    def refusal(self, headers: Headers, fields: Mapping[bytes, bytes]) -> str | None:
        """Why a request is refused, or None. `fields` are the headers by name."""
        if fields.get(b"host") in self._passed and _OF_PAGES.isdisjoint(fields):
            return None
        for name, value in headers:
            if name == b"host":
                if value not in self._passed:
                    if not self._admits(value.decode("latin-1")):
                        return "the Host header names another server; add its name to allowed_hosts if it is this one"
                    if len(self._passed) < 64:
                        self._passed.add(value)
            elif name == b"origin":
                _, _, authority = value.decode("latin-1").partition("://")
                if not self._admits(authority):
                    return "requests from pages of another origin are not answered"
            elif name == b"sec-fetch-site" and value == b"cross-site":
                return "requests from pages of another site are not answered"
        return None

    def _admits(self, authority: str) -> bool:
        host, port = _split(authority.strip().lower())
        return (not port or port.isdecimal()) and (is_loopback(host) or host.rstrip(".") in self._allowed)


def _split(authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = authority.partition(":")
    return host, port
