"""Stored password hashes that cost less than those made today are made anew after a good login (spec/06 S-12).

It keeps no password longer than its hash takes, holds up no login, and never changes a user who changed meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fairlead.domain.audit import Audit, AuditEvent, Category
from fairlead.domain.ports import Put, Step, Store
from fairlead.domain.security_objects import FLAGS, USERS
from fairlead.security.passwords import hash_password, outdated
from fairlead.service.changes import Batch, commit
from fairlead.service.pacing import attempt_round
from fairlead.service.security.configuration import CurrentConfiguration
from fairlead.service.security.hashing import HashingOverloaded, HashPool

log = logging.getLogger("fairlead.security")

PACE_SECONDS = 10.0
"""Each write makes every worker forget its logins, so that many users share one."""
MOST_WAITING = 1000
_TOLD = "the stored password hash was made anew with today's cost"


@dataclass(frozen=True, slots=True)
class _Renewal:
    was: str
    now: str


class Rehashing:
    """`changed` as in fairlead.service.security.objects. One hash is computed at a time, and at most MOST_WAITING wait to be
    written; a login meanwhile is passed over, since its user will log in again."""

    def __init__(
        self,
        store: Store,
        pool: HashPool,
        configuration: CurrentConfiguration,
        changed: Callable[[], Awaitable[None]],
        audit: Audit,
    ) -> None:
        self._store = store
        self._pool = pool
        self._configuration = configuration
        self._changed = changed
        self._audit = audit
        self._computing: asyncio.Task[None] | None = None
        self._made: dict[str, _Renewal] = {}
        self._some = asyncio.Event()

    def proved(self, name: str, stored: str, password: str) -> None:
        """The password was found to be that of the hash. Returns at once."""
        if self._computing is not None or len(self._made) >= MOST_WAITING or not outdated(stored, password):
            return
        waiting = self._made.get(name)
        if waiting is not None and waiting.was == stored:
            return
        user = self._configuration().users.get(name)
        if user is None or any(user.get(flag) for flag in FLAGS):
            return
        self._computing = asyncio.ensure_future(self._compute(name, stored, password))

    async def computed(self) -> None:
        """When nothing is being computed any more."""
        if self._computing is not None:
            await self._computing

    async def run(self) -> None:
        """Writes what was made, at once and then at a slow pace; runs until cancelled."""
        while True:
            await self._some.wait()
            await attempt_round("making password hashes anew", self.write, log)
            await asyncio.sleep(PACE_SECONDS)

    async def write(self) -> None:
        """One batch for all; whoever has another hash by now, or is gone, is left alone. What could not be written is
        written the next time. Raises fairlead.errors and StoreUnavailable."""
        made = dict(self._made)
        if not made:
            return

        async def prepare() -> tuple[Batch, list[str]]:
            steps: list[Step] = []
            names: list[str] = []
            for name, renewal in made.items():
                found = await self._store.get(USERS.kind, name)
                if found is None or found.body.get("hash") != renewal.was or any(map(found.body.get, FLAGS)):
                    continue
                steps.append(Put(USERS.kind, name, {**found.body, "hash": renewal.now}, found.revision))
                names.append(name)
            return steps, names

        _, names = await commit(self._store, prepare)
        self._made = {name: later for name, later in self._made.items() if later is not made.get(name)}
        if not self._made:
            self._some.clear()
        if self._audit.wants(Category.COMPLIANCE_INTERNAL_CONFIG_WRITE):
            for name in names:
                self._audit.record(
                    AuditEvent(
                        Category.COMPLIANCE_INTERNAL_CONFIG_WRITE,
                        user=name,
                        reason=_TOLD,
                        source="basic",
                        details={"outcome": "done", "resource": f"name={name}", "request_fields": "hash"},
                    )
                )
        if names:
            await self._changed()

    async def _compute(self, name: str, stored: str, password: str) -> None:
        try:
            new = await self._pool.run(lambda: hash_password(password))
        except HashingOverloaded:
            return
        finally:
            self._computing = None
        self._made[name] = _Renewal(stored, new)
        self._some.set()
