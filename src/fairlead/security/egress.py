"""The way out: which URLs are trusted and which addresses may be dialled, decided by one immutable policy read live.

Answers in the words of spec/01 section 1.11 and spec/03 sections 8.1 and 8.5. Opens no socket: it resolves names, checks
every answer and hands out literals, so that what was checked is what is connected to (D-29, D-30).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fairlead.domain.private_target import PrivateTarget
from fairlead.errors import FairleadError, IllegalArgument, UnknownHost
from fairlead.java.regex import JavaPattern, PatternFault, compile_java
from fairlead.security.networks import Address, Finding, Kind, Network, carried, hextets, judge
from fairlead.security.patterns import EndpointPattern
from fairlead.security.url import address_of, own_origin, repeated

_UNTRUSTED = "Connector URL is not matching the trusted connector endpoint regex"
_UNTRUSTED_PRIVATE = "Connector URL is not matching the trusted connector private endpoint regex"
_NOTHING_TRUSTED = (
    "Trusted connector endpoints regex is not configured. "
    "Please set plugins.ml_commons.trusted_connector_endpoints_regex."
)
_MOVED = (
    "A parameter of the request moves it to another host than the connector's own. "
    "How far it may go says the setting fairlead.egress.runtime_host."
)
# What resolvers call a name without an address; everything else is told apart, because trying again may help.
_UNKNOWN = "Name or service not known"
_AGAIN = "Temporary failure in name resolution"


log = logging.getLogger("fairlead.security")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one URL of one connector goes beyond public addresses. It is part of the route, so connections of another
    reach are never shared: `private` says that the list of private endpoints admits the URL, `targets` are its own."""

    private: bool = False
    targets: tuple[PrivateTarget, ...] = ()

    def allows(self, address: Address, port: int, *, literally: bool) -> bool:
        return any(
            target.port == port
            and target.network.version == address.version
            and address in target.network
            and (target.network.num_addresses == 1 or not literally)
            for target in self.targets
        )


