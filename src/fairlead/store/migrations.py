"""Numbered steps that bring a database to the present shape; refuses a database that a newer Fairlead has changed.

A step, once released, is never edited: its text is what stands in databases out there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, inspect, select

from fairlead.domain.ports import StoreUnavailable
from fairlead.store.schema import MIGRATIONS

_LEDGER = "CREATE TABLE migrations (number BIGINT PRIMARY KEY, applied_time BIGINT NOT NULL)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: statements that SQLite and PostgreSQL both understand."""

    number: int
    statements: tuple[str, ...]


MIGRATION_STEPS: tuple[Migration, ...] = (
    Migration(
        1,
        (
            "CREATE TABLE counter (id SMALLINT PRIMARY KEY CHECK (id = 1), revision BIGINT NOT NULL, pruned BIGINT NOT NULL)",
            "INSERT INTO counter (id, revision, pruned) VALUES (1, 0, 0)",
            "CREATE TABLE kinds (kind TEXT NOT NULL PRIMARY KEY)",
            "CREATE TABLE documents (kind TEXT NOT NULL, id TEXT NOT NULL, revision BIGINT NOT NULL UNIQUE,"
            " version BIGINT NOT NULL, body TEXT NOT NULL, created_time BIGINT NOT NULL, updated_time BIGINT NOT NULL,"
            " PRIMARY KEY (kind, id))",
            "CREATE INDEX documents_of_kind ON documents (kind, revision)",
            "CREATE TABLE tombstones (kind TEXT NOT NULL, id TEXT NOT NULL, revision BIGINT NOT NULL UNIQUE,"
            " PRIMARY KEY (kind, id))",
        ),
    ),
    Migration(
        2,
        (
            "CREATE TABLE terms (kind TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,"
            " number BIGINT, PRIMARY KEY (kind, id, field, value))",
            "CREATE INDEX terms_by_value ON terms (kind, field, value, id)",
            "CREATE INDEX terms_by_number ON terms (kind, field, number, id)",
        ),
    ),
)


def pending(connection: Connection, steps: Sequence[Migration] = MIGRATION_STEPS) -> list[Migration]:
    """The steps this database still needs, in order. Raises StoreUnavailable when it has steps we do not know."""
    applied: set[int] = set()
    if inspect(connection).has_table(MIGRATIONS.name):
        applied = set(connection.execute(select(MIGRATIONS.c.number)).scalars())
    newest = max((step.number for step in steps), default=0)
    if applied and max(applied) > newest:
        raise StoreUnavailable(
            f"the database belongs to a newer Fairlead: it has migration {max(applied)},"
            f" this version knows migrations up to {newest}; start the newer version or restore an older backup"
        )
    return [step for step in steps if step.number not in applied]


def migrate(connection: Connection, now_ms: int, steps: Sequence[Migration] = MIGRATION_STEPS) -> None:
    """Apply what is pending inside the caller's transaction, which must keep every other migrating process out."""
    todo = pending(connection, steps)
    if todo and not inspect(connection).has_table(MIGRATIONS.name):
        connection.exec_driver_sql(_LEDGER)
    for step in todo:
        for statement in step.statements:
            connection.exec_driver_sql(statement)
        connection.execute(insert(MIGRATIONS).values(number=step.number, applied_time=now_ms))
