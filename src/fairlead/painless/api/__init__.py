"""The allowlist: one module a family of classes, each a table of rows; what is in no table does not exist for scripts."""

from __future__ import annotations

from fairlead.painless.api import (
    bignum,
    collections,
    exceptions,
    functions,
    lists,
    maps,
    misc,
    numbers,
    regex,
    streams,
    strings,
)
from fairlead.painless.types import ClassRows, allowed_types, register

FAMILIES: tuple[tuple[ClassRows, ...], ...] = (
    strings.TABLES,
    numbers.TABLES,
    bignum.TABLES,
    collections.TABLES,
    lists.TABLES,
    maps.TABLES,
    functions.TABLES,
    streams.TABLES,
    regex.TABLES,
    misc.TABLES,
    exceptions.TABLES,
)

register(table for family in FAMILIES for table in family)


def ensure_tables() -> None:
    """The tables are registered when this module is imported; calling this says that one relies on it."""


def supported() -> list[tuple[str, str, int]]:
    """Class, member and tier of everything a script can reach, for the documentation page."""
    rows = []
    for found in allowed_types():
        members = [f"{name}/{count}" for name, count in found.statics]
        members += [f"{method.name}/{len(method.parameters)}" for method in found.own]
        members += [f"new/{count}" for count in found.constructors]
        members += list(found.constants)
        rows += [(found.name, member, found.tier) for member in sorted(members)]
    return rows