PUBLIC = Reach()
"""What a call gets that no connector makes: no list of private endpoints speaks for it."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """The rules in force under one version of the settings. `allowed` networks are let through beyond the others,
    `targets` only for their connectors."""

    trusted: tuple[EndpointPattern, ...]
    private: tuple[EndpointPattern, ...]
    restricted: tuple[JavaPattern, ...]
    private_ip_enabled: bool
    allowed: tuple[Network, ...]
    runtime_host: str = "same_pattern"
    targets: tuple[PrivateTarget, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        trusted: Iterable[str],
        private: Iterable[str] = (),
        restricted: Iterable[str] = (),
        private_ip_enabled: bool = False,
        allowed: Iterable[str] = (),
        runtime_host: str = "same_pattern",
        targets: Iterable[PrivateTarget] = (),
    ) -> EgressPolicy:
        """From the texts of the settings; `allowed` in CIDR notation. Raises PatternFault and ValueError.

        A trusted or private pattern that is none, which only an older store can hold, admits nothing.
        """
        return cls(
            _patterns(trusted),
            _patterns(private),
            tuple(compile_java(pattern) for pattern in restricted),
            private_ip_enabled,
            tuple(ip_network(network) for network in allowed),
            runtime_host,
            tuple(targets),
        )

    def check_trusted(self, url: str, *, calling: bool = False) -> None:
        """Raises IllegalArgument unless a trusted pattern admits the rendered URL; `calling` picks the words of a call."""
        if not self.trusted and calling:
            raise IllegalArgument(_NOTHING_TRUSTED)
        if not any(pattern.matches(url) for pattern in self.trusted):
            raise IllegalArgument(_UNTRUSTED)

    def check_moved(self, url: str, origin: str, own: Sequence[str]) -> None:
        """Raises IllegalArgument when run-time values carry a request to `url`, whose origin is `origin`, too far from the
        connector's `own` URLs (T-07, S-09).

        Its own origins are always right. Beyond them a trusted pattern must admit both an own URL and this one: whoever
        wrote it meant these hosts to be one provider's.
        """
        if url in own or self.runtime_host == "any_trusted":
            return
        if origin in map(own_origin, own):
            return
        if self.runtime_host == "same_pattern":
            for pattern in self.trusted:
                if pattern.matches(url) and any(pattern.matches(text) for text in own):
                    return
        raise IllegalArgument(_MOVED)

    def reach(self, url: str, owner: str) -> Reach:
        """Of a trusted URL that the connector `owner` calls (spec/03 section 8.5 rule 3)."""
        private = not self.private or any(pattern.matches(url) for pattern in self.private)
        return Reach(private, tuple(target for target in self.targets if target.owner == owner))

    def check_address(self, host: str, port: int, address: Address, reach: Reach = PUBLIC) -> None:
        """Raises IllegalArgument unless `address`, which `host` stands for, may be called."""
        self._check_one(host, port, address, reach)
        inner = carried(address)
        finding = judge(inner) if inner is not None else None
        # An ISATAP address in an allowed private range still leads to the address that it carries.
        if (
            finding is not None
            and finding.row.kind is Kind.METADATA
            and not self._listed(finding, address, port, reach)
        ):
            raise repeated(f"Remote inference host name has restricted ip address: {host}")

    def _check_one(self, host: str, port: int, address: Address, reach: Reach) -> None:
        finding = judge(address)
        texts = [_shown(candidate) for candidate in (address, carried(address)) if candidate is not None]
        if any(pattern.fullmatch(text) for pattern in self.restricted for text in texts):
            raise repeated(f"Remote inference host name has restricted ip address: {host}")
        if finding is None or self._listed(finding, address, port, reach):
            return
        kind = finding.row.kind
        private = kind is Kind.PRIVATE or (kind is Kind.METADATA and _in_private_network(finding.address))
        if private and not self.private_ip_enabled:
            raise repeated(f"Remote inference host name has private ip address: {host}")
        if kind is not Kind.PRIVATE:
            raise repeated(f"Remote inference host name has restricted ip address: {host}")
        if self.private and not reach.private:
            raise repeated(_UNTRUSTED_PRIVATE)

    def _listed(self, finding: Finding, address: Address, port: int, reach: Reach) -> bool:
        """Metadata must be listed by its very address: a wide network let in for a database is no consent to that."""
        literally = finding.row.kind is Kind.METADATA
        if any(reach.allows(candidate, port, literally=literally) for candidate in (address, finding.address)):
            return True
        return any(
            candidate.version == network.version
            and candidate in network
            and (network.num_addresses == 1 or not literally)
            for network in self.allowed
            for candidate in (address, finding.address)
        )


def _patterns(sources: Iterable[str]) -> tuple[EndpointPattern, ...]:
    patterns = []
    for source in sources:
        try:
            patterns.append(EndpointPattern(source))
        except PatternFault as fault:
            log.warning("endpoint pattern [%s] admits nothing: %s", source, fault)
    return tuple(patterns)


def _shown(address: Address) -> str:
    """As Java prints it, which is what restricted patterns are written for."""
    return hextets(address) if isinstance(address, IPv6Address) else str(address)


def _in_private_network(address: Address) -> bool:
    """Whether the original too would call this metadata address a private one (all but the one in public space)."""
    return isinstance(address, IPv6Address) or address != IPv4Address("168.63.129.16")


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A host name and a port to address literals, in the order they should be tried. Raises OSError."""


async def system_addresses(host: str, port: int) -> list[str]:
    """What the system's resolver answers, without repetitions. Raises OSError (`socket.gaierror`), UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedDialer:
    """`fairlead.transport.port.Dialer` under the policy that `policy()` gives at each dial (D-27)."""

    def __init__(self, policy: Callable[[], EgressPolicy], resolve: Resolve = system_addresses) -> None:
        self._policy = policy
        self._resolve = resolve

    async def addresses(self, host: str, port: int, reach: object = None) -> list[str]:
        """Address literals for `host`, a name or a literal, every one of them checked; `reach` is a `Reach` or None.

        Raises IllegalArgument when one is forbidden, and UnknownHost when there is none.
        """
        literal = address_of(host)
        found = [str(literal)] if literal is not None else await self._resolved(host, port)
        policy = self._policy()
        granted = reach if isinstance(reach, Reach) else PUBLIC
        for text in found:
            policy.check_address(host, port, ip_address(text.partition("%")[0]), granted)
        return found

    async def _resolved(self, host: str, port: int) -> list[str]:
        try:
            found = list(await self._resolve(host, port))
        except socket.gaierror as fault:
            again = fault.errno == socket.EAI_AGAIN
            raise _unknown(host, _AGAIN if again else _UNKNOWN) from fault
        except (OSError, UnicodeError) as fault:
            raise _unknown(host, _UNKNOWN) from fault
        if not found:
            raise _unknown(host, _UNKNOWN)
        return found


def _unknown(host: str, words: str) -> FairleadError:
    reason = f"{host}: {words}"
    return UnknownHost(reason, cause=UnknownHost(reason))
