"""Client certificates end to end: a TLS server on this machine that demands one, through blueprint, engine and transport."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from fairlead import Connector
from fairlead.errors import IllegalArgument, StatusFault
from transport.certificates import Authority, Pair, server_context
from unit.library.provider import Provider, blueprint, embeddings

AUTHORITY = Authority("test authority")
CLIENT = AUTHORITY.issue("client.test")
PEM = {"client_cert_pem": CLIENT.cert, "client_key_pem": CLIENT.key, "ca_cert_pem": AUTHORITY.pem}


def pkcs12_store(pair: Pair) -> str:
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    certificate = x509.load_pem_x509_certificate(pair.cert.encode())
    encryption = serialization.BestAvailableEncryption(b"word")
    content = pkcs12.serialize_key_and_certificates(b"c", key, certificate, None, encryption)  # type: ignore[arg-type]
    return base64.b64encode(content).decode()


def server(*, clients: bool = True) -> Provider:
    context = server_context(AUTHORITY.issue("127.0.0.1"), clients=AUTHORITY.pem if clients else None)
    return Provider(embeddings, context)


def made(provider: Provider, credential: dict[str, str], transport: str = "aiohttp", **config: Any) -> Connector:
    given: dict[str, Any] = {"credential": credential, "allow_private": True, "transport": transport}
    return Connector.from_blueprint(blueprint(provider.url, client_config=config), **given)


@pytest.mark.parametrize("transport", ["aiohttp", "owned"])
@pytest.mark.parametrize("kind", ["PEM", "PKCS12"])
def test_a_server_that_demands_a_certificate_gets_the_connectors(transport: str, kind: str) -> None:
    store = {"client_cert_pkcs12": pkcs12_store(CLIENT), "keystore_password": "word", "ca_cert_pem": AUTHORITY.pem}
    credential = PEM if kind == "PEM" else store
    with server() as provider:
        config = {"mutual_tls_enabled": True, "keystore_type": kind}
        with made(provider, credential, transport, **config) as connector:
            assert connector.embed(["ab"])[0].tolist() == [0.0, 2]
        subject = provider.seen[0].certificate["subject"]
    assert subject == ((("commonName", "client.test"),),)


def test_without_a_certificate_the_handshake_fails_and_is_told_as_a_fault_of_communication() -> None:
    with server() as provider, made(provider, {"key": "k"}, skip_ssl_verification=True) as connector:
        with pytest.raises(StatusFault, match=r"^Error communicating with remote model: ") as caught:
            connector.embed(["a"])
        assert caught.value.status == 500
        assert provider.seen == []


@pytest.mark.parametrize("transport", ["aiohttp", "owned"])
def test_a_server_of_another_authority_is_refused_unless_checking_is_off(transport: str) -> None:
    with server(clients=False) as provider:
        with made(provider, {"key": "k"}, transport) as checking, pytest.raises(StatusFault, match="certificate"):
            checking.embed(["a"])
        with made(provider, {"key": "k"}, transport, skip_ssl_verification=True) as trusting:
            assert trusting.embed(["abc"])[0].tolist() == [0.0, 3]


def test_material_that_cannot_be_used_is_told_when_the_connector_is_made_and_explain_needs_none() -> None:
    with server() as provider:
        with pytest.raises(IllegalArgument, match=r"^Failed to build mutual TLS managers: "):
            made(provider, PEM | {"client_key_pem": "x"}, mutual_tls_enabled=True)
        with made(provider, PEM, mutual_tls_enabled=True) as connector:
            request = connector.explain(text_docs=["a"])
        assert request.url == f"{provider.url}/v1/embeddings"
        assert "PRIVATE KEY" not in str(request)
