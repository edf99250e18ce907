"""Reading and writing documents inside one transaction; refuses to open, commit or retry one.

Every function but `get` takes the caller's connection. A write needs the counter's lock (`Database.lock_counter`) held.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, exists, func, insert, select, update

from fairlead.domain.ports import FORGET, Change, Condition, Conflict, Document, Json, Remove, Require, Step, Written
from fairlead.store.database import Database
from fairlead.store.schema import COUNTER, DOCUMENTS, KINDS, TERMS, TOMBSTONES

MAX_ID_BYTES = 512
"""Longest id, as in OpenSearch."""

KEPT_TOMBSTONES = 10_000
"""How many deletions are remembered for followers."""


INDEXED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "task": ("state", "model_id", "task_type", "function_name", "create_time", "last_update_time"),
}
"""Top-level fields by kind that `find` can use. A new field needs a migration that indexes what is stored already."""

_COLUMNS = (DOCUMENTS.c.kind, DOCUMENTS.c.id, DOCUMENTS.c.body, DOCUMENTS.c.revision, DOCUMENTS.c.version)
_INT64 = 1 << 63
_COUNTED_TERMS = 5_000
_TERM_LENGTH = 128
_MOST_VALUES = 5_000


@dataclass(frozen=True, slots=True)
class ReadyChange:
    """A `Put` or `Remove` made ready outside the transaction: the body is text, None when it is to be removed."""

    kind: str
    id: str
    expect: int | None
    text: str | None
    terms: tuple[tuple[str, str, int | None], ...]


def prepare(change: Step) -> ReadyChange | Require:
    """Encode and check a step. Raises ValueError for an id no database can keep and a body that is not JSON."""
    if isinstance(change, Require):
        return change
    if isinstance(change, Remove):  # of whatever id: what no database can keep is not there
        return ReadyChange(change.kind, change.id, change.expect, None, ())
    if not storable(change.id) or not storable(change.kind):
        raise ValueError(f"a document's kind and id take 1 to {MAX_ID_BYTES} bytes without NUL or surrogates")
    try:
        # ASCII with escapes: exact for lone surrogates, NUL and big integers, which callers can send in JSON.
        text = json.dumps(change.body, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the body of {change.kind} {change.id} is not JSON: {type(error).__name__}") from error
    return ReadyChange(change.kind, change.id, change.expect, text, tuple(_terms(change.kind, change.body)))


def storable(text: str) -> bool:
    """Whether both databases can keep this text as a key: PostgreSQL has no NUL and limits keys, UTF-8 has no
    surrogates."""
    if not text or len(text) > MAX_ID_BYTES or "\0" in text:
        return False
    try:
        return len(text.encode()) <= MAX_ID_BYTES
    except UnicodeEncodeError:
        return False


def write(
    connection: Connection, revision: int, changes: Sequence[ReadyChange | Require], now_ms: int
) -> list[Written]:
    """Apply steps in order from the locked counter's value on, each change with a revision of its own.

    Raises Conflict; the caller's transaction must then be rolled back. Removing what is not there takes no revision.
    """
    first = revision
    written: list[Written] = []
    kinds: set[str] = set()
    removed = False
    for change in changes:
        if isinstance(change, Require):
            written.append(_check(connection, change))
            continue
        where = and_(DOCUMENTS.c.kind == change.kind, DOCUMENTS.c.id == change.id)
        found = None
        if storable(change.id):
            found = connection.execute(select(DOCUMENTS.c.revision, DOCUMENTS.c.version).where(where)).one_or_none()
        if change.expect is not None and change.expect != (found.revision if found else 0):
            raise Conflict(change.kind, change.id)
        version = found.version + 1 if found else 1
        if change.text is not None:
            revision += 1
            _put(connection, change, change.text, revision, version, found is not None, now_ms)
            if found is None and change.kind not in kinds:
                kinds.add(change.kind)
                if not known(connection, change.kind):
                    connection.execute(insert(KINDS).values(kind=change.kind))
        elif found:
            revision += 1
            removed = True
            _remove(connection, change, revision)
        written.append(Written(change.kind, change.id, revision, version, found is not None))
    if revision != first:
        values: dict[str, int] = {"revision": revision}
        if removed and (horizon := _prune(connection)) is not None:
            values["pruned"] = horizon
        connection.execute(update(COUNTER).values(values))
    return written


def _check(connection: Connection, required: Require) -> Written:
    """Looks at one document or at the newest of the kind; raises Conflict."""
    query = select(DOCUMENTS.c.revision, DOCUMENTS.c.version).where(DOCUMENTS.c.kind == required.kind)
    if required.id is None:
        newest = connection.execute(query.order_by(DOCUMENTS.c.revision.desc()).limit(1)).one_or_none()
        if newest is not None and newest.revision > required.expect:
            raise Conflict(required.kind, "")
        return Written(required.kind, "", required.expect, 0, newest is not None)
    found = connection.execute(query.where(DOCUMENTS.c.id == required.id)).one_or_none()
    if required.expect != (found.revision if found else 0):
        raise Conflict(required.kind, required.id)
    return Written(required.kind, required.id, required.expect, found.version if found else 0, found is not None)


def _put(
    connection: Connection, change: ReadyChange, text: str, revision: int, version: int, exists: bool, now_ms: int
) -> None:
    where = and_(DOCUMENTS.c.kind == change.kind, DOCUMENTS.c.id == change.id)
    values: dict[str, object] = {"revision": revision, "version": version, "body": text, "updated_time": now_ms}
    if exists:
        connection.execute(update(DOCUMENTS).where(where).values(values))
        _drop_terms(connection, change)
    else:
        connection.execute(
            insert(DOCUMENTS).values(values | {"kind": change.kind, "id": change.id, "created_time": now_ms})
        )
        connection.execute(
            delete(TOMBSTONES).where(and_(TOMBSTONES.c.kind == change.kind, TOMBSTONES.c.id == change.id))
        )
    if change.terms:
        connection.execute(
            insert(TERMS),
            [
                {"kind": change.kind, "id": change.id, "field": field, "value": value, "number": number}
                for field, value, number in change.terms
            ],
        )


def _remove(connection: Connection, change: ReadyChange, revision: int) -> None:
    connection.execute(delete(DOCUMENTS).where(and_(DOCUMENTS.c.kind == change.kind, DOCUMENTS.c.id == change.id)))
    _drop_terms(connection, change)
    connection.execute(insert(TOMBSTONES).values(kind=change.kind, id=change.id, revision=revision))


def _drop_terms(connection: Connection, change: ReadyChange) -> None:
    if change.kind in INDEXED_FIELDS:
        connection.execute(delete(TERMS).where(and_(TERMS.c.kind == change.kind, TERMS.c.id == change.id)))


def _prune(connection: Connection) -> int | None:
    """Forget all but the newest tombstones; gives the newest revision forgotten."""
    oldest_first = select(TOMBSTONES.c.revision).order_by(TOMBSTONES.c.revision.desc())
    horizon = connection.execute(oldest_first.offset(KEPT_TOMBSTONES).limit(1)).scalar_one_or_none()
    if horizon is not None:
        connection.execute(delete(TOMBSTONES).where(TOMBSTONES.c.revision <= horizon))
    return horizon


def _terms(kind: str, body: Json) -> Iterable[tuple[str, str, int | None]]:
    for field in INDEXED_FIELDS.get(kind, ()):
        value = body.get(field)
        seen: set[str] = set()
        for item in value if isinstance(value, list) else (value,):
            text = term_text(item)
            if text is not None and text not in seen:
                seen.add(text)
                number = item if isinstance(item, int) and not isinstance(item, bool) else None
                yield field, text, number if number is not None and -_INT64 <= number < _INT64 else None


def term_text(value: Any) -> str | None:
    """A scalar as the text that conditions compare, cut to what an index can keep; None for what is not indexed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str):
        return None
    return text[:_TERM_LENGTH].replace("\0", "\ufffd").encode(errors="replace").decode()


