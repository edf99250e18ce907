"""Identity sources out of the configured rows, in the fixed order of spec/06 14.1. The sources themselves decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fairlead.domain.identity import IdentitySource
from fairlead.security.forwarded import Proxies
from fairlead.service.security.configuration import CurrentConfiguration
from fairlead.service.security.connections import (
    AnonymousSource,
    Certificates,
    CertificateSource,
    ProxySource,
    SuperAdminSource,
)
from fairlead.service.security.domains import IdentityRules, JwtDomain
from fairlead.service.security.key_sets import Fetch, FetchedKeys, FixedKeys, KeySet
from fairlead.service.security.tokens import TokenSource

ORDER = ("super_admin", "api_key", "jwt", "proxy", "clientcert", "basic", "anonymous")
"""Names of the sources in the order in which they are asked."""

FetchFor = Callable[[JwtDomain], Fetch]


def in_order(sources: Iterable[IdentitySource]) -> list[IdentitySource]:
    return sorted(sources, key=lambda source: ORDER.index(source.name))


def identity_sources(
    rules: IdentityRules,
    admins: Sequence[str],
    proxies: Proxies,
    configuration: CurrentConfiguration,
    clock: Callable[[], int],
    monotonic: Callable[[], float],
    fetch_for: FetchFor,
) -> list[IdentitySource]:
    """What is configured beside the internal users. `admins` are distinguished names."""
    certificates = Certificates(proxies)
    sources: list[IdentitySource] = []
    if admins:
        sources.append(SuperAdminSource(admins, certificates))
    if rules.jwt:
        issuers = [(domain, _keys(domain, monotonic, fetch_for)) for domain in rules.jwt]
        sources.append(TokenSource(issuers, configuration, clock))
    if rules.proxy is not None:
        sources.append(ProxySource(rules.proxy, proxies, configuration))
    if rules.certificate is not None:
        sources.append(CertificateSource(rules.certificate, certificates, configuration))
    if rules.anonymous:
        sources.append(AnonymousSource(configuration))
    return sources


def _keys(domain: JwtDomain, monotonic: Callable[[], float], fetch_for: FetchFor) -> KeySet:
    if domain.keys:
        return FixedKeys(domain.keys)
    return FetchedKeys(
        fetch_for(domain),
        monotonic,
        jwks_uri=domain.jwks_uri,
        discovery=domain.discovery,
        issuer=domain.rules.issuer,
        window=domain.window,
        count=domain.count,
        most_keys=domain.most_keys,
    )
