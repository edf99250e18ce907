"""Keeps the security configuration in step with the store; hands out one immutable value at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fairlead.domain.identity import LoginListener
from fairlead.domain.ports import FORGET, Document, Json
from fairlead.domain.security_objects import ACTION_GROUPS, KINDS, MAPPINGS, ROLES, USERS
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.key_entries import KIND as KEY_KIND
from fairlead.service.security.listeners import LISTENER_KIND, listener_of
from fairlead.service.snapshot import Snapshot, Take

FLUSH_KIND = "security_flush"
"""A document that is written so that every worker forgets its logins."""
FOLLOWED = (*(kind.kind for kind in KINDS), KEY_KIND, LISTENER_KIND, FLUSH_KIND)


class SecurityFollower:
    """`current()` is the configuration as far as this process followed the store."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._stored: dict[str, dict[str, Document]] = {kind: {} for kind in FOLLOWED}
        self._configuration: Configuration | None = None
        self.on_listeners: Callable[[Sequence[LoginListener]], None] = lambda _: None
        for kind in FOLLOWED:
            snapshot.follow_whole(kind, self._taker(kind))

    def current(self) -> Configuration:
        configuration = self._configuration
        if configuration is None:
            configuration = self._configuration = Configuration(
                self._bodies(USERS.kind),
                self._bodies(ROLES.kind),
                self._bodies(MAPPINGS.kind),
                self._bodies(ACTION_GROUPS.kind),
                self._bodies(KEY_KIND),
            )
        return configuration

    def listeners(self) -> tuple[LoginListener, ...]:
        stored = sorted(self._stored[LISTENER_KIND].items())
        return tuple(listener_of(name, document.body, document.revision) for name, document in stored)

    def _bodies(self, kind: str) -> dict[str, Json]:
        return {name: document.body for name, document in sorted(self._stored[kind].items())}

    def _taker(self, kind: str) -> Take:
        stored = self._stored[kind]

        async def take(id: str, document: Document | None) -> None:
            self._configuration = None
            if id == FORGET:
                stored.clear()
            elif document is None:
                stored.pop(id, None)
            else:
                stored[id] = document
            if kind == LISTENER_KIND:
                self.on_listeners(self.listeners())

        return take
