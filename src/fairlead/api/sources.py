"""How many connections one source may hold at a worker (spec/06 T-17). It closes none that is open, and knows no request.

Counted is who connected: trusted proxies and Unix sockets, behind which one peer is many callers, are not.
"""

from __future__ import annotations

import logging
from collections import Counter

from fairlead.security.callers import source_network
from fairlead.security.forwarded import Proxies

log = logging.getLogger("fairlead.api")


class Sources:
    """`most` connections of one address, or of one /64 of IPv6, at once."""

    def __init__(self, most: int, proxies: Proxies) -> None:
        self._most = most
        self._proxies = proxies
        self._open: Counter[str] = Counter()
        self._told: set[str] = set()

    def enter(self, peer: str) -> str | None:
        """What to `leave` again when the connection ends, "" for one that is not counted; None: it is one too many."""
        source = source_network(peer, one=True)
        if not source or self._proxies.trusts(peer):
            return ""
        if self._open[source] >= self._most:
            if source not in self._told:
                self._told.add(source)
                log.warning("%s holds %s connections; more are refused (connections_per_source)", source, self._most)
            return None
        self._open[source] += 1
        return source

    def leave(self, source: str) -> None:
        if not source:
            return
        self._open[source] -= 1
        if self._open[source] <= 0:
            del self._open[source]
            self._told.discard(source)
