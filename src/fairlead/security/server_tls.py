"""TLS of the listening port: certificate, key and client authorities from files, exchanged while connections live.

Refuses what cannot serve: files that cannot be read or do not fit, protocols below TLS 1.2. There is no option that weakens
ciphers (spec/06 section 5). It opens no socket.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

log = logging.getLogger("fairlead.tls")

CLIENT_AUTH = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}

OnFailure = Callable[[str], None]


class TlsFault(Exception):
    """Files that no TLS can be served with; the text names the setting and the file."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of the settings `tls_*`; `client_auth` is a key of CLIENT_AUTH."""

    certificate: str
    key: str
    key_password_file: str = ""
    client_ca: str = ""
    client_auth: str = "none"

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """Setting and path of each file that is named."""
        named = (
            ("tls_certificate", self.certificate),
            ("tls_key", self.key),
            ("tls_key_password_file", self.key_password_file),
            ("tls_client_ca", self.client_ca),
        )
        return tuple((setting, path) for setting, path in named if path)


class _Connection(ssl.SSLObject):
    """Reports handshakes that fail, which asyncio keeps to itself."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as fault:
            report = getattr(self.context, "report", None)
            if report is not None:
                report(fault.reason or type(fault).__name__)
            raise


class _Context(ssl.SSLContext):
    report: OnFailure | None = None


class _Exchangeable(ssl.SSLContext):
    """The context that the server holds; every new connection is made by the one in force.

    A live context cannot forget an authority, and a chain that fails half-way leaves it broken: hence whole contexts.
    """

    current: ssl.SSLContext

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        return self.current.wrap_bio(*arguments, **options)


class ServerTls:
    """The port's TLS. `on_failure` gets OpenSSL's name of what was wrong with a handshake.

    Raises TlsFault at once if the files cannot serve; later a bad change leaves what is in force.
    """

    def __init__(self, files: TlsFiles, on_failure: OnFailure | None = None) -> None:
        self.files = files
        self.on_failure = on_failure
        self.context = _Exchangeable(ssl.PROTOCOL_TLS_SERVER)
        self._stamp = self._look()
        self._load()

    def _load(self) -> None:
        context, chain = build(self.files)
        context.report = self._failed
        self.context.current = context
        self.chain = chain

    def _failed(self, reason: str) -> None:
        if self.on_failure is not None:
            self.on_failure(reason)

    def reload(self) -> None:
        """Reads the files again. Raises TlsFault, and then what was in force stays in force."""
        self._stamp = self._look()
        self._load()
        log.info("TLS certificate reloaded from %s, valid until %s", self.files.certificate, self.chain[0].not_after)

    def reload_if_changed(self) -> bool:
        """Whether changed files are in force now. Files that cannot serve are told once in the log and left."""
        if self._look() == self._stamp:
            return False
        try:
            self.reload()
        except TlsFault as fault:
            log.error("TLS files changed but cannot be used, the old ones stay: %s", fault)
            return False
        return True

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        """What tells one version of the files from another; a link that points elsewhere shows in the inode."""
        seen = []
        for _, path in self.files.paths:
            try:
                found = Path(path).stat()
                seen.append((found.st_mtime_ns, found.st_size, found.st_ino))
            except (OSError, ValueError):
                seen.append((0, 0, 0))
        return tuple(seen)


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """What `GET /_plugins/_security/api/certificates` shows of one certificate (spec/06 2.7)."""

    subject_dn: str
    issuer_dn: str
    san: str
    serial_number: str
    not_before: str
    not_after: str
    has_private_key: bool


def build(files: TlsFiles) -> tuple[_Context, tuple[CertificateInfo, ...]]:
    """A fresh context and what its chain says. Raises TlsFault."""
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Connection
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # One request decides a connection's identity: a client may not be asked again in the middle of it.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    chain = _chain(files.certificate)
    password = _password(files.key_password_file)
    _read("tls_key", files.key)
    try:
        # An empty password for a key that needs one: else OpenSSL would ask at the terminal.
        context.load_cert_chain(files.certificate, files.key, password)
    except ssl.SSLError as fault:
        raise TlsFault(
            f"tls_key: {files.key} is no key for {files.certificate} ({fault.reason or 'not PEM'})"
        ) from None
    except (OSError, ValueError):
        raise TlsFault(f"tls_key: {files.key} cannot be read as a PEM key") from None
    context.verify_mode = CLIENT_AUTH[files.client_auth]
    if context.verify_mode is not ssl.CERT_NONE:
        _read("tls_client_ca", files.client_ca)
        try:
            context.load_verify_locations(files.client_ca)
        except (ssl.SSLError, OSError):
            raise TlsFault(f"tls_client_ca: {files.client_ca} holds no PEM certificate") from None
    return context, chain


def _read(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as fault:
        said = fault.strerror if isinstance(fault, OSError) else "not a path"
        raise TlsFault(f"{setting}: {path} cannot be read: {said}") from None


def _password(path: str) -> str:
    if not path:
        return ""
    lines = _read("tls_key_password_file", path).decode("utf-8", "replace").splitlines()
    return lines[0] if lines else ""


def _chain(path: str) -> tuple[CertificateInfo, ...]:
    try:
        found = x509.load_pem_x509_certificates(_read("tls_certificate", path))
        return tuple(_info(certificate, leaf=at == 0) for at, certificate in enumerate(found))
    except (ValueError, UnsupportedAlgorithm):
        raise TlsFault(f"tls_certificate: {path} holds no PEM certificate") from None


_SAN_NUMBERS: dict[type, int] = {
    x509.RFC822Name: 1,
    x509.DNSName: 2,
    x509.UniformResourceIdentifier: 6,
    x509.IPAddress: 7,
}


def _info(certificate: x509.Certificate, *, leaf: bool) -> CertificateInfo:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        san = ", ".join(f"[{_SAN_NUMBERS.get(type(name), 0)}, {name.value}]" for name in names)
    except x509.ExtensionNotFound:
        san = ""
    return CertificateInfo(
        subject_dn=certificate.subject.rfc4514_string(),
        issuer_dn=certificate.issuer.rfc4514_string(),
        san=f"[{san}]",
        serial_number=str(certificate.serial_number),
        not_before=certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        not_after=certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        has_private_key=leaf,
    )
