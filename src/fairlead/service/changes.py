"""Read, change, write with compare-and-set, and again when somebody else was faster; one rule for all resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from fairlead.domain.ports import Conflict, Step, Store, StoreUnavailable, Written
from fairlead.errors import StatusFault, Unavailable

T = TypeVar("T")
ATTEMPTS = 200
"""In every round at least one of those who want the same document wins, so this many may want it at once."""

Batch = Sequence[Step]


async def commit(store: Store, prepare: Callable[[], Awaitable[tuple[Batch, T]]]) -> tuple[list[Written], T]:
    """Writes what `prepare` reads and decides; on a conflict it is asked again, from fresh documents.

    Raises what `prepare` raises, StatusFault 409 after many lost races, Unavailable when the store is away.
    """
    for _ in range(ATTEMPTS):
        batch, result = await prepare()
        try:
            return await store.write(batch), result
        except Conflict as conflict:
            lost = conflict
        except StoreUnavailable as fault:
            raise Unavailable(f"{fault}; nothing was changed") from fault
    raise StatusFault(f"Document version conflict updating {lost.id or lost.kind}; please retry", 409)
