"""Sealing everything anew under a new data key, while the server answers: in batches, from any point again.

One mark in the store says that a rotation is under way; it goes with the last batch. Values that do not open are left
and reported: the key that sealed them can then not be retired. It changes no wrapping key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fairlead.domain.connector import Connector
from fairlead.domain.ports import Conflict, Document, Put, Remove, RotatingVault, Step, Store
from fairlead.domain.sealed import SEALED, SealedPlace, key_of
from fairlead.errors import FairleadError, IllegalState
from fairlead.service.keys import credentials

KIND = "key_rotation"
DATA_KEY = "data_key"
BATCH = 50
"""Documents written at once: other writers wait for one batch at most."""
_PASSES = 200


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: the data key that seals now, resources and values sealed anew, resources with values that do
    not open as kind and id. `resumed`: it went on from an earlier one."""

    key: str
    resumed: bool = False
    resources: int = 0
    values: int = 0
    unreadable: tuple[str, ...] = ()


async def pending(store: Store) -> Document | None:
    """The mark of a rotation that was begun and has not ended."""
    return await store.get(KIND, DATA_KEY)


async def count_stale(store: Store, key: str | None) -> tuple[int, int]:
    """Resources and values that another key than `key` sealed."""
    resources = values = 0
    for place in SEALED:
        for document in await store.all(place.kind):
            stale = len(_stale(place, document, key))
            resources, values = resources + bool(stale), values + stale
    return resources, values


async def rotate_data_key(store: Store, vault: RotatingVault, clock: Callable[[], int]) -> Rotated:
    """A new data key, unless an earlier rotation is unfinished, and every stored value under it.

    Raises StoreUnavailable, and what the vault raises. Whoever runs it at the same time does part of the same work.
    """
    mark = await pending(store)
    if mark is None:
        await _begin(store, vault, clock)
    done = Rotated("", resumed=mark is not None)
    skipped: set[tuple[str, str]] = set()
    for _ in range(_PASSES):
        await vault.refresh()
        key = vault.active
        if key is None:
            raise IllegalState("No data key is at hand to seal with")
        found = await _pass(store, vault, key, skipped)
        done = replace(done, key=key, resources=done.resources + found.resources, values=done.values + found.values)
        if not found.left:
            break
    else:
        raise IllegalState("Credentials were changed by others again and again; rotate again to go on")
    await _end(store)
    return replace(done, unreadable=tuple(sorted(f"{kind} {id}" for kind, id in skipped)))


async def _begin(store: Store, vault: RotatingVault, clock: Callable[[], int]) -> None:
    """Key and mark in one batch: a crash leaves both or none."""
    while await pending(store) is None:
        try:
            await vault.add_data_key([Put(KIND, DATA_KEY, {"started": clock()}, 0)])
        except Conflict:
            continue


async def _end(store: Store) -> None:
    mark = await pending(store)
    if mark is not None:
        try:
            await store.write([Remove(KIND, DATA_KEY, mark.revision)])
        except Conflict:
            return  # another run of the same rotation ended first


@dataclass(slots=True)
class _Pass:
    resources: int = 0
    values: int = 0
    left: bool = False
    """Somebody else was faster with a document: it must be looked at again."""


async def _pass(store: Store, vault: RotatingVault, key: str, skipped: set[tuple[str, str]]) -> _Pass:
    found = _Pass()
    for place in SEALED:
        stale = [document for document in await store.all(place.kind) if _stale(place, document, key)]
        for start in range(0, len(stale), BATCH):
            await _batch(store, vault, place, stale[start : start + BATCH], key, found, skipped)
            await asyncio.sleep(0)
    return found


async def _batch(
    store: Store,
    vault: RotatingVault,
    place: SealedPlace,
    documents: Sequence[Document],
    key: str,
    found: _Pass,
    skipped: set[tuple[str, str]],
) -> None:
    steps: list[Step] = []
    values = 0
    for document in documents:
        try:
            fresh = await _resealed(vault, place, document, _stale(place, document, key))
        except FairleadError:
            skipped.add((place.kind, document.id))
            continue
        skipped.discard((place.kind, document.id))
        values += len(fresh)
        steps.append(Put(place.kind, document.id, place.replaced(document.body, fresh), document.revision))
    if not steps:
        return
    try:
        await store.write([*steps, *vault.fence()])
    except Conflict:
        if len(documents) == 1:
            found.left = True
            return
        # One busy document would keep the others from their turn: each by itself, as it is now.
        for document in documents:
            now = await store.get(place.kind, document.id)
            if now is not None and _stale(place, now, key):
                await _batch(store, vault, place, [now], key, found, skipped)
        return
    found.resources += len(steps)
    found.values += values


async def _resealed(
    vault: RotatingVault, place: SealedPlace, document: Document, stale: dict[str, str]
) -> dict[str, str]:
    owner = place.owner(document.body)
    assert owner is not None
    connector = replace(Connector.of(owner), credential=stale)
    opened = await credentials.open_sealed(vault, connector, place.kind, document.id)
    return await credentials.seal(vault, opened, connector, place.kind, document.id)


def _stale(place: SealedPlace, document: Document, key: str | None) -> dict[str, str]:
    """The sealed values of a document that the key did not seal; texts that were never sealed are none of these."""
    return {name: text for name, text in place.values(document.body).items() if key_of(text) not in (None, key)}
