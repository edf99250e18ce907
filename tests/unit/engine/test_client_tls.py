"""The TLS plan of a connector: what `client_config` and credential make of it, and every refusal of spec/03 8.6."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.connector import Action, ActionType, ClientConfig, Connector
from fairlead.domain.secret import Secret
from fairlead.engine.client_tls import ClientTls, client_tls
from fairlead.engine.compiled import CompiledConnector
from fairlead.errors import IllegalArgument
from fairlead.transport.port import TlsPlan
from fairlead.transport.tls import client_context
from unit.engine.certificates import Chain, Issued, chain, encoded_key, issue, pem

MUTUAL = ClientConfig(mutual_tls_enabled=True)
P12 = ClientConfig(mutual_tls_enabled=True, keystore_type="PKCS12")
BUILD = "Failed to build mutual TLS managers: "


@cache
def made() -> Chain:
    return chain()


def credential(**values: str) -> dict[str, Secret]:
    return {name: Secret(value) for name, value in values.items()}


def pair(**changes: str | None) -> dict[str, Secret]:
    leaf = made().leaf
    values: dict[str, str | None] = {"client_cert_pem": leaf.cert_pem, "client_key_pem": leaf.key_pem, **changes}
    return credential(**{name: value for name, value in values.items() if value is not None})


def store(
    password: str | None = "word", *, key: Any = True, cert: Any = True, cas: list[x509.Certificate] | None = None
) -> str:
    """Base64 of a PKCS#12 file with the leaf and the intermediate."""
    leaf, issuer = made().leaf, made().intermediate
    encryption: Any = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    content = pkcs12.serialize_key_and_certificates(
        b"client",
        leaf.key if key is True else key,
        leaf.certificate if cert is True else cert,
        [issuer.certificate] if cas is None else cas,
        encryption,
    )
    return base64.b64encode(content).decode()


def refusal(config: ClientConfig, values: Mapping[str, Secret]) -> str:
    with pytest.raises(IllegalArgument) as caught:
        client_tls("http", config, values)
    assert caught.value.status == 400
    assert caught.value.reason is not None
    return caught.value.reason


def loads(plan: ClientTls) -> list[x509.Certificate]:
    """The plan's chain, after OpenSSL took it together with its key."""
    assert isinstance(client_context(TlsPlan(plan.verify, plan.ca_pem, plan.cert_pem, plan.key_pem)), ssl.SSLContext)
    assert plan.cert_pem is not None
    return x509.load_pem_x509_certificates(plan.cert_pem.encode())


def test_without_mutual_tls_only_the_checking_of_certificates_is_decided() -> None:
    assert client_tls("http", ClientConfig(), pair()) == ClientTls(True)
    assert client_tls("http", ClientConfig(skip_ssl_verification=True), {}) == ClientTls(False)


def test_a_signed_protocol_takes_no_client_certificate_and_checks_as_it_is_told() -> None:
    both = ClientConfig(mutual_tls_enabled=True, skip_ssl_verification=True, keystore_type="JKS")
    assert client_tls("aws_sigv4", both, pair()) == ClientTls(False)
    assert client_tls("aws_sigv4", MUTUAL, pair()) == ClientTls(True)


@pytest.mark.parametrize("kind", [None, "PEM", "pem"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_pem_material_is_taken_as_text_or_as_base64_of_it(kind: str | None, wrapped: bool) -> None:
    leaf, issuer = made().leaf, made().intermediate
    texts = [f"a comment\n{leaf.cert_pem}{issuer.cert_pem}", f"\n{leaf.key_pem}"]
    if wrapped:
        texts = [base64.encodebytes(text.encode()).decode() for text in texts]
    config = ClientConfig(mutual_tls_enabled=True, keystore_type=kind)
    plan = client_tls("http", config, pair(client_cert_pem=texts[0], client_key_pem=texts[1]))
    assert (plan.verify, plan.ca_pem) == (True, None)
    assert loads(plan) == [leaf.certificate, issuer.certificate]


def test_authorities_replace_the_systems_trust() -> None:
    root, issuer = made().root, made().intermediate
    plan = client_tls("http", MUTUAL, pair(ca_cert_pem=root.cert_pem + issuer.cert_pem))
    assert plan.ca_pem == root.cert_pem + issuer.cert_pem
    assert client_tls("http", MUTUAL, pair(ca_cert_pem="  ")).ca_pem is None
    assert len(loads(plan)) == 1


@pytest.mark.parametrize("password", ["word", "pässwörd", "", None])
def test_a_pkcs12_store_opens_with_its_password_an_empty_one_by_default(password: str | None) -> None:
    text = "\n ".join(store(password).partition("M"))
    values = credential(client_cert_pkcs12=text)
    if password is not None:
        values |= credential(keystore_password=password)
    plan = client_tls("http", P12, values)
    assert loads(plan) == [made().leaf.certificate, made().intermediate.certificate]


def test_the_chain_of_a_store_is_put_in_order_and_strangers_are_left_out() -> None:
    stranger = issue("stranger", None)
    cas = [made().root.certificate, stranger.certificate, made().intermediate.certificate]
    plan = client_tls("http", P12, credential(client_cert_pkcs12=store(cas=cas), keystore_password="word"))
    assert loads(plan) == [made().leaf.certificate, made().intermediate.certificate, made().root.certificate]


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())])
def test_rsa_and_elliptic_keys_are_taken(key: Any) -> None:
    leaf = issue("client", made().root, key=key)
    assert loads(client_tls("http", MUTUAL, pair(client_cert_pem=leaf.cert_pem, client_key_pem=leaf.key_pem)))


