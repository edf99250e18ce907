"""How SQLite and PostgreSQL differ: engines, the writers' lock, news of other processes; refuses to know documents.

Everything above this module is one code path. A `Database` is used from threads only, never on an event loop.
"""

from __future__ import annotations

import errno
import os
import selectors
import sqlite3
import stat
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from fairlead.store.faults import is_busy
from fairlead.store.schema import COUNTER

READERS = 4
"""Connections and threads for reading."""
BUSY_SECONDS = 10.0
"""How long a writer waits for its turn before the store counts as unavailable."""
POLL_SECONDS = 0.02
"""How often `PRAGMA data_version` is asked; an asking costs a few microseconds."""
RECHECK_SECONDS = 1.0
"""How often the counter is read on PostgreSQL although nothing was heard: finds a dead connection, too."""
CHANNEL = "fairlead_revision"
_MIGRATION_LOCK = 0x0FA1_21EA_D000_0001
"""Key of the advisory lock under which one process migrates a PostgreSQL database."""


class Database(ABC):
    """Two engines: `writer` with one connection, `reader` whose transactions each see one state."""

    writer: Engine
    reader: Engine
    _placeholder: str

    def require_present(self) -> None:  # noqa: B027  # a server answers for itself; only a file can be taken away
        """Raises OSError when what is open is no longer what the address names."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self.reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block; all others wait at `lock_counter`."""
        with self.writer.begin() as connection:
            yield connection

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Keep other migrating processes out until the transaction ends."""

    @abstractmethod
    def lock_counter(self, connection: Connection) -> int:
        """Keep other writers out until the transaction ends, so that revisions commit in order; gives the counter."""

    @abstractmethod
    def announce(self, connection: Connection, revision: int) -> None:
        """Tell other processes of the revision once the transaction commits."""

    @abstractmethod
    def follow(self, publish: Callable[[int], None], stop: StopSwitch) -> None:
        """Report the counter now and after each change by anybody, until `stop`; raises what the driver raises."""

    def mark(self) -> int | None:
        """A number that changes with every commit, asked without waiting for anything, so from an event loop too; None where
        the database has no such number or cannot tell it now."""
        return None

    def lookup(self, statement: str, values: Sequence[str]) -> tuple[Any, ...] | None:
        """The first row of one statement, whose values stand as `{}`.

        Past SQLAlchemy, whose layers cost a single document several times what the database does.
        """
        pooled = self.reader.raw_connection()
        try:
            cursor = pooled.cursor()
            try:
                cursor.execute(statement.format(*[self._placeholder] * len(values)), tuple(values))
                row: tuple[Any, ...] | None = cursor.fetchone()
            finally:
                cursor.close()
        except self.driver_error():
            pooled.invalidate()
            raise
        finally:
            pooled.close()
        return row

    def driver_error(self) -> type[Exception]:
        """The base class of the driver's own errors."""
        error: type[Exception] = self.reader.dialect.loaded_dbapi.Error
        return error

    def dispose(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


class StopSwitch:
    """Ends a follower at once, whether it sleeps or waits for a socket."""

    __slots__ = ("_event", "_read", "_write")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._read, self._write = os.pipe()

    def fileno(self) -> int:
        return self._read

    def set(self) -> None:
        if not self._event.is_set():
            self._event.set()
            os.write(self._write, b"x")

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)

    def release(self) -> None:
        """Give the pipe back; only after the follower has ended."""
        os.close(self._read)
        os.close(self._write)


