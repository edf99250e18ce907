"""A client's certificate as an identity: its distinguished name and the attributes that configuration may ask for.

Trusts nothing by itself: whether the chain is valid was decided by TLS, or by the proxy that passed it on.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

_SAN_KINDS: Mapping[str, type[x509.GeneralName]] = MappingProxyType(
    {
        "EMAIL": x509.RFC822Name,
        "DNS": x509.DNSName,
        "URI": x509.UniformResourceIdentifier,
        "IP": x509.IPAddress,
    }
)
_OTHER_NAMES = {NameOID.EMAIL_ADDRESS: "EMAILADDRESS"}
_ALIASES = {"E": "EMAILADDRESS", "1.2.840.113549.1.9.1": "EMAILADDRESS", "S": "ST"}


class CertificateFault(ValueError):
    """Bytes or a header that hold no certificate, or a selector that names no attribute."""


class ClientCertificate:
    """One verified certificate, from DER. Raises CertificateFault."""

    __slots__ = ("_certificate", "der", "dn")

    def __init__(self, der: bytes) -> None:
        try:
            self._certificate = x509.load_der_x509_certificate(der)
            self.dn = self._certificate.subject.rfc4514_string(_OTHER_NAMES)
        except (ValueError, UnsupportedAlgorithm):
            raise CertificateFault("no certificate in DER") from None
        self.der = der

    def values(self, selector: str) -> tuple[str, ...]:
        """What a `username_attribute` or `roles_attribute` picks (spec/06 7.4): `cn`, `dn:cn`, `san:EMAIL[:glob]`."""
        source, wanted, glob = parse_selector(selector)
        if source == "dn":
            return tuple(
                str(attribute.value)
                for attribute in self._certificate.subject
                if (attribute.rfc4514_attribute_name or "").lower() == wanted.lower()
            )
        try:
            names = self._certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (x509.ExtensionNotFound, ValueError):
            return ()
        found = (str(name.value) for name in names if isinstance(name, _SAN_KINDS[wanted]))
        return tuple(value for value in found if fnmatchcase(value, glob))


def parse_selector(selector: str) -> tuple[str, str, str]:
    """Source (`dn` or `san`), attribute and glob. Raises CertificateFault for a selector that can pick nothing."""
    source, colon, rest = selector.partition(":")
    if not colon:
        source, rest = "dn", source
    source = source.lower()
    if rest.lower() in ("dn", "san"):
        raise CertificateFault(f"'{selector}' names no attribute: it must be like cn, dn:cn or san:EMAIL")
    if source == "dn" and re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", rest):
        return source, rest, "*"
    kind, _, glob = rest.partition(":")
    if source == "san" and kind.upper() in _SAN_KINDS:
        return source, kind.upper(), glob or "*"
    raise CertificateFault(f"'{selector}' names no attribute: it must be like cn, dn:cn or san:EMAIL")


def from_header(value: str) -> bytes:
    """DER out of a `Client-Cert` header, a byte sequence between colons (RFC 9440, RFC 9651). Raises CertificateFault."""
    text = value.strip()
    if len(text) < 3 or text[0] != ":" or text[-1] != ":":
        raise CertificateFault("Client-Cert is no byte sequence between colons")
    try:
        return base64.b64decode(text[1:-1], validate=True)
    except (binascii.Error, ValueError):
        raise CertificateFault("Client-Cert is no Base64") from None


Name = tuple[frozenset[tuple[str, str]], ...]


def parse_dn(text: str) -> Name:
    """A distinguished name for comparison: without regard to case and spacing (spec/06 7.5). Raises CertificateFault."""
    relative = []
    for part in _split(text, ","):
        attributes = set()
        for attribute in _split(part, "+"):
            name, equals, value = attribute.partition("=")
            name = name.strip().upper().removeprefix("OID.")
            if not equals or not name:
                raise CertificateFault(f"'{text}' is no distinguished name")
            attributes.add((_ALIASES.get(name, name), _value(value)))
        relative.append(frozenset(attributes))
    return tuple(relative)


def _split(text: str, separator: str) -> list[str]:
    """At separators that are not escaped."""
    return re.findall(rf"(?:^|{re.escape(separator)})((?:\\.|[^\\{re.escape(separator)}])*)", text, re.DOTALL)


def _value(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        if found[1]:
            return bytes.fromhex(found[0].replace("\\", "")).decode("utf-8", "replace")
        return found[0][1]

    unescaped = re.sub(r"(?:\\([0-9A-Fa-f]{2}))+|\\.", plain, text.strip(), flags=re.DOTALL)
    return " ".join(unescaped.split()).casefold()
