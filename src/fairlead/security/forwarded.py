"""Who the client is behind proxies: forwarding headers are believed from listed networks only (spec/06 T-27, S-06).

Read from the right, up to the first address that no trusted proxy has: everything left of it anybody could have written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fairlead.security.callers import Hosts, plain_address

Headers = Iterable[tuple[bytes, bytes]]

FORWARDED, X_FORWARDED_FOR = b"forwarded", b"x-forwarded-for"
_NODE = re.compile(
    r"""(?:^|;)\s*for\s*=\s*(?:"(\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::\d+)?"|([0-9.]+))\s*(?=;|$)""", re.IGNORECASE
)
_ADDRESS = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?|([0-9A-Fa-f:.]+)")


class Proxies:
    """The networks of `trusted_proxies`. Raises ValueError for an entry that is no network."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._trusted = Hosts(networks)
        self.any = bool(networks)

    def trusts(self, peer: str) -> bool:
        return self._trusted.match(peer)

    def client(self, peer: str, headers: Headers) -> str:
        """The client's address: the peer's own unless it is a trusted proxy that names another.

        A hop that is no address (`unknown`, RFC 7239 6.3) ends the walk: the proxy that wrote it is all that is known.
        """
        if not self.trusts(peer):
            return peer
        client = peer
        for hop in reversed(_hops(headers)):
            if hop is None:
                return client
            client = hop
            if not self.trusts(hop):
                return client
        return client


def _hops(headers: Headers) -> list[str | None]:
    """From the client to the last proxy. `Forwarded` wins over the older header; several of one name are one list."""
    standard, older = [], []
    for name, value in headers:
        if name == FORWARDED:
            standard.append(value.decode("latin-1"))
        elif name == X_FORWARDED_FOR:
            older.append(value.decode("latin-1"))
    if standard:
        return [_node(element) for element in _elements(",".join(standard))]
    return [_address(part.strip()) for part in ",".join(older).split(",")] if older else []


def _elements(text: str) -> list[str]:
    """Split at commas outside of quotes."""
    return re.findall(r'(?:^|,)((?:"(?:\\.|[^"\\])*"|[^,"])*)', text)


def _node(element: str) -> str | None:
    found = _NODE.search(element.strip())
    return _checked((found[1] or found[2]).strip("[]")) if found else None


def _address(text: str) -> str | None:
    found = _ADDRESS.fullmatch(text)
    return _checked(found[1] or found[2] or found[3]) if found else None


def _checked(text: str) -> str | None:
    try:
        return str(plain_address(text))
    except ValueError:
        return None
