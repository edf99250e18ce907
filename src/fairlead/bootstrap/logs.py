"""The logs that an operator chose: audit and access, each with its sinks and its thread."""

from __future__ import annotations

from pathlib import Path

from fairlead.api.access_log import AccessLog
from fairlead.bootstrap.node import node_id, wall_clock
from fairlead.bootstrap.users import authenticates
from fairlead.domain.audit import AuditEvent, Category
from fairlead.domain.ports import Store
from fairlead.security.audit_log import AuditLog
from fairlead.security.audit_sinks import open_sinks
from fairlead.settings import Settings


def open_audit(settings: Settings) -> AuditLog:
    """The audit log with its thread. Raises OSError."""
    path = Path(settings.audit_file) if settings.audit_file else settings.data_dir / "audit" / "audit.log"
    sinks = open_sinks(
        settings.audit_sinks, path, settings.audit_max_bytes, settings.audit_keep, chained=settings.audit_chain
    )
    node = {"audit_cluster_name": settings.cluster_name, "audit_node_name": settings.node_name}
    disabled = frozenset(map(Category, settings.audit_disabled_categories))
    return AuditLog(sinks, wall_clock, {**node, "audit_node_id": node_id(settings.data_dir)}, disabled)


async def audit_command(settings: Settings, store: Store, event: AuditEvent) -> None:
    """Tells the audit log of what a command did beside the servers, where they have one. Raises OSError."""
    if not settings.audit_sinks or not await authenticates(settings, store):
        return
    audit = open_audit(settings)
    if audit.wants(event.category):
        audit.record(event)
    audit.close()


def open_access_log(settings: Settings) -> AccessLog | None:
    """The access log with its thread, or None. Raises OSError for a file that cannot be used."""
    if not settings.access_log:
        return None
    kind = "stdout" if settings.access_log == "stdout" else "file"
    path = Path(settings.access_log)
    [sink] = open_sinks([kind], path, settings.access_log_max_bytes, settings.access_log_keep)
    return AccessLog(sink, settings.access_log_share)
