"""The one map from every exception class that aiohttp can raise to UpstreamError.

Lists each class of aiohttp's tree by itself, so that a class that a new release adds fails the test instead of being
misnamed. Foreign messages are never shown: they may hold a URL with a key or a piece of a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp
from aiohttp import client_exceptions, http_exceptions

from fairlead.transport import os_faults
from fairlead.transport.port import Kind, Stage, UpstreamError


@dataclass(frozen=True, slots=True)
class Rule:
    """What a class means. `stage` None: as far as the call had got. `kind` None: ask the exception's cause."""

    stage: Stage | None
    kind: Kind | None
    words: str
    sent: bool | None = None
    """None: as far as the call had got."""


_HEAD_BROKEN = Rule(Stage.HEAD, Kind.PROTOCOL, "The reply is not valid HTTP")
_BODY_BROKEN = Rule(Stage.BODY, Kind.PROTOCOL, "The reply's body is not valid HTTP")
_BODY_CUT = Rule(Stage.BODY, Kind.RESET, "The reply was cut short")
_BAD_CALL = Rule(Stage.SEND, Kind.PROTOCOL, "The request cannot be sent", sent=False)
_OS = Rule(None, None, "")
_TIMEOUT = Rule(None, Kind.TIMEOUT, "Timed out")

RULES: Mapping[type[BaseException], Rule] = MappingProxyType(
    {
        aiohttp.ClientError: Rule(None, Kind.PROTOCOL, "The exchange failed"),
        aiohttp.ClientResponseError: Rule(Stage.HEAD, None, "The reply is not valid HTTP"),
        aiohttp.ContentTypeError: _HEAD_BROKEN,
        aiohttp.WSServerHandshakeError: _HEAD_BROKEN,
        aiohttp.TooManyRedirects: _HEAD_BROKEN,
        aiohttp.ClientHttpProxyError: Rule(Stage.PROXY, Kind.REFUSED, "The proxy refused the tunnel", sent=False),
        aiohttp.ClientConnectionError: Rule(None, Kind.RESET, "Connection closed by the provider"),
        aiohttp.ClientConnectionResetError: Rule(None, Kind.RESET, "Connection reset"),
        aiohttp.ClientOSError: _OS,
        aiohttp.ClientConnectorError: Rule(Stage.CONNECT, None, "", sent=False),
        aiohttp.ClientConnectorDNSError: Rule(Stage.DNS, Kind.UNRESOLVED, "Name or service not known", sent=False),
        aiohttp.ClientProxyConnectionError: Rule(Stage.PROXY, None, "", sent=False),
        client_exceptions.UnixClientConnectorError: Rule(Stage.CONNECT, None, "", sent=False),
        aiohttp.ClientSSLError: Rule(Stage.TLS, None, "", sent=False),
        aiohttp.ClientConnectorSSLError: Rule(Stage.TLS, None, "", sent=False),
        aiohttp.ClientConnectorCertificateError: Rule(Stage.TLS, None, "", sent=False),
        aiohttp.ServerConnectionError: Rule(None, Kind.RESET, "Connection closed by the provider"),
        aiohttp.ServerDisconnectedError: Rule(None, Kind.RESET, "Connection closed by the provider without a reply"),
        aiohttp.ServerTimeoutError: _TIMEOUT,
        aiohttp.ConnectionTimeoutError: _TIMEOUT,
        aiohttp.SocketTimeoutError: _TIMEOUT,
        aiohttp.ServerFingerprintMismatch: Rule(Stage.TLS, Kind.CERTIFICATE, "Certificate not trusted", sent=False),
        aiohttp.ClientPayloadError: Rule(Stage.BODY, None, "The reply was cut short"),
        aiohttp.UploadAbortedError: Rule(Stage.SEND, Kind.RESET, "The request was not sent whole"),
        aiohttp.InvalidURL: _BAD_CALL,
        aiohttp.InvalidUrlClientError: _BAD_CALL,
        aiohttp.InvalidUrlRedirectClientError: _BAD_CALL,
        aiohttp.RedirectClientError: _BAD_CALL,
        aiohttp.NonHttpUrlClientError: _BAD_CALL,
        aiohttp.NonHttpUrlRedirectClientError: _BAD_CALL,
        http_exceptions.HttpProcessingError: Rule(Stage.HEAD, None, "The reply is not valid HTTP"),
        http_exceptions.BadHttpMessage: _HEAD_BROKEN,
        http_exceptions.HttpBadRequest: _HEAD_BROKEN,
        http_exceptions.PayloadEncodingError: _BODY_BROKEN,
        http_exceptions.ContentEncodingError: _BODY_BROKEN,
        http_exceptions.TransferEncodingError: _BODY_BROKEN,
        http_exceptions.ContentLengthError: _BODY_CUT,
        http_exceptions.DecompressSizeError: Rule(Stage.BODY, Kind.TOO_LARGE, "The reply's body is too large"),
        http_exceptions.LineTooLong: Rule(Stage.HEAD, Kind.TOO_LARGE, "The reply's head is too large"),
        http_exceptions.InvalidHeader: _HEAD_BROKEN,
        http_exceptions.BadStatusLine: _HEAD_BROKEN,
        http_exceptions.BadHttpMethod: _HEAD_BROKEN,
        http_exceptions.InvalidURLError: _HEAD_BROKEN,
    }
)


def rule_for(cls: type[BaseException]) -> Rule:
    """The rule of a class, or of its nearest ancestor; what is not aiohttp's is left to the operating system's map."""
    for ancestor in cls.__mro__:
        if ancestor in RULES:
            return RULES[ancestor]
    return _OS


def upstream_error(
    fault: BaseException, *, stage: Stage, sent: bool, where: str, status: int | None = None
) -> UpstreamError:
    """What `fault`, raised when the call had got to `stage`, means to the caller. Total; UpstreamError passes as is."""
    if isinstance(fault, UpstreamError):
        return fault
    rule = rule_for(type(fault))
    kind, words, tls = rule.kind, rule.words, False
    if kind is None:
        kind, words, tls = _from_cause(fault, words)
    at = Stage.TLS if tls else rule.stage or stage
    if (at is Stage.HEAD and stage is Stage.BODY) or (at in (Stage.HEAD, Stage.CONNECT) and stage is Stage.PROXY):
        # Bad HTTP after the head is the body's; before the tunnel stands it is the proxy's.
        at = stage
    return UpstreamError(at, kind, f"{words}: {where}", sent=sent if rule.sent is None else rule.sent, status=status)


def _from_cause(fault: BaseException, words: str) -> tuple[Kind, str, bool]:
    """Kind, words and whether TLS failed, of the first link in the chain of causes that says so."""
    link: BaseException | None = fault
    while link is not None:
        rule = rule_for(type(link))
        if rule.kind is not None:
            return rule.kind, rule.words, False
        if not isinstance(link, aiohttp.ClientError | http_exceptions.HttpProcessingError):
            found = os_faults.named(link)
            return found.kind, found.words, os_faults.is_tls(link)
        link = link.__cause__
    if isinstance(fault, OSError):
        found = os_faults.named(fault)
        return found.kind, found.words, False
    return (Kind.RESET if isinstance(fault, aiohttp.ClientPayloadError) else Kind.PROTOCOL), words, False
