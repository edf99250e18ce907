"""One worker's application: what its port speaks, whom it answers, what it writes down of requests."""

from __future__ import annotations

from fairlead.api.app import App
from fairlead.api.origin import OriginRule
from fairlead.bootstrap.logs import open_access_log
from fairlead.bootstrap.worker import Worker
from fairlead.security.forwarded import Proxies
from fairlead.security.server_tls import ServerTls, TlsFiles
from fairlead.service.counts.board import Board
from fairlead.settings import Settings
from fairlead.simulator.server import Address


def server_tls(settings: Settings) -> ServerTls | None:
    """What the listening port speaks; None is plain HTTP. Raises TlsFault."""
    if not settings.tls_certificate:
        return None
    return ServerTls(
        TlsFiles(
            settings.tls_certificate,
            settings.tls_key,
            settings.tls_key_password_file,
            settings.tls_client_ca,
            settings.tls_client_auth,
        )
    )


def application(settings: Settings, board: Board | None = None, providers: Address | None = None) -> App:
    """One worker's application. `board` and `providers`, the simulator of `simulate`, are what it shares with the other
    workers of this node, if there are any."""
    tls = server_tls(settings)
    worker = Worker(settings, tls, board, providers)
    return App(
        worker.start,
        worker.stop,
        settings.max_body_bytes,
        tls,
        OriginRule(settings.allowed_hosts) if settings.auth == "off" else None,
        Proxies(settings.trusted_proxies),
        clear_text=settings.tls_terminated_by_proxy and tls is None,
        fail_closed=settings.audit_on_failure == "block",
        access=open_access_log(settings),
    )
