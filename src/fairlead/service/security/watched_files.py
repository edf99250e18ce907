"""Users, roles, mappings and action groups whose truth are files: looked at again and again, and taken whole (spec/06 14.1).

What they hold is put into the store, which everything else reads. A change that cannot be taken leaves what was in force; it
is told once in the log, and for as long as it lasts in `problem`. It never writes a file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from fairlead.domain.audit import Audit, AuditEvent, Category
from fairlead.domain.ports import Json, Store
from fairlead.domain.security_objects import KINDS, USERS
from fairlead.service.pacing import Pace, run_rounds
from fairlead.service.security.files import FileFault, SecurityFiles, read_directory
from fairlead.service.security.hashing import HashPool
from fairlead.service.security.importing import import_files
from fairlead.service.security.known_passwords import known_password

log = logging.getLogger("fairlead.security")

WATCH_SECONDS = 1.0

Stamp = tuple[tuple[str, int, int, int] | None, ...]


def complete(files: SecurityFiles) -> SecurityFiles:
    """A kind without a file has no objects."""
    return replace(files, objects={kind.kind: files.objects.get(kind.kind, {}) for kind in KINDS})


class WatchedFiles:
    """The job of one worker; workers that see one change at once write it once. `guess`: users whose password everybody can
    know are refused. `changed` as in fairlead.service.security.objects."""

    def __init__(
        self,
        directory: Path,
        store: Store,
        hashing: HashPool,
        changed: Callable[[], Awaitable[None]],
        audit: Audit,
        *,
        guess: bool,
    ) -> None:
        self._audit = audit
        self._directory = directory
        self._store = store
        self._hashing = hashing
        self._changed = changed
        self._guess = guess
        self._seen: Stamp | None = None
        self._settled: Stamp | None = None
        self.problem: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        await run_rounds("the watch over the users' files", Pace(WATCH_SECONDS), self.round, log)

    async def round(self) -> None:
        """Takes a change that is a round old: a file that somebody is writing is not read.

        Raises StatusFault, Unavailable: the next round tries again.
        """
        stamp = self._stamp()
        if stamp == self._settled:
            return
        if stamp != self._seen:
            self._seen = stamp
            return
        try:
            await self._take(stamp)
            self.problem = None
        except FileFault as fault:
            self.problem = str(fault)
            log.error("the users' files changed and cannot be taken; those before stay in force: %s", fault)
        self._settled = stamp

    async def _take(self, stamp: Stamp) -> None:
        files = await asyncio.to_thread(read_directory, self._directory)
        if self._stamp() != stamp:
            raise FileFault("they changed while they were read")
        for kind in KINDS:
            # Without this a file that is replaced by taking it away first would take everybody's rights away.
            if kind.kind not in files.objects and await self._store.count(kind.kind):
                raise FileFault(f"{self._directory / kind.file} is not there any more")
        await self._refuse_known(files)
        imported = await import_files(self._store, complete(files))
        if imported.written:
            # First, as the next round would find nothing left to write where `changed` raises.
            log.warning("the users' files changed: %s objects were taken", imported.written)
            if self._audit.wants(Category.COMPLIANCE_INTERNAL_CONFIG_WRITE):
                details = {"outcome": "done", "resource": str(self._directory)}
                reason = f"the users' files changed: {imported.written} objects were taken"
                self._audit.record(
                    AuditEvent(Category.COMPLIANCE_INTERNAL_CONFIG_WRITE, reason=reason, source="file", details=details)
                )
            await self._changed()

    async def _refuse_known(self, files: SecurityFiles) -> None:
        if not self._guess:
            return
        before = {document.id: document.body.get("hash") for document in await self._store.all(USERS.kind)}
        users: Mapping[str, Json] = files.objects.get(USERS.kind, {})
        fresh = {name: body for name, body in users.items() if body.get("hash") != before.get(name)}
        some = SecurityFiles({USERS.kind: fresh}, ())
        if fresh and (name := await self._hashing.run(lambda: known_password(some))) is not None:
            raise FileFault(f"the password of user '{name}' is publicly known or the user's own name")

    def _stamp(self) -> Stamp:
        found: list[tuple[str, int, int, int] | None] = []
        for kind in KINDS:
            try:
                state = (self._directory / kind.file).stat()
                found.append((kind.file, state.st_mtime_ns, state.st_size, state.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)