def revision(connection: Connection) -> int:
    counter: int = connection.execute(select(COUNTER.c.revision)).scalar_one()
    return counter


_GET = "SELECT body, revision, version FROM documents WHERE kind = {} AND id = {}"


def get(database: Database, kind: str, id: str) -> Document | None:
    """One document, in a transaction of its own."""
    row = database.lookup(_GET, (kind, id))
    return None if row is None else Document(kind, id, json.loads(row[0]), row[1], row[2])


def all_of(connection: Connection, kind: str) -> list[Document]:
    return _documents(connection, select(*_COLUMNS).where(DOCUMENTS.c.kind == kind).order_by(DOCUMENTS.c.revision))


def count(connection: Connection, kind: str) -> int:
    return connection.execute(select(func.count()).select_from(DOCUMENTS).where(DOCUMENTS.c.kind == kind)).scalar_one()


def known(connection: Connection, kind: str) -> bool:
    return connection.execute(select(KINDS.c.kind).where(KINDS.c.kind == kind)).one_or_none() is not None


def find(
    connection: Connection, kind: str, conditions: Sequence[Condition], limit: int | None = None
) -> list[Document]:
    """The documents of a kind that meet all conditions, or any `limit` of them, oldest write first.

    A condition on a field that is not indexed for the kind, or with too many values for a statement, is not applied,
    and long texts are compared by their beginning: the result may hold more, never less.
    """
    query = select(*_COLUMNS).where(DOCUMENTS.c.kind == kind)
    lookups: list[Condition] = []
    for condition in conditions:
        if condition.values is not None and len(condition.values) > _MOST_VALUES:
            continue
        if condition.field == "_id" and condition.values is not None:
            query = query.where(DOCUMENTS.c.id.in_([id for id in condition.values if storable(id)]))
        elif condition.field in INDEXED_FIELDS.get(kind, ()):
            lookups.append(condition)
    if len(lookups) > 1:
        lookups.sort(key=lambda condition: _size(connection, kind, condition))
    for order, condition in enumerate(lookups):
        ids = _ids_by_term(kind, condition)
        # The rarest condition drives the query; the others look at each document it finds, through the primary key.
        query = query.where(DOCUMENTS.c.id.in_(ids) if order == 0 else exists(ids.where(TERMS.c.id == DOCUMENTS.c.id)))
    if limit is not None:
        query = query.limit(limit)
    # Ordering by SQL would make SQLite walk the index on revisions, that is all documents of the kind.
    return sorted(_documents(connection, query), key=lambda document: document.revision)


