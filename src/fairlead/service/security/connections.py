"""Identity sources that look at the connection: client certificates, super admins by certificate, headers of trusted proxies,
and nobody in particular (spec/06 7.3-7.6). They verify no signature: TLS did, or the proxy is believed."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.domain.identity import CERTIFICATE, PEER, Head, Refused
from fairlead.domain.principal import Principal
from fairlead.security.certificate import CertificateFault, ClientCertificate, from_header, parse_dn
from fairlead.security.forwarded import Proxies
from fairlead.service.security.configuration import CurrentConfiguration
from fairlead.service.security.domains import CertificateDomain, ProxyDomain

ANONYMOUS = "opendistro_security_anonymous"
_CLIENT_CERT = b"client-cert"
_MOST_PARSED = 1000


class Certificates:
    """The client's certificate of a request: of its connection, or in `Client-Cert` of a trusted proxy (RFC 9440).

    A trusted proxy's own certificate is never its clients': behind one only the header counts.
    """

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._parsed: dict[bytes, ClientCertificate] = {}

    def of(self, head: Head) -> ClientCertificate | None:
        """Raises CertificateFault for a header that holds none."""
        if self._proxies.any and self._proxies.trusts(peer_of(head)):
            values = [value for name, value in head.headers if name == _CLIENT_CERT]
            if not values:
                return None
            if len(values) > 1:
                raise CertificateFault("more than one Client-Cert header")
            return self._certificate(from_header(values[0].decode("latin-1")))
        der = head.connection.get(CERTIFICATE)
        return self._certificate(der) if der is not None else None

    def _certificate(self, der: bytes) -> ClientCertificate:
        found = self._parsed.get(der)
        if found is None:
            if len(self._parsed) >= _MOST_PARSED:
                self._parsed.clear()
            found = self._parsed[der] = ClientCertificate(der)
        return found


def peer_of(head: Head) -> str:
    """Who connected: the proxy, if there is one."""
    return str(head.connection.get(PEER, head.address))


class SuperAdminSource:
    """Certificates whose subject is one of `names` skip every rule (7.5). Raises CertificateFault for a bad name."""

    name = "super_admin"
    challenge: str | None = None

    def __init__(self, names: Iterable[str], certificates: Certificates) -> None:
        self._names = frozenset(parse_dn(name) for name in names)
        self._certificates = certificates

    async def identify(self, head: Head) -> Principal | Refused | None:
        try:
            certificate = self._certificates.of(head)
            if certificate is None or parse_dn(certificate.dn) not in self._names:
                return None
        except CertificateFault as fault:
            return Refused(str(fault))
        return Principal(certificate.dn, source="clientcert", super_admin=True)


class CertificateSource:
    """Subjects of verified certificates."""

    name = "clientcert"
    challenge: str | None = None

    def __init__(
        self, domain: CertificateDomain, certificates: Certificates, configuration: CurrentConfiguration
    ) -> None:
        self._domain = domain
        self._certificates = certificates
        self._configuration = configuration

    async def identify(self, head: Head) -> Principal | Refused | None:
        try:
            certificate = self._certificates.of(head)
            if certificate is None or (self._domain.skip and parse_dn(certificate.dn) in self._domain.skip):
                return None
        except CertificateFault as fault:
            return Refused(str(fault))
        names = certificate.values(self._domain.username) if self._domain.username else ()
        roles = certificate.values(self._domain.roles) if self._domain.roles else ()
        principal = Principal(names[0] if names else certificate.dn, roles, source="clientcert")
        return self._configuration().mapped(principal, head.address)


class ProxySource:
    """Headers that a trusted proxy sets after it logged the caller in; from everybody else they are not read (T-27)."""

    name = "proxy"
    challenge: str | None = None

    def __init__(self, domain: ProxyDomain, proxies: Proxies, configuration: CurrentConfiguration) -> None:
        self._domain = domain
        self._proxies = proxies
        self._configuration = configuration

    async def identify(self, head: Head) -> Principal | Refused | None:
        if not self._proxies.trusts(peer_of(head)):
            return None
        domain = self._domain
        users = [value for name, value in head.headers if name == domain.user]
        if not users:
            return None
        if len(users) > 1:
            return Refused("more than one user header")
        name = users[0].decode("utf-8", "replace").strip()
        if not name:
            return Refused("an empty user header")
        lists = [value.decode("utf-8", "replace") for header, value in head.headers if header == domain.roles]
        roles = [part.strip() for text in lists for part in text.split(domain.separator)]
        prefix = domain.attributes
        attributes = {
            f"attr.proxy.{header[len(prefix) :].decode('latin-1')}": value.decode("utf-8", "replace")
            for header, value in head.headers
            if prefix and header.startswith(prefix)
        }
        principal = Principal(name, tuple(dict.fromkeys(filter(None, roles))), (), attributes, source="proxy")
        return self._configuration().mapped(principal, head.address)


class AnonymousSource:
    """Callers without any credentials, where the configuration lets them in (7.6)."""

    name = "anonymous"
    challenge: str | None = None

    def __init__(self, configuration: CurrentConfiguration) -> None:
        self._configuration = configuration

    async def identify(self, head: Head) -> Principal | Refused | None:
        if head.authorization is not None:
            return None
        principal = Principal(ANONYMOUS, (f"{ANONYMOUS}_backendrole",), source="anonymous")
        return self._configuration().mapped(principal, head.address)
