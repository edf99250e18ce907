"""TLS: who is trusted, what the provider is told, and what a failure is called."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from fairlead.transport.port import Kind, Stage, TlsPlan, Upstream, UpstreamError
from fairlead.transport.tls import client_context
from transport.calls import call, limits, route
from transport.certificates import Authority, Pair, server_context
from transport.scripted import Peer, echo, ok, scripted


async def _fault(upstream: Upstream, port: int, plan: TlsPlan | None, host: str = "provider.test") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await upstream.send(route(port, host=host, tls=plan), call(), limits())
    return caught.value


@contextlib.contextmanager
def _alerting(context: ssl.SSLContext) -> Iterator[int]:
    """A server on blocking sockets, for asyncio's drops the alert of a handshake that it refuses."""

    def serve() -> None:
        raw, _ = listener.accept()
        refusing = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(ssl.SSLError):
            refusing.do_handshake()
        # Closing with bytes unread would send a reset, which overtakes the alert.
        with socket.socket(fileno=refusing.detach()) as raw, contextlib.suppress(ConnectionError):
            while raw.recv(4096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


async def test_a_trusted_server_is_spoken_to_and_its_connection_kept(
    upstream: Upstream, authority: Authority, server_pair: Pair
) -> None:
    async with scripted(echo, tls=server_context(server_pair)) as server:
        target = route(server.port, tls=TlsPlan(ca_pem=authority.pem))
        for _ in range(3):
            assert (await upstream.send(target, call(b"x" * 100_000), limits())).body == b"x" * 100_000
        assert server.accepted == 1


@pytest.mark.parametrize("host", ["provider.test", "127.0.0.1"])
async def test_the_name_in_the_handshake_is_the_routes_name(
    upstream: Upstream, authority: Authority, server_pair: Pair, host: str
) -> None:
    seen: list[str | None] = []
    context = server_context(server_pair)
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with scripted(echo, tls=context) as server:
        await upstream.send(route(server.port, host=host, tls=TlsPlan(ca_pem=authority.pem)), call(), limits())
        # RFC 6066 3: an address is no server name.
        assert seen == [host if host == "provider.test" else None]
        assert server.requests[0].header(b"host") == f"{host}:{server.port}".encode()


async def test_a_server_name_in_the_plan_replaces_the_routes_in_sni_and_check(
    upstream: Upstream, authority: Authority, server_pair: Pair
) -> None:
    seen: list[str | None] = []
    context = server_context(server_pair)
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with scripted(echo, tls=context) as server:
        plan = TlsPlan(ca_pem=authority.pem, server_name="provider.test")
        await upstream.send(route(server.port, host="elsewhere.test", tls=plan), call(), limits())
        assert seen == ["provider.test"]


async def test_an_unknown_authority_is_a_certificate_fault_before_sending(
    upstream: Upstream, stranger: Authority, server_pair: Pair
) -> None:
    async with scripted(echo, tls=server_context(server_pair)) as server:
        for plan in (TlsPlan(ca_pem=stranger.pem), TlsPlan()):
            fault = await _fault(upstream, server.port, plan)
            assert (fault.stage, fault.kind, fault.sent) == (Stage.TLS, Kind.CERTIFICATE, False)
            assert fault.reason.startswith("Certificate not trusted (")
            assert fault.reason.endswith(f": provider.test:{server.port}")
        assert not server.requests


async def test_a_certificate_for_another_name_is_a_certificate_fault(
    upstream: Upstream, authority: Authority, server_pair: Pair
) -> None:
    async with scripted(echo, tls=server_context(server_pair)) as server:
        fault = await _fault(upstream, server.port, TlsPlan(ca_pem=authority.pem), host="other.test")
        assert (fault.stage, fault.kind, fault.sent) == (Stage.TLS, Kind.CERTIFICATE, False)


async def test_without_verification_every_certificate_will_do(upstream: Upstream, stranger: Authority) -> None:
    async with scripted(echo, tls=server_context(stranger.issue("nobody.test"))) as server:
        target = route(server.port, tls=TlsPlan(verify=False))
        assert (await upstream.send(target, call(b"x"), limits())).body == b"x"


async def test_a_server_that_does_not_speak_tls_is_a_tls_fault(upstream: Upstream) -> None:
    async def plain(peer: Peer, number: int) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await peer.gone()

    async with scripted(plain) as server:
        fault = await _fault(upstream, server.port, TlsPlan())
        assert (fault.stage, fault.kind, fault.sent) == (Stage.TLS, Kind.PROTOCOL, False)


async def test_a_server_that_closes_in_the_handshake_is_a_reset_before_sending(upstream: Upstream) -> None:
    async def closes(peer: Peer, number: int) -> None:
        await peer.reader.read(1)

    async with scripted(closes) as server:
        fault = await _fault(upstream, server.port, TlsPlan())
        assert fault.stage in (Stage.TLS, Stage.CONNECT)
        assert (fault.kind, fault.sent) == (Kind.RESET, False)


async def test_a_client_certificate_from_memory_is_shown(
    upstream: Upstream, authority: Authority, server_pair: Pair, client_pair: Pair
) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        certificate = peer.writer.get_extra_info("peercert")
        await peer.send(ok(dict(certificate["subject"][0])["commonName"].encode()))
        await peer.gone()

    async with scripted(script, tls=server_context(server_pair, clients=authority.pem)) as server:
        plan = TlsPlan(ca_pem=authority.pem, cert_pem=client_pair.cert, key_pem=client_pair.key)
        assert (await upstream.send(route(server.port, tls=plan), call(), limits())).body == b"client.test"


@pytest.mark.parametrize(
    ("version", "kind"),
    # TLS 1.2 has only the alert "handshake failure" for it; TLS 1.3 names it, but after the handshake.
    [(ssl.TLSVersion.TLSv1_2, Kind.PROTOCOL), (ssl.TLSVersion.TLSv1_3, Kind.CERTIFICATE)],
)
async def test_a_missing_client_certificate_is_a_tls_fault_and_no_reset(
    upstream: Upstream, authority: Authority, server_pair: Pair, version: ssl.TLSVersion, kind: Kind
) -> None:
    context = server_context(server_pair, clients=authority.pem)
    context.minimum_version = context.maximum_version = version
    with _alerting(context) as port:
        fault = await _fault(upstream, port, TlsPlan(ca_pem=authority.pem))
    assert (fault.stage, fault.kind, fault.status) == (Stage.TLS, kind, None)


async def test_a_client_certificate_that_cannot_be_read_is_a_fault_without_its_text(
    upstream: Upstream, client_pair: Pair
) -> None:
    for cert, key in (("nonsense", client_pair.key), (client_pair.cert, "canary-key"), (client_pair.cert, None)):
        fault = await _fault(upstream, 9, TlsPlan(cert_pem=cert, key_pem=key))
        assert (fault.stage, fault.kind, fault.sent) == (Stage.TLS, Kind.CERTIFICATE, False)
        assert "canary" not in repr(fault)


async def test_a_reply_to_the_close_over_tls_needs_no_close_alert(
    upstream: Upstream, authority: Authority, server_pair: Pair
) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    async with scripted(script, tls=server_context(server_pair)) as server:
        target = route(server.port, tls=TlsPlan(ca_pem=authority.pem))
        for _ in range(2):
            assert (await upstream.send(target, call(), limits())).body == b"ok"


async def test_a_tls_reply_cut_short_is_a_reset_in_the_body(
    upstream: Upstream, authority: Authority, server_pair: Pair
) -> None:
    async def script(peer: Peer, number: int) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")

    async with scripted(script, tls=server_context(server_pair)) as server:
        fault = await _fault(upstream, server.port, TlsPlan(ca_pem=authority.pem))
        assert (fault.stage, fault.kind, fault.status) == (Stage.BODY, Kind.RESET, 200)


def test_the_key_log_variable_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys")
    assert client_context(TlsPlan()).keylog_filename is None


def test_verification_is_on_and_old_versions_off_unless_the_plan_says_so() -> None:
    context = client_context(TlsPlan())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context(TlsPlan(verify=False)).verify_mode == ssl.CERT_NONE


def test_a_ca_text_replaces_the_systems_trust(authority: Authority) -> None:
    context = client_context(TlsPlan(ca_pem=authority.pem))
    assert [dict(entry[0])["commonName"] for entry in (c["subject"] for c in context.get_ca_certs())] == [  # type: ignore[arg-type,index]
        "Test authority"
    ]


def test_a_ca_text_that_is_none_is_a_certificate_fault() -> None:
    with pytest.raises(UpstreamError) as caught:
        client_context(TlsPlan(ca_pem="no certificate"))
    assert (caught.value.stage, caught.value.kind) == (Stage.TLS, Kind.CERTIFICATE)