class SqliteDatabase(Database):
    """One file in WAL mode, synced at each commit."""

    _placeholder = "?"

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise ValueError("the store's address must name a file: sqlite:///path")
        self._path = Path(url.database)
        _prepare_file(self._path)
        self._file = self._path.stat().st_ino
        self.writer = self._engine(url, "BEGIN IMMEDIATE", 1)
        self.reader = self._engine(url, "BEGIN", READERS + 1)
        self._enter_wal_mode()
        # Never waits, never writes: then its data_version changes with every commit of anybody
        # (https://sqlite.org/pragma.html#pragma_data_version).
        self._marker = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)

    def mark(self) -> int | None:
        try:
            self.require_present()
            version: int = self._marker.execute("PRAGMA data_version").fetchone()[0]
        except (OSError, sqlite3.Error):  # whoever reads then learns what it is
            return None
        return version

    def dispose(self) -> None:
        self._marker.close()
        super().dispose()

    def require_present(self) -> None:
        """A file that was removed or replaced goes on taking writes that nobody will find again."""
        if self._path.stat().st_ino != self._file:
            raise OSError(errno.ESTALE, "the database file was replaced while it was open")

    @staticmethod
    def _engine(url: URL, begin: str, connections: int) -> Engine:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_size=connections,
            max_overflow=0,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def on_connect(raw: Any, _record: object) -> None:
            raw.isolation_level = None  # the driver's implicit BEGIN would come too late and be deferred
            raw.execute("PRAGMA synchronous=FULL")  # WAL with NORMAL may lose the last commits on power loss

        @event.listens_for(engine, "begin")
        def on_begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def _enter_wal_mode(self) -> None:
        # The switch ignores busy_timeout (https://sqlite.org/wal.html#busy), and two processes may open a new file.
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                raw = self.writer.raw_connection()
                try:
                    raw.driver_connection.execute("PRAGMA journal_mode=WAL").fetchone()  # type: ignore[union-attr]
                finally:
                    raw.close()
                return
            except (DBAPIError, self.driver_error()) as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def lock_schema(self, connection: Connection) -> None:
        pass  # BEGIN IMMEDIATE already holds the file's write lock

    def lock_counter(self, connection: Connection) -> int:
        revision: int = connection.execute(select(COUNTER.c.revision)).scalar_one()
        return revision

    def announce(self, connection: Connection, revision: int) -> None:
        pass  # data_version changes by itself

    def follow(self, publish: Callable[[int], None], stop: StopSwitch) -> None:
        pooled = self.reader.raw_connection()
        try:
            raw: Any = pooled.driver_connection
            seen: int | None = None
            while not stop.is_set():
                version = raw.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    # Asked before the counter is read: a commit in between shows as one more change.
                    seen = version
                    publish(raw.execute("SELECT revision FROM counter").fetchone()[0])
                stop.wait(POLL_SECONDS)
        finally:
            pooled.close()


class PostgresDatabase(Database):
    """A PostgreSQL database through psycopg 3, shared by any number of processes."""

    _placeholder = "%s"

    def __init__(self, url: URL) -> None:
        url = url.set(drivername="postgresql+psycopg")
        self.writer = self._engine(url, "READ COMMITTED", 1)
        self.reader = self._engine(url, "REPEATABLE READ", READERS + 1)

    @staticmethod
    def _engine(url: URL, isolation: str, connections: int) -> Engine:
        patience = int(BUSY_SECONDS * 1000)
        limits: dict[str, object] = {
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": patience,
            "options": f"-c lock_timeout={patience} -c statement_timeout={3 * patience}",
        }
        return create_engine(
            url,
            hide_parameters=True,
            isolation_level=isolation,
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={name: value for name, value in limits.items() if name not in url.query},
        )

    def lock_schema(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")

    def lock_counter(self, connection: Connection) -> int:
        revision: int = connection.execute(select(COUNTER.c.revision).with_for_update()).scalar_one()
        return revision

    def announce(self, connection: Connection, revision: int) -> None:
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")

    def follow(self, publish: Callable[[int], None], stop: StopSwitch) -> None:
        autocommit = self.reader.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as connection, selectors.DefaultSelector() as selector:
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
            try:
                driver: Any = connection.connection.driver_connection
                selector.register(driver.fileno(), selectors.EVENT_READ)
                selector.register(stop.fileno(), selectors.EVENT_READ)
                while not stop.is_set():
                    publish(connection.execute(select(COUNTER.c.revision)).scalar_one())
                    # What arrived together with the reply is in the driver already, where select would not see it.
                    if not list(driver.notifies(timeout=0)):
                        selector.select(RECHECK_SECONDS)
            finally:
                connection.invalidate()  # a pooled connection must not go on listening


def open_database(url: str) -> Database:
    """The database behind `sqlite:///path` or `postgresql://...`; ValueError for any other address."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError("the store's address must be sqlite:///path or postgresql://...") from error
    match parsed.get_backend_name():
        case "sqlite":
            return SqliteDatabase(parsed.set(drivername="sqlite"))
        case "postgresql" | "postgres":
            return PostgresDatabase(parsed)
    raise ValueError(f"the store cannot live in {parsed.get_backend_name()}: use sqlite:///path or postgresql://...")


def _prepare_file(path: Path) -> None:
    """Make the file for its owner only, before SQLite would make it by the umask; the log files inherit its mode."""
    for missing in reversed([folder for folder in path.absolute().parents if not folder.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
            _tighten(file)


def _tighten(file: Path) -> None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "the path names no regular file")
    if stat.S_IMODE(found.st_mode) & 0o077 and found.st_uid == os.geteuid():
        file.chmod(0o600)
