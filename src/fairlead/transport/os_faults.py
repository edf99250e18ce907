"""Names what the operating system, TLS and asyncio raise: exception class or errno to Kind and safe words.

Holds no HTTP library's exceptions (each adapter has its own map) and never copies a foreign message that could hold
a payload.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fairlead.transport.port import Kind


@dataclass(frozen=True, slots=True)
class Named:
    """What a foreign exception means: `words` stand before or after `host:port` in a message."""

    kind: Kind
    words: str


# The subclasses of OSError that Python makes from errno, and what else a socket operation can raise.
BY_CLASS: Mapping[type[BaseException], Named] = MappingProxyType(
    {
        ConnectionRefusedError: Named(Kind.REFUSED, "Connection refused"),
        ConnectionResetError: Named(Kind.RESET, "Connection reset"),
        ConnectionAbortedError: Named(Kind.RESET, "Connection aborted"),
        BrokenPipeError: Named(Kind.RESET, "Connection closed by the provider"),
        TimeoutError: Named(Kind.TIMEOUT, "Connection timed out"),
        asyncio.IncompleteReadError: Named(Kind.RESET, "Connection closed by the provider"),
        EOFError: Named(Kind.RESET, "Connection closed by the provider"),
        PermissionError: Named(Kind.UNREACHABLE, "Not permitted by the operating system"),
        socket.gaierror: Named(Kind.UNRESOLVED, "Name or service not known"),
        ssl.SSLCertVerificationError: Named(Kind.CERTIFICATE, "Certificate not trusted"),
        ssl.SSLEOFError: Named(Kind.RESET, "Connection closed inside TLS"),
        ssl.SSLZeroReturnError: Named(Kind.RESET, "Connection closed inside TLS"),
        ssl.SSLError: Named(Kind.PROTOCOL, "TLS failure"),
        UnicodeError: Named(Kind.UNRESOLVED, "Name or service not known"),
        OSError: Named(Kind.UNREACHABLE, "Connection failed"),
    }
)

BY_ERRNO: Mapping[int, Named] = MappingProxyType(
    {
        errno.EHOSTUNREACH: Named(Kind.UNREACHABLE, "No route to host"),
        errno.ENETUNREACH: Named(Kind.UNREACHABLE, "Network is unreachable"),
        errno.EHOSTDOWN: Named(Kind.UNREACHABLE, "Host is down"),
        errno.ENETDOWN: Named(Kind.UNREACHABLE, "Network is down"),
        errno.EADDRNOTAVAIL: Named(Kind.UNREACHABLE, "No local address or port available"),
        errno.EMFILE: Named(Kind.FULL, "Too many open files in this process"),
        errno.ENFILE: Named(Kind.FULL, "Too many open files on this machine"),
        errno.ENOBUFS: Named(Kind.FULL, "No buffer space on this machine"),
        errno.ETIMEDOUT: Named(Kind.TIMEOUT, "Connection timed out"),
    }
)

# TLS 1.3 reports a refused client certificate only after the handshake, as an alert (RFC 8446 4.4.2.4, 6.2).
_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
)


def named(fault: BaseException) -> Named:
    """What `fault` means. Total: an exception of no known class is a broken exchange (PROTOCOL)."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        # The text is OpenSSL's own, about the certificate: it holds no secret.
        return Named(Kind.CERTIFICATE, f"Certificate not trusted ({fault.verify_message.rstrip('.')})")
    if isinstance(fault, ssl.SSLError):
        # An SSLError that was not made by OpenSSL has no such attribute.
        reason: str = getattr(fault, "reason", None) or ""
        certificate = any(alert in reason for alert in _CERTIFICATE_ALERTS)
        if certificate or (reason and type(fault) is ssl.SSLError):
            words = reason.replace("_", " ").lower()
            return Named(Kind.CERTIFICATE if certificate else Kind.PROTOCOL, f"TLS failure ({words})")
    if isinstance(fault, OSError) and not isinstance(fault, ssl.SSLError | socket.gaierror):
        by_errno = BY_ERRNO.get(fault.errno or 0)
        if by_errno is not None:
            return by_errno
    for cls in type(fault).__mro__:
        if cls in BY_CLASS:
            return BY_CLASS[cls]
    return Named(Kind.PROTOCOL, f"Unexpected {type(fault).__name__}")


def is_tls(fault: BaseException) -> bool:
    """Whether TLS itself failed, as opposed to the connection under it."""
    return isinstance(fault, ssl.SSLError)
