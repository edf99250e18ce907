"""Addresses, files, damage, and servers that go away."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import traceback
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, InterfaceError

from fairlead.domain.ports import Put, StoreUnavailable
from fairlead.store import SqlStore, database, faults, open_store

CANARY = "canary-5fb1"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "postgresql://h:port/x"]
)
async def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="store"):
        await open_store(url)


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/a/b/fairlead.db")
    await store.write([Put("model", "m", {})])
    folder = tmp_path / "a" / "b"
    assert {file.name for file in folder.iterdir()} == {"fairlead.db", "fairlead.db-wal", "fairlead.db-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    await store.close()


async def test_a_file_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "fairlead.db"
    file.touch(mode=0o644)
    await (await open_store(f"sqlite:///{file}")).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_commits_are_synced_and_logged_ahead(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    with store._database.writer.connect() as connection:
        modes = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    await store.close()
    assert modes == ["wal", 2]


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "fairlead.db"
    file.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await open_store(f"sqlite:///{file}")


async def test_a_folder_in_the_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no regular file"):
        await open_store(f"sqlite:///{tmp_path}")


async def test_damage_while_open_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "fairlead.db"
    store = await open_store(f"sqlite:///{file}")
    await store.write([Put("model", str(number), {"fill": "x" * 1000}) for number in range(50)])
    await store.close()
    damaged = bytearray(file.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    file.write_bytes(damaged)
    with pytest.raises(StoreUnavailable, match="damaged"):
        await open_store(f"sqlite:///{file}")


async def test_a_lock_that_is_not_given_back_is_unavailable_and_writes_nothing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    store = await open_store(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="lock"):
        await store.write([Put("model", "m", {})])
    other.execute("ROLLBACK")
    other.close()
    assert await store.count("model") == 0
    await store.write([Put("model", "m", {})])
    await store.close()


async def test_a_server_that_nobody_runs_is_unavailable_without_telling_its_password() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await open_store(f"postgresql://user:{CANARY}@127.0.0.1:1/db")
    assert CANARY not in "".join(traceback.format_exception(caught.value))


async def test_an_error_tells_no_document(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE documents ADD CHECK (length(body) < 10)")
    with pytest.raises(StoreUnavailable, match="CheckViolation") as caught:
        await store.write([Put("model", "m", {"credential": CANARY})])
    assert CANARY not in str(caught.value)
    await store.close()


async def test_connections_cut_by_the_server_are_made_anew(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    await store.write([Put("model", "a", {})])
    waiting = asyncio.create_task(store.wait(1, 60))
    await asyncio.sleep(0)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                      " AND datname = current_database()")  # fmt: skip
        admin.execute("UPDATE counter SET revision = 2")
    assert await waiting == 2
    assert (await store.write([Put("model", "b", {})]))[0].revision == 3
    assert await store.count("model") == 2
    await store.close()


async def wait_until_told(store: SqlStore) -> None:
    """Wait until the watching thread has met the trouble; a minute at most."""
    for _ in range(600):
        await store.wait(0, 0.1)


async def test_waiting_while_the_database_is_away_ends_as_unavailable(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE counter RENAME TO away")
        with pytest.raises(StoreUnavailable):
            await wait_until_told(store)
        admin.execute("ALTER TABLE away RENAME TO counter")
    await store.write([Put("model", "a", {})])
    assert await store.wait(0, 60) == 1
    await store.close()


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("secret"),
        DBAPIError("statement", {"secret": 1}, sqlite3.IntegrityError("secret")),
        InterfaceError("statement", {"secret": 1}, psycopg.errors.UniqueViolation("secret")),
        OSError(13, "Permission denied", "secret"),
        ModuleNotFoundError("secret", name="psycopg"),
        psycopg.OperationalError("secret"),
    ],
)
def test_every_foreign_error_becomes_unavailable_in_words_without_data(error: Exception) -> None:
    with pytest.raises(StoreUnavailable) as caught, faults.translated(psycopg.Error, ModuleNotFoundError):
        raise error
    assert caught.value.__cause__ is error
    assert "secret" not in str(caught.value)


def test_our_own_and_programming_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError), faults.translated():
        raise KeyError("x")
