"""`SqlStore`: the port `fairlead.domain.ports.Store` over a database, off the event loop; refuses to cache documents.

Open it after the process has forked: neither connections nor threads survive a fork.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection

from fairlead.domain.ports import FORGET, Change, Condition, Document, Step, StoreUnavailable, Written
from fairlead.store import documents
from fairlead.store.database import READERS, Database, open_database
from fairlead.store.faults import translated
from fairlead.store.migrations import migrate, pending
from fairlead.store.signal import RevisionSignal
from fairlead.store.watch import Watcher

T = TypeVar("T")

log = logging.getLogger("fairlead.store")

CLOSE_SECONDS = 2.0
"""How long `close` waits for the database."""


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


async def open_store(url: str, *, clock: Callable[[], int] = wall_clock_ms) -> SqlStore:
    """Open (and make or migrate) the database at `sqlite:///path` or `postgresql://...`.

    `clock` gives epoch milliseconds. Raises ValueError for an address of another form, StoreUnavailable when the
    database cannot be opened or belongs to a newer Fairlead.
    """
    writer = ThreadPoolExecutor(1, thread_name_prefix="fairlead-store-write")
    try:
        database, revision = await asyncio.get_running_loop().run_in_executor(writer, _open, url, clock)
    except BaseException:
        writer.shutdown(wait=False)
        raise
    return SqlStore(database, revision, writer, clock)


def _open(url: str, clock: Callable[[], int]) -> tuple[Database, int]:
    with translated(ModuleNotFoundError):  # the driver is an extra
        database = open_database(url)
    try:
        with translated(database.driver_error()):
            with database.reading() as connection:
                current = not pending(connection)
            if not current:
                with database.writing() as connection:
                    database.lock_schema(connection)
                    migrate(connection, clock())
            with database.reading() as connection:
                return database, documents.revision(connection)
    except BaseException:
        database.dispose()
        raise


class SqlStore:
    """Documents by kind and id; see `fairlead.domain.ports.Store` for the meaning of each method.

    One thread writes, a few read. A cancelled `write` may still be carried out. When the connection breaks while a
    commit is on its way, `write` raises StoreUnavailable though the database may have kept the batch: read before
    trying again.
    """

    def __init__(self, database: Database, revision: int, writer: ThreadPoolExecutor, clock: Callable[[], int]) -> None:
        self._database = database
        self._writer = writer
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fairlead-store-read")
        self._clock = clock
        self._signal = RevisionSignal(revision)
        self._watcher = Watcher(database, self._signal)
        self._driver_error = database.driver_error()
        self._followed: tuple[int | None, Collection[str] | None] = (None, None)
        self._followed_from, self._followed_to = 0, -1
        """Whoever follows these kinds and is at a revision of this span knows everything up to this mark."""

    async def get(self, kind: str, id: str) -> Document | None:
        if not (documents.storable(kind) and documents.storable(id)):
            return None

        def run() -> Document | None:
            with translated(self._driver_error):
                self._database.require_present()
                return documents.get(self._database, kind, id)

        return await self._in_thread(self._readers, run)

    async def all(self, kind: str) -> list[Document]:
        return await self._read(lambda connection: documents.all_of(connection, kind))

    async def find(self, kind: str, conditions: Sequence[Condition], limit: int | None = None) -> list[Document]:
        """The documents that meet all conditions (those on fields that are not indexed are skipped), oldest first; any
        `limit` of them."""
        return await self._read(lambda connection: documents.find(connection, kind, conditions, limit))

    async def count(self, kind: str) -> int:
        return await self._read(lambda connection: documents.count(connection, kind))

    async def known(self, kind: str) -> bool:
        return await self._read(lambda connection: documents.known(connection, kind))

    async def write(self, changes: Sequence[Step]) -> list[Written]:
        """All or nothing, in order. Raises Conflict, StoreUnavailable, and ValueError for what no store could keep."""
        return await self._in_thread(self._writer, lambda: self._write(changes))

    async def revision(self) -> int:
        return await self._read(documents.revision)

    async def changes(self, since: int, kinds: Collection[str] | None = None) -> list[Change]:
        """What was written after `since` (of `kinds` only, if given), oldest first, the last state of each document only.

        When deletions after `since` are no longer remembered, the list begins with `Change(kind, FORGET, n, None)` for
        every kind: drop all documents of that kind; the rest of the list is everything there is.
        """
        # Taken before the reading: a commit in between shows as one more change.
        mark = self._database.mark()
        if mark is not None and self._followed == (mark, kinds) and self._followed_from <= since <= self._followed_to:
            return []
        found, revision = await self._read(lambda connection: documents.changes(connection, since, kinds))
        self._signal.publish(revision)
        if found and found[0].id == FORGET:  # the list is for this follower alone
            return found
        self._followed = (mark, kinds)
        self._followed_from = max([since, *(change.revision for change in found)])
        self._followed_to = revision
        return found

    async def wait(self, since: int, timeout: float) -> int:
        """The revision as soon as it is past `since`, or as it is after `timeout` seconds.

        Raises StoreUnavailable when the time is over and the database cannot be followed, or when the store closes.
        """
        self._watcher.start()
        return await self._signal.wait(since, timeout)

    async def close(self) -> None:
        """Finish what was begun and give connections and threads back; more than once does no harm. A database that does not
        answer is not waited for: what was begun there is its own to finish or to take back."""
        self._signal.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.to_thread(self._close)
        except TimeoutError:
            log.warning("the store did not end what was begun within %g seconds and is left", CLOSE_SECONDS)

    def _close(self) -> None:
        self._watcher.stop()
        self._writer.shutdown()
        self._readers.shutdown()
        self._database.dispose()

    def _write(self, changes: Sequence[Step]) -> list[Written]:
        ready = [documents.prepare(change) for change in changes]
        with translated(self._driver_error), self._database.writing() as connection:
            self._database.require_present()
            before = self._database.lock_counter(connection)
            written = documents.write(connection, before, ready, self._clock())
            after = max((item.revision for item in written), default=before)
            if after != before:
                self._database.announce(connection, after)
        self._signal.publish(after)
        return written

    async def _read(self, operation: Callable[[Connection], T]) -> T:
        def run() -> T:
            with translated(self._driver_error), self._database.reading() as connection:
                self._database.require_present()
                return operation(connection)

        return await self._in_thread(self._readers, run)

    async def _in_thread(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            future = asyncio.get_running_loop().run_in_executor(pool, work)
        except RuntimeError as error:  # the pool was shut down
            if self._signal.closed:
                raise StoreUnavailable("the store is closed") from error
            raise
        return await future
