"""The proxy that calls to providers go through, as the operator set it, and the hosts that are called directly.

Never read from proxy variables of the environment: a call would take a way that nobody set here (spec/06 section 12.3).
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from fairlead.domain.private_target import PrivateTarget
from fairlead.errors import FairleadError
from fairlead.security.egress import Reach
from fairlead.security.url import address_of, parse_url
from fairlead.transport.port import ProxyPlan, TlsPlan

_EVERYWHERE = ("0.0.0.0/0", "::/0")
_OWNER = "the operator's proxy"


class ProxyFault(ValueError):
    """A setting of the proxy that cannot be used; the text names it."""


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """`direct`: endings of host names, without a leading dot, and networks for hosts that are address literals."""

    plan: ProxyPlan
    direct: tuple[str, ...]
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, url: str, credentials: str, ca_pem: str | None, no_proxy: tuple[str, ...]) -> ForwardProxy | None:
        """From the settings `upstream_proxy...`; None: there is no proxy. Raises ProxyFault."""
        if not url:
            return None
        try:
            parsed = parse_url(url)
        except FairleadError as fault:
            raise ProxyFault(f"upstream_proxy: {fault.reason}") from None
        if parsed.target != b"/" or "@" in url:
            raise ProxyFault("upstream_proxy must be http://host:port or https://host:port and nothing more")
        authorization = None
        if credentials:
            if ":" not in credentials or not credentials.isprintable():
                raise ProxyFault("upstream_proxy_credentials must be user:password")
            authorization = b"Basic " + b64encode(credentials.encode())
        tls = TlsPlan(ca_pem=ca_pem) if parsed.scheme == "https" else None
        # Proxies stand in private networks; the operator named this one, at this port. Metadata addresses stay closed.
        reach = Reach(targets=tuple(PrivateTarget(_OWNER, ip_network(each), parsed.port) for each in _EVERYWHERE))
        plan = ProxyPlan(parsed.host, parsed.port, authorization, tls, reach)
        return cls(plan, *_split(no_proxy))

    def of_host(self, host: str) -> ProxyPlan | None:
        """The way to a provider's host, a name in lower case or an address literal; None: directly."""
        address = address_of(host)
        if address is not None:
            return None if any(address in network for network in self.networks) else self.plan
        for ending in self.direct:
            if host == ending or host.endswith(f".{ending}"):
                return None
        return self.plan


def _split(no_proxy: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[IPv4Network | IPv6Network, ...]]:
    names, networks = [], []
    for text in no_proxy:
        try:
            networks.append(ip_network(text))
        except ValueError:
            name = text.removeprefix("*").removeprefix(".").lower()
            if not name or any(character in name for character in "*/:@ "):
                raise ProxyFault(f"upstream_no_proxy: {text!r} is neither a host name nor a network") from None
            names.append(name)
    return tuple(names), tuple(networks)
