"""The tables as SQLAlchemy Core sees them; refuses to create them (that is `fairlead.store.migrations`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, SmallInteger, Table, Text

METADATA = MetaData()

MIGRATIONS = Table(
    "migrations",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("applied_time", BigInteger, nullable=False),
)

COUNTER = Table(
    "counter",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
)
"""One row. `revision`: of the last committed write. `pruned`: the newest deletion that is no longer remembered."""

KINDS = Table("kinds", METADATA, Column("kind", Text, primary_key=True))

DOCUMENTS = Table(
    "documents",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_time", BigInteger, nullable=False),
    Column("updated_time", BigInteger, nullable=False),
)
"""`body` is JSON text; the times are epoch milliseconds of the first and the last write."""

TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)
"""Deletions, so that a follower learns of them; the oldest are pruned."""

TERMS = Table(
    "terms",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("number", BigInteger, nullable=True),
)
"""Values of the few fields that `SqlStore.select` finds documents by; `number` is set for whole numbers (times)."""
