"""Addresses of callers: which of them are listed, and which count as one source. It knows no limit, and nothing of providers.

What may be called is fairlead.security.networks.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_IPV6_NETWORK = 64
"""One customer has at least a /64: an address more costs an attacker nothing there (RFC 6177)."""
_IPV4_NETWORK = 24


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