def _size(connection: Connection, kind: str, condition: Condition) -> int:
    """How many terms meet the condition, counted to a few thousand."""
    some = _ids_by_term(kind, condition).limit(_COUNTED_TERMS).subquery()
    size: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return size


def _ids_by_term(kind: str, condition: Condition) -> Select[Any]:
    ids = select(TERMS.c.id).where(and_(TERMS.c.kind == kind, TERMS.c.field == condition.field))
    if condition.values is not None:
        return ids.where(TERMS.c.value.in_({term_text(value) for value in condition.values}))
    if condition.low is not None:
        ids = ids.where(TERMS.c.number >= max(condition.low, -_INT64))
    if condition.high is not None:
        ids = ids.where(TERMS.c.number <= min(condition.high, _INT64 - 1))
    return ids


def changes(connection: Connection, since: int, only: Collection[str] | None = None) -> tuple[list[Change], int]:
    """What a follower at `since` has to learn (of the kinds `only`), oldest first, and the revision it is at then.

    When deletions after `since` are no longer remembered (or the database was put back to an earlier state), the
    list begins with one `FORGET` change for every kind and goes on with every document there is.
    """
    counter = connection.execute(select(COUNTER.c.revision, COUNTER.c.pruned)).one()
    if since == counter.revision:
        return [], since
    if since > counter.revision or 0 < since < counter.pruned:
        kinds = connection.execute(select(KINDS.c.kind).order_by(KINDS.c.kind)).scalars()
        found = [Change(kind, FORGET, counter.pruned, None) for kind in kinds if only is None or kind in only]
        since = 0
    else:
        found = []
    query = select(*_COLUMNS).where(DOCUMENTS.c.revision > since)
    if only is not None:
        query = query.where(DOCUMENTS.c.kind.in_(only))
    rows = _documents(connection, query.order_by(DOCUMENTS.c.revision))
    later = [Change(document.kind, document.id, document.revision, document) for document in rows]
    if since > 0:
        gone = connection.execute(
            select(TOMBSTONES.c.kind, TOMBSTONES.c.id, TOMBSTONES.c.revision).where(TOMBSTONES.c.revision > since)
        )
        later.extend(Change(row.kind, row.id, row.revision, None) for row in gone if only is None or row.kind in only)
        later.sort(key=lambda change: change.revision)
    return found + later, counter.revision


def _documents(connection: Connection, query: Select[Any]) -> list[Document]:
    return [_document(row) for row in connection.execute(query)]


def _document(row: Any) -> Document:
    return Document(row.kind, row.id, json.loads(row.body), row.revision, row.version)