def test_a_dsa_key_is_taken() -> None:
    leaf = issue("client", made().root, key=dsa.generate_private_key(2048))
    plan = client_tls("http", MUTUAL, pair(client_cert_pem=leaf.cert_pem, client_key_pem=leaf.key_pem))
    assert plan.key_pem == leaf.key_pem


def _decide() -> list[tuple[str, ClientConfig, dict[str, Secret], str]]:
    skip = ClientConfig(mutual_tls_enabled=True, skip_ssl_verification=True)
    other = ClientConfig(mutual_tls_enabled=True, keystore_type="JKS")
    both = "For PEM keystore, provide both client_cert_pem and client_key_pem"
    return [
        (
            "verification off",
            skip,
            pair(),
            "skip_ssl_verification cannot be enabled together with mutual_tls_enabled. ",
        ),
        ("no credential", MUTUAL, {}, "Credentials are required when mutual TLS is enabled"),
        ("another store", other, pair(), "Unsupported keystore type: JKS. Supported types are: PEM, PKCS12"),
        ("no key", MUTUAL, pair(client_key_pem=None), both),
        ("blank certificate", MUTUAL, pair(client_cert_pem=" \n"), both),
        ("no store", P12, pair(), "For PKCS12 keystore, provide client_cert_pkcs12"),
        ("an API key too", MUTUAL, pair(api_key="k"), "Mixed authentication methods are not allowed. "),
    ]


@pytest.mark.parametrize(
    ("config", "values", "reason"), [row[1:] for row in _decide()], ids=[row[0] for row in _decide()]
)
def test_settings_that_contradict_each_other_are_refused(
    config: ClientConfig, values: dict[str, Secret], reason: str
) -> None:
    assert refusal(config, values).startswith(reason)


def test_a_blank_api_key_is_none() -> None:
    assert client_tls("http", MUTUAL, pair(api_key="  ")).cert_pem is not None


