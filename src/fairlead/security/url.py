"""Reads a rendered URL once, strictly; what is checked, signed and dialled is this value and never the text again.

Refuses whatever two parsers could read in two ways, in the words of spec/03 section 8.1 (rules: spec/06 section 12.1).
It does not resolve names and does not know which hosts are trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from fairlead.errors import FairleadError, IllegalArgument, UriSyntax

DEFAULT_PORTS = {"http": 80, "https": 443}

_CREATE = (
    "Encountered error when trying to create uri from endpoint in ml connector. "
    "Please update the endpoint in connection configuration: "
)
_NO_HOST = "Invalid URI. Please check if the endpoint is valid from connector."

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# RFC 3986 unreserved and sub-delims. What Java lets through besides (other letters, brackets in a query) is told apart
# below: Java's own set decides the words of the error, ours decides what is refused.
_PATH_BAD = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:@/%-]")
_QUERY_BAD = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]")
_AUTHORITY_BAD = re.compile(r"[\x00-\x20\x7f\\^`{}|<>\"]")
_OPAQUE_BAD = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]")
_AUTHORITY_END = re.compile(r"[/?#]")
_PORT = re.compile(r"[0-9]*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_MAX_HOST = 253
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """`host` is a name or an address literal, lower case, without brackets; `target` is path and query as sent."""

    scheme: str
    host: str
    port: int
    target: bytes

    @property
    def origin(self) -> str:
        """`scheme://host:port`, always with the port: what a credential is bound to."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        """What `Host` says: the port only where it is not the scheme's own (RFC 9110 7.2)."""
        host = _bracketed(self.host)
        return host if DEFAULT_PORTS[self.scheme] == self.port else f"{host}:{self.port}"


def parse_url(text: str) -> ParsedUrl:
    """Raises IllegalArgument in the words of the original, with the same causes."""
    found = _SCHEME.match(text)
    if found is None:
        raise _no_scheme(text)
    scheme, rest = found[1].lower(), text[found.end() :]
    if not rest.startswith("/"):
        bad = _OPAQUE_BAD.search(rest)
        raise _illegal("opaque part", found.end() + bad.start(), text) if bad else _not_a_host(_NO_HOST)
    if scheme not in DEFAULT_PORTS:
        raise repeated(f"Protocol is not http or https: {scheme}")
    if not rest.startswith("//"):
        raise _not_a_host(_NO_HOST)
    start = found.end() + 2
    cut = _AUTHORITY_END.search(text, start)
    end = cut.start() if cut else len(text)
    host, port = _authority(text, start, end)
    return ParsedUrl(scheme, host, DEFAULT_PORTS[scheme] if port is None else port, _target(text, end))


def as_dialled(text: str) -> str | None:
    """The URL with scheme, host and port in the one form that is dialled; the scheme's own port is left out.

    None for a text whose authority is none, or holds a placeholder.
    """
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found is not None else ""
    if found is None or scheme not in DEFAULT_PORTS or not text.startswith("//", found.end()):
        return None
    start = found.end() + 2
    cut = _AUTHORITY_END.search(text, start)
    end = cut.start() if cut else len(text)
    try:
        host, port = _authority(text, start, end)
    except FairleadError:
        return None
    shown = "" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{_bracketed(host)}{shown}{text[end:]}"


@lru_cache(maxsize=4096)
def own_origin(text: str) -> str | None:
    """The origin of a connector's own URL, whose path may be left open; None when only a request names its host."""
    scheme, mark, rest = text.partition("://")
    host = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    if not mark or "${" in scheme + host:
        return None
    try:
        return parse_url(f"{scheme}://{host}/").origin
    except IllegalArgument:
        return None  # no URL to call: the call says what is wrong with it


