"""Keeps the security configuration in step with the store; hands out one immutable value at a time."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.domain.ports import FORGET, Document, Json
from fairlead.domain.security_objects import ACTION_GROUPS, KINDS, MAPPINGS, ROLES, USERS, ObjectKind
from fairlead.service.security.configuration import Configuration
from fairlead.service.snapshot import Snapshot, Take


class SecurityFollower:
    """`current()` is the configuration as far as this process followed the store."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._stored: dict[str, dict[str, Document]] = {kind.kind: {} for kind in KINDS}
        self._configuration: Configuration | None = None
        for kind in KINDS:
            snapshot.follow_whole(kind.kind, self._taker(kind.kind))

    def current(self) -> Configuration:
        configuration = self._configuration
        if configuration is None:
            configuration = self._configuration = Configuration(
                self._bodies(USERS), self._bodies(ROLES), self._bodies(MAPPINGS), self._bodies(ACTION_GROUPS)
            )
        return configuration

    def documents(self, kind: ObjectKind) -> Mapping[str, Document]:
        """The stored objects of a kind by name, with their revisions."""
        return self._stored[kind.kind]

    def forget(self) -> None:
        """Starts a configuration without any remembered login or decision."""
        self._configuration = None

    def _bodies(self, kind: ObjectKind) -> dict[str, Json]:
        return {name: document.body for name, document in sorted(self._stored[kind.kind].items())}

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

        return take
