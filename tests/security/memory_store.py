"""A store in memory with the compare-and-set rules of `fairlead.domain.ports.Store`, for tests that need no database."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence

from fairlead.domain.ports import Change, Conflict, Document, Put, Require, Step, Written


class MemoryStore:
    """`meanwhile` runs once, before the next write: what another process does at the worst moment."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Document] = {}
        self.counter = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def get(self, kind: str, id: str) -> Document | None:
        await asyncio.sleep(0)
        return copy.deepcopy(self.documents.get((kind, id)))

    async def all(self, kind: str) -> list[Document]:
        found = [document for (other, _), document in self.documents.items() if other == kind]
        return sorted(copy.deepcopy(found), key=lambda document: document.revision)

    async def count(self, kind: str) -> int:
        return len(await self.all(kind))

    async def known(self, kind: str) -> bool:
        return bool(await self.all(kind))

    async def write(self, changes: Sequence[Step]) -> list[Written]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        for change in changes:
            if isinstance(change, Require) and change.id is None:
                if any(kind == change.kind and d.revision > change.expect for (kind, _), d in self.documents.items()):
                    raise Conflict(change.kind, "")
                continue
            there = self.documents.get((change.kind, str(change.id)))
            if change.expect is not None and change.expect != (there.revision if there else 0):
                raise Conflict(change.kind, change.id)
        return [self._apply(change) for change in changes]

    def _apply(self, change: Step) -> Written:
        if isinstance(change, Require):
            return Written(change.kind, change.id or "", change.expect, 0, True)
        self.counter += 1
        there = self.documents.get((change.kind, change.id))
        version = there.version + 1 if there else 1
        if isinstance(change, Put):
            body = copy.deepcopy(change.body)
            self.documents[change.kind, change.id] = Document(change.kind, change.id, body, self.counter, version)
        else:
            self.documents.pop((change.kind, change.id), None)
        return Written(change.kind, change.id, self.counter, version, there is not None)

    async def revision(self) -> int:
        return self.counter

    async def changes(self, since: int) -> list[Change]:
        later = [document for document in self.documents.values() if document.revision > since]
        return [Change(document.kind, document.id, document.revision, document) for document in later]

    async def wait(self, since: int, timeout: float) -> int:
        return self.counter

    async def close(self) -> None:
        pass
