"""Tells the audit log of destinations that the egress guard refused; changes nothing about what is refused."""

from __future__ import annotations

from collections.abc import Hashable

from fairlead.domain.audit import Audit, AuditEvent, Category
from fairlead.errors import FairleadError, UnknownHost
from fairlead.transport.port import Dialer


class AuditedDialer:
    """`inner` with a witness."""

    def __init__(self, inner: Dialer, audit: Audit) -> None:
        self._inner = inner
        self._audit = audit

    async def addresses(self, host: str, port: int, reach: Hashable = None) -> list[str]:
        try:
            return await self._inner.addresses(host, port, reach)
        except UnknownHost:
            raise
        except FairleadError as fault:
            tell_denied(self._audit, fault, f"{host}:{port}")
            raise


def tell_denied(audit: Audit, fault: FairleadError, resource: str) -> None:
    """`resource` is a host and port, or a connector's id: a rendered URL may hold what a caller sent."""
    if audit.wants(Category.EGRESS_DENIED):
        details = {"resource": resource}
        audit.record(AuditEvent(Category.EGRESS_DENIED, reason=fault.reason or fault.type, details=details))
