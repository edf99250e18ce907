"""The one place where database errors become `StoreUnavailable`; refuses to show statements, values or addresses.

A driver's own text can quote a parameter, and parameters are documents, so only the class of the fault is told.
The driver's error stays reachable as `__cause__`; the engines are made with `hide_parameters`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from fairlead.domain.ports import StoreUnavailable

_SQLITE_MEANINGS: dict[str, str] = {
    "SQLITE_BUSY": "another process holds the database's lock",
    "SQLITE_CANTOPEN": "the database file cannot be opened",
    "SQLITE_CORRUPT": "the database file is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk fails",
    "SQLITE_NOTADB": "the file is not a database",
    "SQLITE_PERM": "the database file may not be used",
    "SQLITE_READONLY": "the database file may not be written",
}
"""Primary result codes (https://sqlite.org/rescode.html); extended ones begin with these names."""


@contextmanager
def translated(*driver_errors: type[Exception]) -> Iterator[None]:
    """Turn whatever SQLAlchemy, the driver or the operating system raises into StoreUnavailable."""
    foreign: tuple[type[Exception], ...] = (
        SQLAlchemyError,
        sqlite3.Error,
        OSError,
        *driver_errors,
    )
    try:
        yield
    except foreign as error:
        raise StoreUnavailable(meaning(error)) from error


def meaning(error: Exception) -> str:
    """What happened, in words that hold no data."""
    if isinstance(error, ModuleNotFoundError):
        return f"the store needs the Python module {error.name}: install fairlead[postgres]"
    if isinstance(error, OSError):
        return f"the store cannot be reached: {error.strerror or type(error).__name__}"
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(origin, "sqlite_errorname", None)
    if isinstance(code, str):
        name = next((known for known in _SQLITE_MEANINGS if code == known or code.startswith(known + "_")), None)
        return f"the store failed: {_SQLITE_MEANINGS[name] if name else code}"
    state = getattr(origin, "sqlstate", None)
    return f"the store failed: {type(origin).__name__}" + (f" (SQLSTATE {state})" if state else "")


def is_busy(error: Exception) -> bool:
    """Whether SQLite only asks to try again: another process switches the journal mode or recovers the log."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(origin, "sqlite_errorname", "")).startswith("SQLITE_BUSY")
