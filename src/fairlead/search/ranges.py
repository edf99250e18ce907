"""The clause on values between bounds: numbers, dates with date math, text order; refuses geometry and relations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.errors import FairleadError, IllegalArgument
from fairlead.search.clause import BOTH, Clause
from fairlead.search.context import Context, Matcher, matches_nothing
from fairlead.search.corpus import Field, Scalar, coerce, number_of, text_of
from fairlead.search.dates import DEFAULT_FORMAT, DateReader, read_zone
from fairlead.search.mapping import NUMBERS, Type
from fairlead.search.node import JsonNode, is_scalar, options, refuse, to_bool, to_text, token
from fairlead.search.term_level import boost_of, name_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(Clause):
    """`low` and `high` with whether the bound itself is in."""

    field: str
    low: Scalar | None
    high: Scalar | None
    include_low: bool
    include_high: bool
    format: str | None = None
    zone: str | None = None

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.field)
        if field is None or field.type in (Type.OBJECT, Type.NESTED):
            return matches_nothing
        inside = self._dates(context.now_ms) if field.type is Type.DATE else self._plain(context, field)
        values = context.corpus.terms
        return lambda entry: 1.0 if any(inside(value) for value in values(entry, field)) else None

    def _plain(self, context: Context, field: Field) -> Callable[[Scalar], bool]:
        def bound(value: Scalar | None) -> Scalar | None:
            if value is None:
                return None
            return number_of(field, value) if field.type in NUMBERS else coerce(field, value, 0)

        try:
            low, high = bound(self.low), bound(self.high)
        except FairleadError as fault:
            raise context.failed(fault) from fault
        return self._between(low, high, self.include_low, self.include_high)

    def _dates(self, now_ms: int) -> Callable[[Scalar], bool]:
        reader = DateReader(self.format or DEFAULT_FORMAT, read_zone(self.zone or "Z"))

        def bound(value: Scalar | None, round_up: bool) -> int | None:
            return None if value is None else reader.read(text_of(value), now_ms, round_up=round_up)

        # A date that names a whole day is the day's last moment for `lte` and `gt`, its first for `gte` and `lt`.
        low = bound(self.low, not self.include_low)
        high = bound(self.high, self.include_high)
        return self._between(low, high, self.include_low, self.include_high)

    @staticmethod
    def _between(low: Scalar | None, high: Scalar | None, with_low: bool, with_high: bool) -> Callable[[Scalar], bool]:
        def inside(value: Scalar) -> bool:
            above = low is None or value > low or (with_low and value == low)  # type: ignore[operator]
            return above and (high is None or value < high or (with_high and value == high))  # type: ignore[operator]

        return inside


_RANGE_OPTIONS = (
    *("from", "to", "include_lower", "include_upper", "gt", "gte", "lt", "lte"),
    *("time_zone", "format", "relation", *BOTH),
)


def parse_range(node: JsonNode) -> Clause:
    field: str | None = None
    body: JsonNode | None = None
    for key, value, _, _ in node.members:
        if value.kind == "object":
            if field is not None:
                refuse(f"[range] query doesn't support multiple fields, found [{field}] and [{key}]", value)
            field, body = key, value
        elif is_scalar(value) and key == "_name":
            continue
        elif is_scalar(value):
            refuse(f"[range] query does not support [{key}]", value)
        else:
            refuse(f"[range] query malformed, no start_object after query name but found [{token(value)}]", value)
    if field is None or body is None:
        raise IllegalArgument("field name is null or empty")
    given = options("range", body, _RANGE_OPTIONS)
    low = high = None
    with_low = with_high = True
    for key, value, _, _ in body.members:
        if key in ("from", "gte", "gt", "to", "lte", "lt"):
            if not is_scalar(value):
                refuse(f"[range] query does not support [{key}]", value)
            if key in ("from", "gte", "gt"):
                low, with_low = value.value, key != "gt" if key != "from" else with_low
            else:
                high, with_high = value.value, key != "lt" if key != "to" else with_high
        elif key == "include_lower":
            with_low = to_bool(value)
        elif key == "include_upper":
            with_high = to_bool(value)
    text = {key: to_text(given[key]) for key in ("format", "time_zone") if key in given}
    clause = Range(
        field=field,
        low=low,
        high=high,
        include_low=with_low,
        include_high=with_high,
        format=text.get("format"),
        zone=text.get("time_zone"),
        boost=boost_of(given),
        name=name_of(given),
    )
    DateReader(clause.format or DEFAULT_FORMAT, read_zone(clause.zone or "Z"))  # refuses both where they are written
    return clause
