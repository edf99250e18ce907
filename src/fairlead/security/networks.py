"""Networks that a gateway must not be talked into calling, as rows; judges one address and opens none by itself.

An own table, because the answers of `ipaddress` (`is_private`, `is_global`) let ranges through and change between
Python releases (spec/06 section 12.2). Addresses that carry an IPv4 address inside are unwrapped and judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Kind(StrEnum):
    """What may open a network again."""

    PRIVATE = "private"
    """`plugins.ml_commons.connector.private_ip_enabled`, or an allowed network that contains it."""
    METADATA = "metadata"
    """Only the very address, listed literally: whoever reads it has the machine's credentials."""
    FORBIDDEN = "forbidden"
    """Only an allowed network that contains it."""
    EMBEDDED = "embedded"
    """Nothing by itself: the IPv4 address inside is judged."""


@dataclass(frozen=True, slots=True)
class Row:
    """One network: what it is, and where that is written."""

    network: Network
    kind: Kind
    what: str
    source: str


def _row(network: str, kind: Kind, what: str, source: str) -> Row:
    return Row(ip_network(network), kind, what, source)


_P, _M, _F, _E = Kind.PRIVATE, Kind.METADATA, Kind.FORBIDDEN, Kind.EMBEDDED

ROWS: tuple[Row, ...] = (
    _row("169.254.169.254/32", _M, "instance metadata", "cloud vendors"),
    _row("169.254.170.2/32", _M, "container credentials", "Amazon ECS"),
    _row("169.254.170.23/32", _M, "pod credentials", "Amazon EKS"),
    _row("100.100.100.200/32", _M, "instance metadata", "Alibaba Cloud"),
    _row("168.63.129.16/32", _M, "host agent", "Microsoft Azure"),
    _row("0.0.0.0/8", _P, "this host", "RFC 791"),
    _row("10.0.0.0/8", _P, "private", "RFC 1918"),
    _row("100.64.0.0/10", _P, "carrier NAT", "RFC 6598"),
    _row("127.0.0.0/8", _P, "loopback", "RFC 1122"),
    _row("169.254.0.0/16", _P, "link-local", "RFC 3927"),
    _row("172.16.0.0/12", _P, "private", "RFC 1918"),
    _row("192.168.0.0/16", _P, "private", "RFC 1918"),
    _row("192.0.0.0/24", _F, "protocol assignments", "RFC 6890"),
    _row("192.0.2.0/24", _F, "documentation", "RFC 5737"),
    _row("192.88.99.0/24", _F, "6to4 relay", "RFC 7526"),
    _row("198.18.0.0/15", _F, "benchmarks", "RFC 2544"),
    _row("198.51.100.0/24", _F, "documentation", "RFC 5737"),
    _row("203.0.113.0/24", _F, "documentation", "RFC 5737"),
    _row("224.0.0.0/4", _F, "multicast", "RFC 5771"),
    _row("240.0.0.0/4", _F, "reserved and broadcast", "RFC 1112"),
    _row("fd00:ec2::254/128", _M, "instance metadata", "Amazon EC2"),
    _row("fd00:ec2::23/128", _M, "pod credentials", "Amazon EKS"),
    _row("fd20:ce::254/128", _M, "instance metadata", "Google Cloud"),
    _row("::/128", _P, "unspecified", "RFC 4291"),
    _row("::1/128", _P, "loopback", "RFC 4291"),
    _row("fc00::/7", _P, "unique local", "RFC 4193"),
    _row("fe80::/10", _P, "link-local", "RFC 4291"),
    _row("fec0::/10", _P, "site-local", "RFC 3879"),
    _row("::ffff:0:0/96", _E, "IPv4-mapped", "RFC 4291"),
    _row("64:ff9b::/96", _E, "NAT64", "RFC 6052"),
    _row("::ffff:0:0:0/96", _F, "IPv4-translated", "RFC 7915"),
    _row("::/96", _F, "IPv4-compatible", "RFC 4291"),
    _row("64:ff9b:1::/48", _F, "local NAT64", "RFC 8215"),
    _row("100::/64", _F, "discard", "RFC 6666"),
    _row("2001::/23", _F, "protocol assignments, Teredo", "RFC 2928, RFC 4380"),
    _row("2001:db8::/32", _F, "documentation", "RFC 3849"),
    _row("2002::/16", _F, "6to4", "RFC 3056"),
    _row("2620:4f:8000::/48", _F, "AS112", "RFC 7535"),
    _row("3fff::/20", _F, "documentation", "RFC 9637"),
    _row("5f00::/16", _F, "segment routing", "RFC 9602"),
    _row("ff00::/8", _F, "multicast", "RFC 4291"),
)
"""In order of judgement: the first network that contains an address counts."""

_UNASSIGNED = _row("::/0", _F, "outside the assigned space", "RFC 4291")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# RFC 5214 6.1: the last 64 bits are this, with or without the universal bit, and an IPv4 address.
_ISATAP = (0x00005EFE, 0x02005EFE)


@dataclass(frozen=True, slots=True)
class Finding:
    """Why an address must not be called. `address` is the one judged: the inner one where there is one."""

    row: Row
    address: Address


def judge(address: Address) -> Finding | None:
    """None for an address of the public internet."""
    row = next((row for row in ROWS if row.network.version == address.version and address in row.network), None)
    if row is not None and row.kind is not Kind.EMBEDDED:
        return Finding(row, address)
    if isinstance(address, IPv4Address):
        return None
    if row is None and address not in _GLOBAL_UNICAST:
        return Finding(_UNASSIGNED, address)
    inner = carried(address)
    return None if inner is None else judge(inner)


def carried(address: Address) -> IPv4Address | None:
    """The IPv4 address that packets to this IPv6 address end at or are named by, if it has one."""
    if isinstance(address, IPv4Address):
        return None
    embedded = any(row.kind is Kind.EMBEDDED and address in row.network for row in ROWS)
    isatap = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return IPv4Address(int(address) & 0xFFFFFFFF) if embedded or isatap else None


def hextets(address: IPv6Address) -> str:
    """Eight groups without leading zeros and without `::`, the form that Java prints and address patterns see."""
    packed = address.packed
    return ":".join(f"{packed[at] << 8 | packed[at + 1]:x}" for at in range(0, 16, 2))
