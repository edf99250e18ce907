"""How a connector speaks TLS: trust and client certificate out of `client_config` and credential (spec/03 8.6).

Everything is checked when the connector is compiled, so that a deploy says what is wrong and no request has to. Opens no
file and no socket: material comes from the credential alone, and paths are refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from fairlead.domain.connector import ClientConfig
from fairlead.domain.secret import Secret
from fairlead.errors import IllegalArgument

CERTIFICATE, KEY, STORE, PASSWORD, AUTHORITIES = (
    "client_cert_pem",
    "client_key_pem",
    "client_cert_pkcs12",
    "keystore_password",
    "ca_cert_pem",
)
"""Names of the credentials that hold the material."""

KEYSTORES = ("PEM", "PKCS12")

_PREFIX = "Failed to build mutual TLS managers: "
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BASE64_FROM = 100
"""Characters from which a text of the Base64 alphabet is taken for Base64 (spec/03 8.6)."""
_PATH = re.compile(r"(?:file:|~|\.{0,2}[/\\]|[A-Za-z]:[/\\])\S*|\S+\.(?:pem|crt|cer|key|p12|pfx|der)", re.IGNORECASE)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What the way out must do: `verify` False trusts every certificate. PEM texts, the leaf first, the key in PKCS#8
    without encryption; `ca_pem` replaces the system's trust."""

    verify: bool = True
    ca_pem: str | None = None
    cert_pem: str | None = field(default=None, repr=False)
    key_pem: str | None = field(default=None, repr=False)


def client_tls(protocol: str, config: ClientConfig, credential: Mapping[str, Secret]) -> ClientTls:
    """The plan of one connector. Raises IllegalArgument, in words that hold nothing of the material."""
    if protocol != "http" or not config.mutual_tls_enabled:
        return ClientTls(verify=not config.skip_ssl_verification)
    if config.skip_ssl_verification:
        raise IllegalArgument(
            "skip_ssl_verification cannot be enabled together with mutual_tls_enabled. "
            "A client certificate must only be shown to a server whose own certificate was checked."
        )
    if not credential:
        raise IllegalArgument("Credentials are required when mutual TLS is enabled")
    kind = config.keystore_type or "PEM"
    if kind.upper() not in KEYSTORES:
        raise IllegalArgument(f"Unsupported keystore type: {kind}. Supported types are: {', '.join(KEYSTORES)}")
    if kind.upper() == "PEM":
        if not (_given(credential, CERTIFICATE) and _given(credential, KEY)):
            raise IllegalArgument(f"For PEM keystore, provide both {CERTIFICATE} and {KEY}")
    elif not _given(credential, STORE):
        raise IllegalArgument(f"For PKCS12 keystore, provide {STORE}")
    if _given(credential, "api_key"):
        raise IllegalArgument(
            "Mixed authentication methods are not allowed. "
            "Use either the client certificate of mutual TLS or the credential api_key, not both."
        )
    key, chain = _OPENERS[kind.upper()](credential)
    if key.public_key() != chain[0].public_key():
        raise _unusable("The private key does not belong to the client certificate.")
    authorities = _certificates(credential, AUTHORITIES) if _given(credential, AUTHORITIES) else []
    return ClientTls(True, _pem(authorities) if authorities else None, _pem(chain), _pkcs8(key))


def _given(credential: Mapping[str, Secret], name: str) -> str:
    """The credential's text, empty when it is absent or blank."""
    secret = credential.get(name)
    text = "" if secret is None else secret.reveal()
    return text if text.strip() else ""


def _unusable(reason: str) -> IllegalArgument:
    return IllegalArgument(_PREFIX + reason)


