"""Numbered steps: once each, all or nothing, never backwards."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from fairlead.domain.ports import StoreUnavailable
from fairlead.store import open_store
from fairlead.store.database import open_database
from fairlead.store.migrations import MIGRATION_STEPS, Migration, migrate, pending
from fairlead.store.schema import METADATA


def test_steps_are_numbered_from_one_without_gaps() -> None:
    assert [step.number for step in MIGRATION_STEPS] == list(range(1, len(MIGRATION_STEPS) + 1))


async def test_steps_make_exactly_the_tables_that_the_code_uses(url: str) -> None:
    await (await open_store(url)).close()
    database = open_database(url)
    with database.reading() as connection:
        found = inspect(connection)
        columns = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
        keys = {name: set(found.get_pk_constraint(name)["constrained_columns"]) for name in columns}
    database.dispose()
    assert columns == {table.name: {column.name for column in table.columns} for table in METADATA.tables.values()}
    assert keys == {table.name: {c.name for c in table.primary_key.columns} for table in METADATA.tables.values()}


def test_each_step_is_applied_once(url: str) -> None:
    database = open_database(url)
    for _ in range(2):
        with database.writing() as connection:
            database.lock_schema(connection)
            migrate(connection, 1)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM migrations")).scalar_one() == len(MIGRATION_STEPS)
        assert pending(connection) == []
    database.dispose()


def test_a_step_that_fails_leaves_nothing_behind(url: str) -> None:
    database = open_database(url)
    steps = (Migration(1, ("CREATE TABLE half (id BIGINT)", "INSERT INTO half VALUES (1)", "SELECT broken FROM half")),)
    with pytest.raises(SQLAlchemyError), database.writing() as connection:
        migrate(connection, 1, steps)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == []
    database.dispose()


async def test_an_older_database_gets_the_missing_steps_and_keeps_its_documents(url: str) -> None:
    database = open_database(url)
    with database.writing() as connection:
        migrate(connection, 1, MIGRATION_STEPS[:1])
        connection.execute(text("INSERT INTO documents VALUES ('model', 'm', 1, 1, '{\"n\": 1}', 5, 5)"))
        connection.execute(text("UPDATE counter SET revision = 1"))
    database.dispose()
    store = await open_store(url)
    found = await store.get("model", "m")
    await store.close()
    assert found is not None
    assert found.body == {"n": 1}


async def test_a_database_of_a_newer_fairlead_is_refused(url: str) -> None:
    await (await open_store(url)).close()
    database = open_database(url)
    with database.writing() as connection:
        connection.execute(text("INSERT INTO migrations VALUES (999, 1)"))
    database.dispose()
    with pytest.raises(StoreUnavailable, match=r"newer Fairlead.*999"):
        await open_store(url)
