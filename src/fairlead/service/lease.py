"""A lease in the store: of all workers and nodes, one does a job at a time, and another takes over when it dies.

The clocks of nodes that share a store must agree to a few seconds; one that is put back does not keep a dead worker's lease
alive, since a lease that nobody renewed for its whole length ends, whatever time it names. It runs no job itself.
"""

from __future__ import annotations

from collections.abc import Callable

from fairlead.domain.ports import Conflict, Put, Remove, Store

KIND = "lease"


class Lease:
    """One worker's claim on the job `name`. `clock` gives epoch milliseconds, `monotonic` seconds that are never put back."""

    def __init__(
        self, store: Store, name: str, owner: str, clock: Callable[[], int], monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._name = name
        self._owner = owner
        self._clock = clock
        self._monotonic = monotonic
        self._seen = (0, 0.0)
        """The revision of somebody else's claim, and when it was first seen here."""

    async def hold(self, milliseconds: int) -> bool:
        """Takes or keeps the lease for that long; False when somebody else has it."""
        now = self._clock()
        document = await self._store.get(KIND, self._name)
        if document is not None and document.body["owner"] != self._owner and document.body["until"] > now:
            if self._seen[0] != document.revision:
                self._seen = (document.revision, self._monotonic())
            if self._monotonic() - self._seen[1] < milliseconds / 1000:
                return False
        body = {"owner": self._owner, "until": now + milliseconds}
        try:
            await self._store.write([Put(KIND, self._name, body, document.revision if document else 0)])
        except Conflict:  # somebody was faster
            return False
        return True

    async def release(self) -> None:
        """Lets another worker take over at once."""
        document = await self._store.get(KIND, self._name)
        if document is None or document.body["owner"] != self._owner:
            return
        try:
            await self._store.write([Remove(KIND, self._name, document.revision)])
        except Conflict:
            return
