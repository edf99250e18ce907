"""Handlers about the port's certificate: what it is, and reading its files again (spec/06 2.7). A key is never shown."""

from __future__ import annotations

from dataclasses import asdict

from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.domain.ports import Json
from fairlead.errors import SecurityApiFault
from fairlead.security.server_tls import ServerTls, TlsFault
from fairlead.service.house import House

_PERMISSION = "restapi:admin/ssl/certs/"


def _require(house: House, request: Request, what: str) -> None:
    """A super admin, or the explicit permission, which `*` does not cover (spec/06 2.2)."""
    principal, security = request.principal, house.security
    assert principal is not None
    assert security is not None  # these routes exist only with security on
    if not principal.super_admin and not security.allows(principal, _PERMISSION + what):
        raise SecurityApiFault(403, "Access denied")


def _served(tls: ServerTls | None) -> list[Json]:
    if tls is None:
        return []
    order = ("subject_dn", "san", "serial_number", "issuer_dn", "has_private_key", "not_after", "not_before")
    return [
        {"format": "pem", "alias": None, **{name: row[name] for name in order}}
        for row in (asdict(certificate) for certificate in tls.chain)
    ]


async def certificates(house: House, request: Request, _: object) -> Reply:
    """One node answers, whichever is asked for: the others have files of their own."""
    _require(house, request, "info")
    node, identity = house.ports.node_id, house.identity
    asked = request.ids.get("node_id")
    found = asked in (None, node, identity.name, "_all", "_local")
    nodes = {node: {"name": identity.name, "certificates": {"http": _served(house.tls), "transport": []}}}
    return Reply(
        {
            "_nodes": {"total": int(found), "successful": int(found), "failed": 0},
            "cluster_name": identity.cluster_name,
            "nodes": nodes if found else {},
        }
    )


async def served_certificates(house: House, request: Request, _: object) -> Reply:
    _require(house, request, "info")
    names = ("issuer_dn", "subject_dn", "san", "not_before", "not_after")
    rows = [{name: row[name] for name in names} for row in _served(house.tls)]
    return Reply({"http_certificates_list": rows, "transport_certificates_list": []})


async def reload_certificates(house: House, request: Request, _: object) -> Reply:
    """This worker serves the new files at once, the others within `tls_reload_seconds`."""
    _require(house, request, "reload")
    if house.tls is None:
        raise SecurityApiFault(400, "TLS is not on: there is no certificate to reload.")
    try:
        house.tls.reload()
    except TlsFault as fault:
        raise SecurityApiFault(400, f"The old certificate stays: {fault}") from None
    return Reply({"message": "updated http certs"})