def repeated(reason: str) -> IllegalArgument:
    """An error found while sending: its cause repeats type and reason (spec/03 section 8.5)."""
    return IllegalArgument(reason, cause=IllegalArgument(reason))


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host spells out, None for a name. Raises IllegalArgument for spellings that only look alike.

    Resolvers read `127.1`, `0x7f.1`, `2130706433` and `0177.0.0.1` as 127.0.0.1 (rule 6): one form is let through.
    """
    if ":" in host:
        try:
            address = IPv6Address(host)
        except AddressValueError:
            raise _not_a_host(_NO_HOST) from None
        if address.scope_id is not None:
            raise _not_a_host("A zone id is not allowed in the address.")
        return address
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    if not _DECIMAL.fullmatch(host) or any(int(part) > 255 for part in host.split(".")):
        raise _not_a_host("An IPv4 address must be written as four decimal numbers.")
    return IPv4Address(host)


def _authority(text: str, start: int, end: int) -> tuple[str, int | None]:
    authority = text[start:end]
    bad = _AUTHORITY_BAD.search(authority)
    if bad is not None:
        raise _illegal("authority", start + bad.start(), text)
    if "@" in authority:
        raise _not_a_host("User information is not allowed in the URL.")
    if authority.startswith("["):
        literal, bracket, after = authority[1:].partition("]")
        if not bracket or (after and not after.startswith(":")) or ":" not in literal or "%" in literal:
            raise _not_a_host(_NO_HOST)
        address = address_of(literal)
        assert isinstance(address, IPv6Address)
        return compressed(address), _port(after[1:])
    name, _, port = authority.partition(":")
    return _name(name), _port(port)


def _port(text: str) -> int | None:
    if not _PORT.fullmatch(text):
        raise _not_a_host(_NO_HOST)
    if not text:
        return None
    if len(text) > 10 or not 0 < int(text) <= _MAX_PORT:
        raise repeated(f"Port out of range: {text[:20]}")
    return int(text)


def _name(text: str) -> str:
    host = text.lower()
    if len(host) > _MAX_HOST + 1:
        raise _not_a_host(_NO_HOST)
    if not host.isascii() or "xn--" in host:
        host = _ascii(host)
    host = host.removesuffix(".")
    address = address_of(host)
    if address is not None:
        return str(address)
    # Host names with `_` are refused as Java does; it calls such a URL one without a host.
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _not_a_host(_NO_HOST)
    return host


def _ascii(host: str) -> str:
    """A-labels of an internationalised name, only if they read back as the same name (rule 5)."""
    try:
        encoded = idna.encode(host, uts46=True, std3_rules=True, transitional=False).decode("ascii")
        if any(label.startswith("xn--") for label in encoded.split(".")):
            again = idna.encode(idna.decode(encoded), uts46=True, std3_rules=True, transitional=False)
            if again.decode("ascii") != encoded:
                raise _not_a_host(_NO_HOST)
    except (idna.IDNAError, UnicodeError):
        raise _not_a_host(_NO_HOST) from None
    return encoded


def _target(text: str, start: int) -> bytes:
    path, mark, query = text[start:].partition("?")
    bad = _PATH_BAD.search(path)
    if bad is not None:
        raise _illegal("path", start + bad.start(), text)
    bad = _QUERY_BAD.search(query)
    if bad is not None:
        raise _illegal("query", start + len(path) + 1 + bad.start(), text)
    # RFC 9112 3.2.1: an empty path is sent as a slash. Nothing else is changed: what is checked is what is sent.
    return f"{path or '/'}{mark}{query}".encode("ascii")


def _no_scheme(text: str) -> IllegalArgument:
    """A text that Java reads as a bare path, or, when a colon comes first, as one with a bad scheme."""
    path, mark, query = text.partition("?")
    colon = re.match(r"[^/?#]*?:", text)
    if colon is not None:
        bad = re.compile(r"^[^A-Za-z]|[^A-Za-z0-9+.-]").search(text)
        return _illegal("scheme name", bad.start() if bad else 0, text)
    bad = _PATH_BAD.search(path)
    if bad is not None:
        return _illegal("path", bad.start(), text)
    bad = _QUERY_BAD.search(query) if mark else None
    return _illegal("query", len(path) + 1 + bad.start(), text) if bad else _not_a_host(_NO_HOST)


def _illegal(part: str, index: int, text: str) -> IllegalArgument:
    """`Illegal character in <part> at index N: <url>`, N from 0 in the text; a `#` is refused as a fragment."""
    what = (
        f"Malformed escape pair at index {index}"
        if text[index] == "%"
        else f"Illegal character in {part} at index {index}"
    )
    reason = f"{what}: {text}"
    return IllegalArgument(_CREATE, cause=IllegalArgument(reason, cause=UriSyntax(reason)))


def _not_a_host(reason: str) -> IllegalArgument:
    return IllegalArgument(_CREATE, cause=IllegalArgument(reason))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def compressed(address: IPv6Address) -> str:
    """RFC 5952 text, the same in every Python: 3.13 began to print IPv4-mapped addresses in another way."""
    groups = [int.from_bytes(address.packed[at : at + 2], "big") for at in range(0, 16, 2)]
    runs = [(at, next((n for n in range(at, 8) if groups[n]), 8)) for at in range(8)]
    start, stop = max(runs, key=lambda run: (run[1] - run[0], -run[0]))
    shown = [f"{group:x}" for group in groups]
    if stop - start < 2:
        return ":".join(shown)
    return f"{':'.join(shown[:start])}::{':'.join(shown[stop:])}"
