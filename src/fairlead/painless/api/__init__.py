"""The allowlist: one module a family of classes, each a table of rows; what is in no table does not exist for scripts."""

from __future__ import annotations

from fairlead.painless.api.bignum import TABLES as BIGNUM
from fairlead.painless.api.collections import TABLES as COLLECTIONS
from fairlead.painless.api.exceptions import TABLES as EXCEPTIONS
from fairlead.painless.api.functions import TABLES as FUNCTIONS
from fairlead.painless.api.lists import TABLES as LISTS
from fairlead.painless.api.maps import TABLES as MAPS
from fairlead.painless.api.misc import TABLES as MISC
from fairlead.painless.api.numbers import TABLES as NUMBERS
from fairlead.painless.api.regex import TABLES as REGEX
from fairlead.painless.api.streams import TABLES as STREAMS
from fairlead.painless.api.strings import TABLES as STRINGS
from fairlead.painless.types import ClassRows, allowed_types, register

FAMILIES: tuple[tuple[ClassRows, ...], ...] = (
    STRINGS,
    NUMBERS,
    BIGNUM,
    COLLECTIONS,
    LISTS,
    MAPS,
    FUNCTIONS,
    STREAMS,
    REGEX,
    MISC,
    EXCEPTIONS,
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