def _material() -> list[tuple[str, ClientConfig, dict[str, Secret], str]]:
    leaf, issuer, root = made().leaf, made().intermediate, made().root
    no_block = "Invalid PEM certificate format. Expected -----BEGIN CERTIFICATE----- block."
    no_key = "Invalid PEM private key format. Only PKCS#8 format is supported (-----BEGIN PRIVATE KEY-----). "
    unknown = "Unable to parse private key with supported algorithms (RSA, EC, DSA)"
    wrapped = "appears to be base64 encoded but does not contain valid PEM content after decoding. Expected PEM headers (-----BEGIN...)."
    order = "Client certificate chain is not ordered correctly. Certificate at index "
    unread = "holds a certificate that cannot be read."
    rows: list[tuple[str, str, dict[str, str]]] = [
        ("a text", no_block, {"client_cert_pem": "no-pem-at-all"}),
        ("a key in its place", no_block, {"client_cert_pem": leaf.key_pem}),
        ("half a block", no_block, {"client_cert_pem": leaf.cert_pem[:200]}),
        ("a damaged block", f"Certificate field 'client_cert_pem' {unread}", {"client_cert_pem": pem("CERTIFICATE", b"x" * 80)}),
        ("a path", "File paths are not supported for certificate fields. ", {"client_cert_pem": "/etc/ssl/client.pem"}),
        ("a file name", "File paths are not supported for certificate fields. ", {"client_key_pem": "client.key"}),
        ("a drive", "File paths are not supported for certificate fields. ", {"client_cert_pem": "C:\\certs\\client"}),
        ("base64 of nothing", f"Certificate field 'client_cert_pem' {wrapped}", {"client_cert_pem": "QUJD" * 40}),
        ("bad base64", f"Certificate field 'client_key_pem' {wrapped}", {"client_key_pem": "A" * 121}),
        ("short base64", no_block, {"client_cert_pem": "QUJD" * 25}),
        ("order", f"{order}0 ", {"client_cert_pem": leaf.cert_pem + root.cert_pem + issuer.cert_pem}),
        ("order further on", f"{order}1 ", {"client_cert_pem": leaf.cert_pem + issuer.cert_pem + leaf.cert_pem}),
        ("PKCS#1", no_key, {"client_key_pem": encoded_key(rsa.generate_private_key(65537, 2048), "TraditionalOpenSSL")}),
        ("encrypted", no_key, {"client_key_pem": encoded_key(leaf.key, "PKCS8", b"word")}),
        ("damaged key", unknown, {"client_key_pem": pem("PRIVATE KEY", b"x" * 80)}),
        ("another algorithm", unknown, {"client_key_pem": encoded_key(ed25519.Ed25519PrivateKey.generate())}),
        ("another's key", "The private key does not belong to the client certificate.", {"client_key_pem": root.key_pem}),
        ("an authority that is none", no_block, {"ca_cert_pem": "ca"}),
        ("a damaged authority", f"Certificate field 'ca_cert_pem' {unread}", {"ca_cert_pem": pem("CERTIFICATE", b"x")}),
    ]  # fmt: skip
    shown = [(name, MUTUAL, pair(**values), reason) for name, reason, values in rows]
    opened = "The PKCS#12 file in 'client_cert_pkcs12' cannot be opened; it or the keystore_password is wrong."
    lacking = "The PKCS#12 file in 'client_cert_pkcs12' must hold a private key and its certificate."
    stores: list[tuple[str, str, dict[str, str]]] = [
        ("no base64", "Certificate field 'client_cert_pkcs12' is not Base64 of a PKCS#12 file.", {"client_cert_pkcs12": "$"}),
        ("no store", opened, {"client_cert_pkcs12": "QUJD"}),
        ("wrong password", opened, {"client_cert_pkcs12": store(), "keystore_password": "other"}),
        ("password left out", opened, {"client_cert_pkcs12": store()}),
        ("no certificate", lacking, {"client_cert_pkcs12": store(None, cert=None, cas=[])}),
        ("no key in it", lacking, {"client_cert_pkcs12": store(None, key=None)}),
        ("a key of another kind", unknown, {"client_cert_pkcs12": store(None, **_edwards())}),
    ]  # fmt: skip
    return shown + [(name, P12, credential(**values), reason) for name, reason, values in stores]


def _edwards() -> dict[str, Any]:
    issued = issue("client", None, key=ed25519.Ed25519PrivateKey.generate())
    return {"key": issued.key, "cert": issued.certificate, "cas": []}


@pytest.mark.parametrize(
    ("config", "values", "reason"), [row[1:] for row in _material()], ids=[row[0] for row in _material()]
)
def test_material_that_cannot_be_used_is_refused_and_never_shown(
    config: ClientConfig, values: dict[str, Secret], reason: str
) -> None:
    shown = refusal(config, values)
    assert shown.startswith(BUILD + reason)
    assert not [value for value in values.values() if len(value.reveal()) > 4 and value.reveal() in shown]


def test_a_plan_shows_no_key() -> None:
    plan = client_tls("http", MUTUAL, pair())
    assert made().leaf.key_pem not in repr(plan)
    assert "PRIVATE" not in repr(plan)


def test_a_fault_is_known_when_the_connector_is_compiled() -> None:
    action = Action(ActionType.PREDICT, "POST", "https://api.openai.com/v1/x")
    connector = Connector("http", "c", "1", actions=(action,), client_config=MUTUAL)
    with pytest.raises(IllegalArgument, match="provide both client_cert_pem and client_key_pem"):
        CompiledConnector(connector, credential(client_cert_pem="x"), NoScripts())
    compiled = CompiledConnector(connector, pair(), NoScripts())
    assert compiled.tls.cert_pem == made().leaf.cert_pem


class NoScripts:
    """A compiler that is never asked."""

    def compile(self, source: str) -> Any:
        raise AssertionError(source)


PIECES = st.sampled_from(
    ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----", "\n"]
)
TEXTS = st.lists(st.text(max_size=8) | PIECES | st.just("QUJD" * 30), max_size=5).map("".join)


@settings(max_examples=150, deadline=None)
@given(first=TEXTS, second=TEXTS, third=TEXTS)
def test_any_text_is_taken_or_refused_with_an_error_of_ours(first: str, second: str, third: str) -> None:
    pems = credential(client_cert_pem=first, client_key_pem=second, ca_cert_pem=third)
    for config, values in ((MUTUAL, pems), (P12, credential(client_cert_pkcs12=first, keystore_password=second))):
        with pytest.raises(IllegalArgument):
            client_tls("http", config, values)


def test_the_whole_row_of_issuers_is_checked_not_only_names() -> None:
    impostor: Issued = issue("intermediate", None)
    mixed = made().leaf.cert_pem + impostor.cert_pem
    assert refusal(MUTUAL, pair(client_cert_pem=mixed)).startswith(f"{BUILD}Client certificate chain is not ordered")
