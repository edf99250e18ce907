"""Puts the objects of a security directory into the store; an import replaces each kind whose file is there, whole."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.domain.ports import Json, Put, Remove, Require, Step, Store
from fairlead.domain.security_objects import KINDS, USERS
from fairlead.service.changes import Batch, commit
from fairlead.service.security.files import OTHER_FILES, SecurityFiles
from fairlead.service.security.key_entries import keys_of

log = logging.getLogger("fairlead.security")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many objects of each segment are there now, and how many documents that took."""

    counts: Mapping[str, int]
    written: int


async def import_files(store: Store, files: SecurityFiles) -> Imported:
    """All kinds in one batch; what is the same already is not written. Raises StatusFault and Unavailable."""

    async def prepare() -> tuple[Batch, int]:
        batch: list[Step] = []
        for kind, objects in files.objects.items():
            batch += await _replacement(store, kind, objects)
        return batch, sum(not isinstance(step, Require) for step in batch)

    _, written = await commit(store, prepare)
    for name in files.ignored:
        log.warning("%s is not read: %s", name, OTHER_FILES[name])
    counts = {kind.segment: len(files.objects[kind.kind]) for kind in KINDS if kind.kind in files.objects}
    return Imported(counts, written)


async def _replacement(store: Store, kind: str, objects: Mapping[str, Json]) -> list[Step]:
    stored = {document.id: document for document in await store.all(kind)}
    steps: list[Step] = []
    for name, body in objects.items():
        present = stored.get(name)
        if present is None or present.body != body:
            steps.append(Put(kind, name, body, present.revision if present else 0))
    gone = [name for name in stored if name not in objects]
    steps += [Remove(kind, name, stored[name].revision) for name in gone]
    return steps + (await keys_of(store, gone) if kind == USERS.kind else [])


async def import_once(store: Store, files: SecurityFiles) -> Imported | None:
    """Imports into a store without users; None when there are some, whom the REST API may have changed since."""
    if await store.count(USERS.kind):
        return None
    return await import_files(store, files)
