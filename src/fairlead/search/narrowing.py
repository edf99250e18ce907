"""What every hit of a query must meet, for a store that can look it up; refuses conditions that are only sufficient.

A store may use any of the requirements, or none: the query itself still decides about each document. Scores then count
the documents that are left, so that their order stays and their values may differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead.errors import FairleadError
from fairlead.search.clause import Clause
from fairlead.search.compound import Bool, ConstantScore
from fairlead.search.corpus import Field, Scalar, coerce, text_of
from fairlead.search.dates import DEFAULT_FORMAT, DateReader, read_zone
from fairlead.search.mapping import Mapping, Type
from fairlead.search.match import Match
from fairlead.search.ranges import Range
from fairlead.search.term_level import Ids, Term, Terms

_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Requirement:
    """The field (`_id`: the document's id) has one of `values` as text, or a whole number from `low` to `high`."""

    field: str
    values: frozenset[str] | None = None
    low: int | None = None
    high: int | None = None


def requirements(clause: Clause, mapping: Mapping, now_ms: int) -> list[Requirement]:
    """Those that follow from ids, exact values and date ranges that must hold."""
    match clause:
        case Ids(ids=ids):
            return [Requirement("_id", ids)]
        case Term(field=field, value=value, fold=False):
            return _values(field, [value], mapping, now_ms)
        case Match(field=field, text=value, fuzziness=None, prefix=False):
            return _values(field, [value], mapping, now_ms)
        case Terms(field=field, values=values):
            return _values(field, values, mapping, now_ms)
        case Range():
            return _range(clause, mapping, now_ms)
        case ConstantScore(inner=inner):
            return requirements(inner, mapping, now_ms)
        case Bool(must=must, filter=also):
            return [found for inner in (*must, *also) for found in requirements(inner, mapping, now_ms)]
    return []


def _values(field: str, values: Iterable[Scalar], mapping: Mapping, now_ms: int) -> list[Requirement]:
    kind = Type.ID if field == Type.ID else mapping.fields.get(field)
    if kind not in (Type.ID, Type.KEYWORD, Type.DATE, Type.BOOLEAN) or "." in field or mapping.is_hidden(field):
        return []
    resolved = Field(field, field, kind)
    try:
        return [Requirement(field, frozenset(text_of(coerce(resolved, value, now_ms)) for value in values))]
    except FairleadError:
        return []  # the search itself reports it


def _range(clause: Range, mapping: Mapping, now_ms: int) -> list[Requirement]:
    if mapping.fields.get(clause.field) is not Type.DATE or "." in clause.field:
        return []
    try:
        reader = DateReader(clause.format or DEFAULT_FORMAT, read_zone(clause.zone or "Z"))
        low, high = (
            None if bound is None else reader.read(text_of(bound), now_ms, round_up=up)
            for bound, up in ((clause.low, not clause.include_low), (clause.high, clause.include_high))
        )
    except FairleadError:
        return []
    return [Requirement(clause.field, None, _kept(low), _kept(high))]


def _kept(bound: int | None) -> int | None:
    """The bound, or the nearest whole number that a store can keep."""
    return None if bound is None else max(_LEAST, min(bound, _MOST))