def _pem_text(credential: Mapping[str, Secret], name: str) -> str:
    """PEM as given, or out of the Base64 around it."""
    text = _given(credential, name)
    if "-----BEGIN" in text or "-----END" in text:
        return text
    packed = "".join(text.split())
    if len(packed) > _BASE64_FROM and _BASE64.fullmatch(packed):
        decoded = _decoded(packed)
        if decoded is None or b"-----BEGIN" not in decoded:
            raise _unusable(
                f"Certificate field '{name}' appears to be base64 encoded but does not contain valid PEM content "
                "after decoding. Expected PEM headers (-----BEGIN...)."
            )
        return decoded.decode("utf-8", "replace")
    if _PATH.fullmatch(text.strip()):
        raise _unusable(
            "File paths are not supported for certificate fields. "
            f"Put the PEM text itself, or Base64 of it, into '{name}'."
        )
    return text


def _decoded(packed: str) -> bytes | None:
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return None


def _certificates(credential: Mapping[str, Secret], name: str) -> list[x509.Certificate]:
    blocks = _BLOCK.findall(_pem_text(credential, name))
    if not blocks:
        raise _unusable("Invalid PEM certificate format. Expected -----BEGIN CERTIFICATE----- block.")
    try:
        return [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
    except ValueError as fault:
        raise _unusable(f"Certificate field '{name}' holds a certificate that cannot be read.") from fault


def _from_pem(credential: Mapping[str, Secret]) -> tuple[PrivateKey, list[x509.Certificate]]:
    chain = _certificates(credential, CERTIFICATE)
    for index, (certificate, issuer) in enumerate(pairwise(chain)):
        if not _issued(certificate, issuer):
            raise _unusable(
                f"Client certificate chain is not ordered correctly. Certificate at index {index} "
                "must be followed by the certificate of its issuer, beginning with the client's own."
            )
    text = _pem_text(credential, KEY)
    if "-----BEGIN PRIVATE KEY-----" not in text:
        raise _unusable(
            "Invalid PEM private key format. Only PKCS#8 format is supported (-----BEGIN PRIVATE KEY-----). "
            "Convert the key to PKCS#8 without encryption."
        )
    try:
        key = serialization.load_pem_private_key(text[text.index("-----BEGIN PRIVATE") :].encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise _unknown_key() from fault
    if not isinstance(key, PrivateKey):
        raise _unknown_key()
    return key, chain


def _from_pkcs12(credential: Mapping[str, Secret]) -> tuple[PrivateKey, list[x509.Certificate]]:
    content = _decoded("".join(_given(credential, STORE).split()))
    if content is None:
        raise _unusable(f"Certificate field '{STORE}' is not Base64 of a PKCS#12 file.")
    secret = credential.get(PASSWORD)
    password = secret.reveal().encode() if secret is not None else b""
    try:
        key, leaf, others = pkcs12.load_key_and_certificates(content, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise _unusable(f"The PKCS#12 file in '{STORE}' cannot be opened; it or the {PASSWORD} is wrong.") from fault
    if key is None or leaf is None:
        raise _unusable(f"The PKCS#12 file in '{STORE}' must hold a private key and its certificate.")
    if not isinstance(key, PrivateKey):
        raise _unknown_key()
    return key, _chain(leaf, others)


_OPENERS: Mapping[str, Callable[[Mapping[str, Secret]], tuple[PrivateKey, list[x509.Certificate]]]] = {
    "PEM": _from_pem,
    "PKCS12": _from_pkcs12,
}


def _chain(leaf: x509.Certificate, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf and its issuers in order; a key store says nothing about the order of its certificates."""
    chain, left = [leaf], [other for other in others if other != leaf]
    while issuer := next((other for other in left if _issued(chain[-1], other)), None):
        left.remove(issuer)
        chain.append(issuer)
    return chain


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    except UnsupportedAlgorithm:  # an algorithm this build cannot check; the names have been compared by then
        return certificate.issuer == issuer.subject
    return True


def _unknown_key() -> IllegalArgument:
    return _unusable("Unable to parse private key with supported algorithms (RSA, EC, DSA)")


def _pem(certificates: list[x509.Certificate]) -> str:
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates)


def _pkcs8(key: PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
