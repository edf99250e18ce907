"""An audit log in memory, for tests that look at what it hears."""

from __future__ import annotations

import asyncio

from fairlead.domain.audit import AuditEvent, Category


class KeptAudit:
    """Wants everything and keeps it; `heard` is set with the first event."""

    def __init__(self, *, failing: bool = False) -> None:
        self.events: list[AuditEvent] = []
        self.failing = failing
        self.heard = asyncio.Event()

    def wants(self, category: Category) -> bool:
        return True

    def record(self, event: AuditEvent) -> None:
        self.events.append(event)
        self.heard.set()
