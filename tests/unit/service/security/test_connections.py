"""Identities out of the connection: certificates, proxies' headers, anonymous callers (spec/06 7.3-7.6, T-27)."""

from __future__ import annotations

import base64
import ssl
from typing import Any

import pytest

from fairlead.domain.identity import CERTIFICATE, PEER, Head, Refused
from fairlead.domain.principal import Principal
from fairlead.security.certificate import CertificateFault
from fairlead.security.forwarded import Proxies
from fairlead.service.security.composition import ORDER, in_order
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.connections import (
    AnonymousSource,
    Certificates,
    CertificateSource,
    ProxySource,
    SuperAdminSource,
)
from fairlead.service.security.domains import CertificateDomain, ProxyDomain
from transport.certificates import Authority

PROXY, STRANGER = "10.0.0.1", "203.0.113.9"
CONFIGURATION = Configuration(
    mappings={"ml_full_access": {"backend_roles": ["staff"]}, "anon": {"users": ["opendistro_*"]}}
)
OURS = Authority("ours")


def der(subject: str, *names: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(OURS.issue(*(names or ("x",)), subject=subject).cert)


ANN = der("CN=ann,OU=staff,O=x", "ann@corp.example")
ROOT = der("CN=Root, O=X".replace(", ", ","))


def head(
    peer: str, *headers: tuple[str, str], certificate: bytes | None = None, authorization: bytes | None = None
) -> Head:
    """A request from `peer`; behind a proxy the client's address is another."""
    connection: dict[str, Any] = {} if certificate is None else {CERTIFICATE: certificate}
    address = peer
    if peer == PROXY:
        connection[PEER], address = peer, "192.0.2.5"
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
    return Head("GET", b"/", pairs, authorization, address, connection)


def header(certificate: bytes) -> tuple[str, str]:
    return "Client-Cert", f":{base64.b64encode(certificate).decode()}:"


def proxied(**changes: Any) -> ProxySource:
    return ProxySource(ProxyDomain(**changes), Proxies([PROXY]), lambda: CONFIGURATION)


async def test_a_trusted_proxy_names_user_roles_and_attributes() -> None:
    source = proxied(attributes=b"x-proxy-ext-")
    found = await source.identify(
        head(PROXY, ("X-Proxy-User", "ann"), ("X-Proxy-Roles", "staff, ,b"), ("X-Proxy-Ext-Team", "blue"))
    )
    assert found == Principal("ann", ("staff", "b"), ("ml_full_access",), {"attr.proxy.team": "blue"}, source="proxy")


async def test_headers_of_everybody_else_are_not_read() -> None:
    for peer in (STRANGER, "", "127.0.0.1"):
        assert await proxied().identify(head(peer, ("X-Proxy-User", "admin"), ("X-Proxy-Roles", "admin"))) is None


async def test_a_proxy_without_a_user_header_names_nobody() -> None:
    assert await proxied().identify(head(PROXY, ("X-Proxy-Roles", "admin"))) is None


async def test_an_ipv4_mapped_peer_is_the_proxy() -> None:
    request = head("::ffff:10.0.0.1", ("X-Proxy-User", "ann"))
    assert isinstance(await proxied().identify(request), Principal)


@pytest.mark.parametrize("headers", [[("X-Proxy-User", "a"), ("X-Proxy-User", "admin")], [("X-Proxy-User", "  ")]])
async def test_two_or_empty_user_headers_are_refused(headers: list[tuple[str, str]]) -> None:
    assert isinstance(await proxied().identify(head(PROXY, *headers)), Refused)


def certified(trusted: tuple[str, ...] = (), **changes: Any) -> CertificateSource:
    return CertificateSource(CertificateDomain(**changes), Certificates(Proxies(trusted)), lambda: CONFIGURATION)


@pytest.mark.parametrize(
    ("rules", "name", "roles"),
    [
        ({}, "CN=ann,OU=staff,O=x", ()),
        ({"username": "cn", "roles": "ou"}, "ann", ("staff",)),
        ({"username": "san:EMAIL:*@corp.example"}, "ann@corp.example", ()),
        ({"username": "san:URI"}, "CN=ann,OU=staff,O=x", ()),
    ],
)
async def test_a_certificate_names_its_subject(rules: dict[str, str], name: str, roles: tuple[str, ...]) -> None:
    found = await certified(**rules).identify(head(STRANGER, certificate=ANN))
    assert isinstance(found, Principal)
    assert (found.name, found.backend_roles, found.source) == (name, roles, "clientcert")


async def test_subjects_that_are_skipped_are_left_to_other_sources() -> None:
    from_file = certified(
        skip=frozenset({(frozenset({("CN", "ann")}), frozenset({("OU", "staff")}), frozenset({("O", "x")}))})
    )
    assert await from_file.identify(head(STRANGER, certificate=ANN)) is None


async def test_no_certificate_is_nobody() -> None:
    assert await certified().identify(head(STRANGER)) is None


async def test_the_header_of_a_proxy_counts_and_its_own_certificate_never() -> None:
    source = certified((PROXY,), username="cn")
    found = await source.identify(head(PROXY, header(ANN), certificate=ROOT))
    assert isinstance(found, Principal)
    assert found.name == "ann"
    assert await source.identify(head(PROXY, certificate=ROOT)) is None


async def test_a_strangers_client_cert_header_is_not_read() -> None:
    assert await certified((PROXY,)).identify(head(STRANGER, header(ROOT))) is None
    assert await certified().identify(head(STRANGER, header(ROOT))) is None


@pytest.mark.parametrize("headers", [[("Client-Cert", "x")], [header(ANN), header(ROOT)], [("Client-Cert", ":AAAA:")]])
async def test_a_header_that_holds_no_certificate_is_refused(headers: list[tuple[str, str]]) -> None:
    for source in (certified((PROXY,)), SuperAdminSource(["CN=root,O=x"], Certificates(Proxies([PROXY])))):
        assert isinstance(await source.identify(head(PROXY, *headers)), Refused)


async def test_a_super_admin_is_known_by_the_name_of_the_certificate_alone() -> None:
    source = SuperAdminSource(["cn=root, o=X"], Certificates(Proxies([])))
    found = await source.identify(head(STRANGER, certificate=ROOT))
    assert isinstance(found, Principal)
    assert (found.super_admin, found.roles, found.backend_roles) == (True, (), ())
    assert await source.identify(head(STRANGER, certificate=ANN)) is None
    assert await source.identify(head(STRANGER)) is None
    with pytest.raises(CertificateFault):
        SuperAdminSource(["nobody"], Certificates(Proxies([])))


async def test_who_brings_no_credentials_is_anonymous_and_who_brings_wrong_ones_is_not() -> None:
    source = AnonymousSource(lambda: CONFIGURATION)
    found = await source.identify(head(STRANGER))
    assert isinstance(found, Principal)
    assert (found.name, found.roles) == ("opendistro_security_anonymous", ("anon",))
    assert await source.identify(head(STRANGER, authorization=b"Basic x")) is None


def test_sources_are_asked_in_the_order_of_strength() -> None:
    sources = [
        AnonymousSource(lambda: CONFIGURATION),
        certified(),
        proxied(),
        SuperAdminSource([], Certificates(Proxies([]))),
    ]
    assert [source.name for source in in_order(sources)] == ["super_admin", "proxy", "clientcert", "anonymous"]
    assert ORDER.index("api_key") < ORDER.index("jwt") < ORDER.index("basic")
