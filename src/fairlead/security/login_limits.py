"""Limits on failed logins: by source, and by name together with the source's network (spec/06 6.3 as S-06 and S-07 put it
right). Keeps counts in memory only, bounded; locks nobody's account and sees no password.

A name is never blocked for everybody, or a stranger could lock out an administrator. When many networks fail for one name,
it is slowed down instead: of the networks without a recent success, one try in a while is let through.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from fairlead.domain.identity import LoginListener

Key = str | tuple[str, str]

_IPV6_NETWORK = 64
"""One customer has at least a /64: an address more costs an attacker nothing there (RFC 6177)."""
_IPV4_NETWORK = 24
_SLOW_FACTOR = 10
"""A name is slowed down after this many times the tries that block a pair."""
_SLOW_SECONDS = 1.0
_KNOWN_SECONDS = 86_400.0


@dataclass(slots=True)
class _Track:
    """Times of failures inside the window, oldest first."""

    failures: list[float]


class _Counter:
    """The failures of one listener by key."""

    def __init__(self, listener: LoginListener, tries: int) -> None:
        self._row = listener
        self._tries = tries
        self._tracked: OrderedDict[Key, _Track] = OrderedDict()
        self._blocked: OrderedDict[Key, float] = OrderedDict()

    def blocked(self, key: Key, now: float) -> bool:
        until = self._blocked.get(key)
        if until is None:
            return False
        if until > now:
            return True
        del self._blocked[key]
        return False

    def failed(self, key: Key, now: float) -> None:
        track = self._tracked.pop(key, None) or _Track([])
        oldest = now - self._row.time_window_seconds
        track.failures = [moment for moment in track.failures if moment > oldest]
        track.failures.append(now)
        if len(track.failures) < self._tries:
            self._tracked[key] = track
            _bounded(self._tracked, self._row.max_tracked_clients)
            return
        self._blocked.pop(key, None)
        self._blocked[key] = now + self._row.block_expiry_seconds
        _bounded(self._blocked, self._row.max_blocked_clients)


class FailedLogins:
    """`fairlead.domain.identity.LoginLimits` for a list of listeners, which may be exchanged (`configure`).

    `monotonic` gives seconds. `address` is the client's, after trusted proxies were looked through (S-06).
    """

    def __init__(self, listeners: Iterable[LoginListener], monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.configure(listeners)

    def configure(self, listeners: Iterable[LoginListener]) -> None:
        """New rows start with clean counts."""
        self.listeners: Sequence[LoginListener] = tuple(listeners)
        self._rows = [_Row(listener) for listener in self.listeners]

    def admits(self, name: str, address: str) -> bool:
        now = self._monotonic()
        return all(row.admits(name, address, now) for row in self._rows)

    def blocks(self, address: str) -> bool:
        """Whether this source may try nobody's password."""
        now = self._monotonic()
        return any(row.blocks(address, now) for row in self._rows)

    def failed(self, name: str, address: str) -> None:
        now = self._monotonic()
        for row in self._rows:
            row.failed(name, address, now)

    def succeeded(self, name: str, address: str) -> None:
        """Clears no count, but this network is not slowed down for the name within the next day."""
        now = self._monotonic()
        for row in self._rows:
            row.succeeded(name, address, now)


class _Row:
    def __init__(self, listener: LoginListener) -> None:
        self._listener = listener
        self._ignored = IgnoredHosts(listener.ignore_hosts)
        self._counter = _Counter(listener, listener.allowed_tries)
        self._names = _Counter(listener, listener.allowed_tries * _SLOW_FACTOR)
        self._next: OrderedDict[Key, float] = OrderedDict()
        self._known: OrderedDict[Key, float] = OrderedDict()

    def admits(self, name: str, address: str, now: float) -> bool:
        if self._ignored.match(address):
            return True
        if self._listener.type == "ip":
            return not self._counter.blocked(source_network(address, one=True), now)
        pair = (name, source_network(address))
        if self._counter.blocked(pair, now):
            return False
        if not self._names.blocked(name, now) or self._known.get(pair, 0.0) > now:
            return True
        if self._next.get(name, 0.0) > now:
            return False
        self._next[name] = now + _SLOW_SECONDS
        _bounded(self._next, self._listener.max_tracked_clients)
        return True

    def blocks(self, address: str, now: float) -> bool:
        return (
            self._listener.type == "ip"
            and not self._ignored.match(address)
            and self._counter.blocked(source_network(address, one=True), now)
        )

    def succeeded(self, name: str, address: str, now: float) -> None:
        if self._listener.type == "username":
            self._known[name, source_network(address)] = now + _KNOWN_SECONDS
            _bounded(self._known, self._listener.max_tracked_clients)

    def failed(self, name: str, address: str, now: float) -> None:
        if self._ignored.match(address):
            return
        if self._listener.type == "ip":
            self._counter.failed(source_network(address, one=True), now)
        else:
            self._counter.failed((name, source_network(address)), now)
            self._names.failed(name, now)


class Hosts:
    """Addresses and networks of `ignore_hosts`. Raises ValueError for an entry that is neither."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._networks = tuple(ip_network(entry, strict=False) for entry in entries)

    def match(self, address: str) -> bool:
        if not self._networks or not address:
            return False
        try:
            found = plain_address(address)
        except ValueError:
            return False
        return any(found.version == network.version and found in network for network in self._networks)


class IgnoredHosts:
    """As `Hosts`, and patterns over the textual address such as `10.1.*`, which the REST API may have stored."""

    def __init__(self, entries: Iterable[str]) -> None:
        networks, patterns = [], []
        for entry in entries:
            try:
                networks.append(str(ip_network(entry, strict=False)))
            except ValueError:
                patterns.append(entry)
        self._networks = Hosts(networks)
        self._patterns = tuple(patterns)

    def match(self, address: str) -> bool:
        return self._networks.match(address) or any(fnmatchcase(address, pattern) for pattern in self._patterns)


def plain_address(text: str) -> IPv4Address | IPv6Address:
    """Without a zone; an IPv4 address that a socket of IPv6 shows is what it is. Raises ValueError."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def source_network(address: str, *, one: bool = False) -> str:
    """What counts as one source: a /64 of IPv6 always; of IPv4 the address (`one`) or its /24. "" is the Unix socket."""
    try:
        found = plain_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _IPV6_NETWORK), strict=False))
    return str(found) if one else str(ip_network((found, _IPV4_NETWORK), strict=False))


def _bounded(entries: OrderedDict[Key, float] | OrderedDict[Key, _Track], most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)
