"""Turns a TlsPlan into an ssl.SSLContext: trust, client certificate from memory, HTTP/1.1 only.

Reads no environment but OpenSSL's own trust locations (no SSLKEYLOGFILE) and leaves no key on a disk.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator

from fairlead.transport.port import Kind, Stage, TlsPlan, UpstreamError


def client_context(plan: TlsPlan) -> ssl.SSLContext:
    """The context for a plan. Raises UpstreamError(TLS, CERTIFICATE, sent=False) when its PEM texts cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # Python 3.13 alone turns strict RFC 5280 checks on by default; private authorities rarely pass them, and what a
    # connector may reach must not depend on the interpreter.
    context.verify_flags = (context.verify_flags & ~ssl.VERIFY_X509_STRICT) | ssl.VERIFY_X509_PARTIAL_CHAIN
    if not plan.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if plan.ca_pem is not None:
            context.load_verify_locations(cadata=plan.ca_pem)
        elif plan.verify:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    except (ssl.SSLError, ValueError) as fault:
        raise _unusable("the CA certificate") from fault
    if plan.cert_pem is not None:
        load_client_certificate(context, plan.cert_pem, plan.key_pem)
    return context


def load_client_certificate(context: ssl.SSLContext, cert_pem: str, key_pem: str | None) -> None:
    """Give `context` a certificate with its chain, and the key, from PEM texts (PKCS#8, not encrypted)."""
    # OpenSSL's file interface is the only one that the standard library has for a key and its chain.
    text = f"{key_pem or ''}\n{cert_pem}\n".encode()
    try:
        with _readable_path(text) as path:
            # Without a password callback an encrypted key would make OpenSSL ask on the terminal.
            context.load_cert_chain(path, password=_no_password)
    except (ssl.SSLError, ValueError, TypeError) as fault:
        raise _unusable("the client certificate or its key") from fault


def _no_password() -> str:
    return ""


@contextlib.contextmanager
def _readable_path(content: bytes) -> Iterator[str]:
    """A path under which `content` can be read once: memory on Linux, else a file that only this user can read."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("fairlead-certificate", os.MFD_CLOEXEC)
        try:
            _write_all(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    descriptor, path = tempfile.mkstemp(prefix="fairlead-")
    try:
        try:
            _write_all(descriptor, content)
        finally:
            os.close(descriptor)
        yield path
    finally:
        os.unlink(path)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _unusable(what: str) -> UpstreamError:
    return UpstreamError(Stage.TLS, Kind.CERTIFICATE, f"{what} of the connector cannot be read", sent=False)
