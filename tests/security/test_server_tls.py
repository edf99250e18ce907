"""The listening port's TLS: what cannot serve is refused by setting and file, changed files serve new connections only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from fairlead.security.server_tls import ServerTls, TlsFault, TlsFiles
from transport.certificates import Authority, Pair

OURS = Authority("ours")
OTHERS = Authority("others")


def written(folder: Path, pair: Pair, **changes: str) -> TlsFiles:
    (folder / "cert.pem").write_text(pair.cert)
    (folder / "key.pem").write_text(pair.key)
    (folder / "ca.pem").write_text(OURS.pem)
    return TlsFiles(**{"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem"), **changes})


class Server:
    """Greets every TLS connection."""

    def __init__(self, tls: ServerTls) -> None:
        self._tls = tls

    async def __aenter__(self) -> int:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line.upper())
            writer.close()

        self._server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=self._tls.context)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


def trusting(authority: Authority, pair: Pair | None = None, folder: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if pair is not None and folder is not None:
        (folder / "c.pem").write_text(pair.cert)
        (folder / "k.pem").write_text(pair.key)
        context.load_cert_chain(folder / "c.pem", folder / "k.pem")
    return context


async def connected(port: int, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="127.0.0.1")


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"hello\n")
    return await reader.readline() == b"HELLO\n"


async def test_new_files_serve_new_connections_and_the_old_ones_live_on(tmp_path: Path) -> None:
    tls = ServerTls(written(tmp_path, OURS.issue("127.0.0.1")))
    async with Server(tls) as port:
        old = await connected(port, trusting(OURS))
        written(tmp_path, OTHERS.issue("127.0.0.1"))
        assert tls.reload_if_changed()
        new = await connected(port, trusting(OTHERS))
        with pytest.raises(ssl.SSLCertVerificationError):
            await connected(port, trusting(OURS))
        assert await answered(*new)
        assert await answered(*old)
        for _, writer in (old, new):
            writer.close()


@pytest.mark.parametrize("bad", ["", "no PEM", OTHERS.issue("127.0.0.1").cert])
async def test_files_that_cannot_serve_leave_the_old_in_force_and_are_told_once(
    tmp_path: Path, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    tls = ServerTls(written(tmp_path, OURS.issue("127.0.0.1")))
    (tmp_path / "cert.pem").write_text(bad)
    with caplog.at_level(logging.ERROR, "fairlead.tls"):
        assert not tls.reload_if_changed()
        assert not tls.reload_if_changed()
    [record] = caplog.records
    assert "the old ones stay" in record.getMessage()
    async with Server(tls) as port:
        reader, writer = await connected(port, trusting(OURS))
        assert await answered(reader, writer)
        writer.close()


def test_a_file_that_is_exchanged_by_renaming_is_seen(tmp_path: Path) -> None:
    tls = ServerTls(written(tmp_path, OURS.issue("127.0.0.1")))
    assert not tls.reload_if_changed()
    stat = (tmp_path / "cert.pem").stat()
    pair = OURS.issue("127.0.0.2")
    (tmp_path / "new.pem").write_text(pair.cert)
    os.utime(tmp_path / "new.pem", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (tmp_path / "key.pem").write_text(pair.key)
    (tmp_path / "new.pem").rename(tmp_path / "cert.pem")
    assert tls.reload_if_changed()
    assert "127.0.0.2" in tls.chain[0].san


async def test_an_authority_that_was_taken_away_admits_nobody_after_the_reload(tmp_path: Path) -> None:
    files = written(tmp_path, OURS.issue("127.0.0.1"), client_ca=str(tmp_path / "ca.pem"), client_auth="require")
    failures: list[str] = []
    tls = ServerTls(files, failures.append)
    client = trusting(OURS, OURS.issue("client"), tmp_path)
    async with Server(tls) as port:
        reader, writer = await connected(port, client)
        assert await answered(reader, writer)
        writer.close()
        (tmp_path / "ca.pem").write_text(OTHERS.pem)
        assert tls.reload_if_changed()
        reader, writer = await connected(port, client)  # TLS 1.3: the client ends the handshake first
        with contextlib.suppress(ssl.SSLError, ConnectionError):  # a broken connection or an ended one
            assert not await answered(reader, writer)
        writer.close()
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            await writer.wait_closed()
    assert failures == ["CERTIFICATE_VERIFY_FAILED"]


async def test_protocols_below_tls_1_2_are_not_spoken(tmp_path: Path) -> None:
    context = ServerTls(written(tmp_path, OURS.issue("127.0.0.1"))).context.current
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_key_that_needs_a_password_takes_it_from_the_first_line_of_a_file(tmp_path: Path) -> None:
    pair = OURS.issue("127.0.0.1")
    files = written(tmp_path, pair, key_password_file=str(tmp_path / "password"))
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    (tmp_path / "key.pem").write_bytes(sealed)
    (tmp_path / "password").write_text("sesame\nremark\n")
    assert ServerTls(files).chain[0].has_private_key
    (tmp_path / "password").write_text("wrong\n")
    with pytest.raises(TlsFault, match=r"^tls_key: "):
        ServerTls(files)
    with pytest.raises(TlsFault, match=r"^tls_key: "):
        ServerTls(TlsFiles(files.certificate, files.key))


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"certificate": "absent"}, "tls_certificate"),
        ({"certificate": "a\0b"}, "tls_certificate"),
        ({"key": "absent"}, "tls_key"),
        ({"key_password_file": "absent"}, "tls_key_password_file"),
        ({"client_ca": "absent", "client_auth": "optional"}, "tls_client_ca"),
    ],
)
def test_what_cannot_serve_is_named_by_setting_and_file(tmp_path: Path, changes: dict[str, str], setting: str) -> None:
    with pytest.raises(TlsFault, match=f"^{setting}: "):
        ServerTls(written(tmp_path, OURS.issue("127.0.0.1"), **changes))


def test_authorities_that_are_no_certificates_are_refused(tmp_path: Path) -> None:
    files = written(tmp_path, OURS.issue("x"), client_ca=str(tmp_path / "ca.pem"), client_auth="optional")
    (tmp_path / "ca.pem").write_text("no PEM")
    with pytest.raises(TlsFault, match=r"^tls_client_ca: .* holds no PEM certificate"):
        ServerTls(files)


def test_the_beginning_and_the_end_of_a_certificate_are_told_apart(tmp_path: Path) -> None:
    [info] = ServerTls(written(tmp_path, OURS.issue("gw.example", "127.0.0.1"))).chain
    assert (info.not_before, info.not_after) == ("2024-01-01T00:00:00Z", "2124-01-01T00:00:00Z")
    assert info.san == "[[2, gw.example], [7, 127.0.0.1]]"
    assert (info.subject_dn, info.issuer_dn) == ("CN=gw.example", "CN=ours")
