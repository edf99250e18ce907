"""How often each data key has sealed, added up over all processes; counts only, and of data keys only.

Random nonces of AES-GCM are safe for about 2^32 sealings by one key (NIST SP 800-38D); a crash loses the count of a
minute, which the distance to the limit of 2^28 swallows.
"""

from __future__ import annotations

from collections import Counter

from fairlead.domain.ports import Put, Store
from fairlead.service.changes import Batch, commit

KIND = "data_key_use"
DOCUMENT = "sealed"


async def stored(store: Store) -> dict[str, int]:
    """Sealings by data key."""
    document = await store.get(KIND, DOCUMENT)
    return dict(document.body) if document else {}


async def add(store: Store, used: Counter[str]) -> None:
    """Takes the counts away from `used` once they are stored. Raises Unavailable, StoreUnavailable."""
    counts = {id: count for id, count in used.items() if count}
    if not counts:
        return

    async def prepare() -> tuple[Batch, None]:
        document = await store.get(KIND, DOCUMENT)
        body = Counter(document.body if document else {})
        body.update(counts)
        return [Put(KIND, DOCUMENT, dict(body), document.revision if document else 0)], None

    await commit(store, prepare)
    used.subtract(counts)
