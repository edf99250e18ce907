"""Credentials that say where a secret lies: who may use them, what they stand for when a connector is loaded, and when a
file behind one was changed. Reads nothing by itself (spec/06 section 14.5).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fairlead.domain.principal import Principal
from fairlead.domain.secret import Secret, SecretReference
from fairlead.errors import IllegalArgument, StatusFault
from fairlead.service.pacing import Pace, run_rounds
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot, Source

log = logging.getLogger("fairlead.references")

PRIVILEGE = "cluster:admin/fairlead/secrets/use"
WATCH_SECONDS = 2.0


def require(ports: Ports, given: Mapping[str, Secret] | None, principal: Principal | None) -> None:
    """Raises StatusFault 403 when the caller must not use references, IllegalArgument for one that the settings do not
    allow. Otherwise whoever may create connectors could read files and variables of this machine into a header."""
    for field, secret in (given or {}).items():
        if not isinstance(secret, SecretReference):
            continue
        if principal is not None and not principal.super_admin and not ports.may(principal, PRIVILEGE):
            raise StatusFault(f"Credential [{field}]: a reference needs the privilege [{PRIVILEGE}]", 403)
        if ports.references is None:
            raise IllegalArgument(f"Credential [{field}]: references are not available here")
        ports.references.check(secret, field)


async def resolved(ports: Ports, opened: Mapping[str, Secret]) -> tuple[dict[str, Secret], tuple[Source, ...]]:
    """The credential with every reference read, and what to watch of it. Raises IllegalArgument, Unavailable."""
    plain: dict[str, Secret] = {}
    sources: list[Source] = []
    for field, secret in opened.items():
        if not isinstance(secret, SecretReference):
            plain[field] = secret
            continue
        if ports.references is None:
            raise IllegalArgument(f"Credential [{field}]: references are not available here")
        # The stamp first: a change between the two is then seen as one.
        sources.append((secret, await ports.references.stamp(secret)))
        plain[field] = await ports.references.read(secret, field)
    return plain, tuple(sources)


class ReferenceWatch:
    """Loads models anew when a file that their credential refers to was changed. One in each worker."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot

    async def run(self) -> None:
        """Until cancelled."""
        await run_rounds("the watch over referenced secrets", Pace(WATCH_SECONDS), self.round, log)

    async def round(self) -> None:
        """A secret that cannot be read now is no reason to give up the one that is known: the next round tries again."""
        for ready in [ready for ready in self._snapshot.ready.values() if ready.sources]:
            if await self._changed(ready.sources):
                fault = await self._snapshot.reload(ready.id)
                if fault is not None:
                    log.warning("model %s goes on with the secrets it has: %s", ready.id, fault)

    async def _changed(self, sources: tuple[Source, ...]) -> bool:
        reader = self._ports.references
        if reader is None:
            return False
        for reference, stamp in sources:
            if stamp is not None and await reader.stamp(reference) != stamp:
                return True
        return False
