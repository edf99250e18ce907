"""Sorting of hits: keys, missing values, `search_after`, and the `sort` array of a hit; refuses scripts and distances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead.errors import FairleadError, IllegalArgument
from fairlead.search.context import Context
from fairlead.search.corpus import Entry, Field, Scalar, coerce
from fairlead.search.dates import show
from fairlead.search.mapping import NUMBERS, Type
from fairlead.search.node import (
    JsonNode,
    is_scalar,
    members,
    refuse,
    to_text,
    token,
    unknown_member,
)
from fairlead.search.scoring import shown

LONG_MAX = (1 << 63) - 1
LONG_MIN = -(1 << 63)
SCORE, ORDER = "_score", "_doc"
_NUMERIC = NUMBERS | {Type.DATE, Type.BOOLEAN}
_OPTIONS = ("order", "missing", "mode", "unmapped_type", "nested", "numeric_type", "format")
_ARITHMETIC = ("sum", "avg", "median")
_MODES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "min": min,
    "max": max,
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "median": lambda values: sorted(values)[len(values) // 2],
}


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of the order. `missing` is `_last`, `_first` or a value; `nested` the path its field stands under."""

    field: str
    descending: bool
    missing: Scalar = "_last"
    mode: str | None = None
    unmapped: str | None = None
    nested: str | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True)
class BoundKey:
    """A key resolved against a corpus: `value` is None where the entry has none; `display` is what the hit shows."""

    key: SortKey
    type: Type | None
    value: Callable[[Entry, float], Any]

    @property
    def missing_first(self) -> bool:
        return self.key.missing == "_first"

    def display(self, value: Any) -> Any:
        if value is None:
            if self.type not in _NUMERIC:
                return None
            low = self.missing_first is not self.key.descending
            if self.type is Type.FLOAT:
                return "-Infinity" if low else "Infinity"
            return LONG_MIN if low else LONG_MAX
        if self.type is Type.BOOLEAN:
            return int(value)
        if self.type is Type.DATE and self.key.format is not None:
            return str(value) if "epoch_millis" in self.key.format else show(value)
        return value

    def compare(self, left: Any, right: Any) -> int:
        """Negative when `left` comes first."""
        if left is None or right is None:
            if left is right:
                return 0
            return -1 if (left is None) is self.missing_first else 1
        if left == right:
            return 0
        return -1 if (left < right) is not self.key.descending else 1


def parse_sort(node: JsonNode) -> tuple[SortKey, ...]:
    """A text, an object, or a list of both. Raises as OpenSearch's sort parser does."""
    if node.kind == "array":
        return tuple(key for item in node.items for key in _item(item))
    return tuple(_item(node))


def _item(node: JsonNode) -> list[SortKey]:
    if node.kind == "string":
        return [SortKey(to_text(node), node.value == SCORE)]
    if node.kind != "object":
        raise IllegalArgument(
            "malformed sort format, within the sort array, an object, or an actual string are allowed"
        )
    return [_field(key, value) for key, value, _, _ in node.members]


def _field(name: str, node: JsonNode) -> SortKey:
    if name in ("_script", "_geo_distance"):
        refuse(f"sorting by [{name}] is not supported", node)
    if is_scalar(node):
        return SortKey(name, _descending(to_text(node)))
    if node.kind != "object":
        refuse(f"[field_sort] Expected START_OBJECT but was: {token(node)}", node)
    known = ("order",) if name == SCORE else _OPTIONS
    for key, _, line, col in node.members:
        if key not in known:
            raise unknown_member("_score" if name == SCORE else "field_sort", key, known, line, col)
    given = members(node)
    nested = given.get("nested")
    missing: Scalar = given["missing"].value if "missing" in given and is_scalar(given["missing"]) else "_last"
    mode = to_text(given["mode"]).lower() if "mode" in given else None
    if mode is not None and mode not in _MODES:
        raise IllegalArgument(f"Unknown SortMode [{mode}]")
    path = members(nested).get("path") if nested is not None and nested.kind == "object" else None
    return SortKey(
        field=name,
        descending=_descending(to_text(given["order"])) if "order" in given else name == SCORE,
        missing="_last" if missing is None else missing,
        mode=mode,
        unmapped=to_text(given["unmapped_type"]) if "unmapped_type" in given else None,
        nested=None if path is None else to_text(path),
        format=to_text(given["format"]) if "format" in given else None,
    )


def _descending(order: str) -> bool:
    if order.lower() not in ("asc", "desc"):
        raise IllegalArgument(f"No enum constant org.opensearch.search.sort.SortOrder.{order.upper()}")
    return order.lower() == "desc"


def bind_key(context: Context, key: SortKey) -> BoundKey:
    """Raises query_shard_exception for an unknown field, IllegalArgument for a text field (spec/01 1.16)."""
    if key.field == SCORE:
        return BoundKey(key, None, lambda entry, score: shown(score))
    if key.field == ORDER:
        return BoundKey(key, None, lambda entry, score: entry.document.revision)
    field = context.corpus.field(key.field)
    if field is None or field.type in (Type.OBJECT, Type.NESTED):
        if key.unmapped is None:
            raise context.fault(f"No mapping found for [{key.field}] in order to sort on")
        return BoundKey(key, None, lambda entry, score: None)
    refuse_text(field)
    if key.mode in _ARITHMETIC and field.type not in _NUMERIC:
        raise IllegalArgument(f"Unsupported sort mode [{key.mode}] for field [{key.field}] of type [{field.type}]")
    values = _values(context, field, key)
    pick = _MODES[key.mode or ("max" if key.descending else "min")]
    substitute = _substitute(field, key, context)

    def value(entry: Entry, score: float) -> Any:
        found = values(entry)
        if not found:
            return substitute
        picked = pick(found)
        return picked if key.mode not in _ARITHMETIC or field.type is Type.FLOAT else round(picked)

    return BoundKey(key, field.type, value)


def refuse_text(field: Field) -> None:
    """Words of a text are not values: no sorting, no aggregation, no doc values."""
    if field.type is Type.TEXT:
        raise IllegalArgument(
            "Text fields are not optimised for operations that require per-document field data like aggregations and "
            "sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, "
            f"set fielddata=true on [{field.path}] in order to load field data by uninverting the inverted index. Note "
            "that this can use significant memory."
        )


def _values(context: Context, field: Field, key: SortKey) -> Callable[[Entry], Sequence[Any]]:
    if key.nested is None or field.nested != key.nested:
        return lambda entry: context.corpus.values(entry, field)
    inside = context.nested(key.nested).corpus
    found: dict[str, list[Scalar]] = {}
    for inner in inside.entries:
        found.setdefault(inner.document.id, []).extend(inside.values(inner, field))
    return lambda entry: found.get(entry.document.id, [])


def _substitute(field: Field, key: SortKey, context: Context) -> Scalar | None:
    if key.missing in ("_last", "_first"):
        return None
    try:
        return coerce(field, key.missing, context.now_ms)
    except FairleadError as fault:
        raise IllegalArgument(f"Failed to parse [missing] of [{key.field}]: {fault.reason}") from fault


Hit = tuple[Entry, float, tuple[Any, ...]]
"""An entry, its score, and its values of the sort keys."""


def order(hits: list[Hit], keys: Sequence[BoundKey]) -> list[Hit]:
    """Stable: equal hits stay in the order of their last write."""
    for at in range(len(keys) - 1, -1, -1):
        key = keys[at]
        present = [hit for hit in hits if hit[2][at] is not None]
        absent = [hit for hit in hits if hit[2][at] is None]
        present.sort(key=lambda hit: hit[2][at], reverse=key.key.descending)
        hits = absent + present if key.missing_first else present + absent
    return hits


def after(hits: list[Hit], keys: Sequence[BoundKey], values: Sequence[Any]) -> list[Hit]:
    """The hits that come after these values of the keys."""

    def later(hit: Hit) -> bool:
        for key, mine, theirs in zip(keys, hit[2], values, strict=True):
            way = key.compare(mine, theirs)
            if way:
                return way > 0
        return False

    return [hit for hit in hits if later(hit)]


def after_values(context: Context, keys: Sequence[BoundKey], given: Sequence[Any]) -> list[Any]:
    """The values of `search_after` in the form of the keys'. Raises IllegalArgument."""
    if not keys:
        raise IllegalArgument("Sort must contain at least one field.")
    if len(given) != len(keys):
        raise IllegalArgument(f"search_after has {len(given)} value(s) but sort has {len(keys)}.")
    return [_after_value(context, key, value) for key, value in zip(keys, given, strict=True)]


def _after_value(context: Context, key: BoundKey, value: Any) -> Any:
    if value is None or (key.type in _NUMERIC and value in (LONG_MAX, LONG_MIN, "Infinity", "-Infinity")):
        return None
    field = context.corpus.field(key.key.field) if key.type is not None else None
    try:
        if field is not None:
            return coerce(field, bool(value) if field.type is Type.BOOLEAN else value, context.now_ms)
        number = float(value)
    except (FairleadError, TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise IllegalArgument(f"Failed to parse search_after value for field [{key.key.field}].")
    return number


def needs_scores(keys: Sequence[SortKey]) -> bool:
    return any(key.field == SCORE for key in keys)


def by_relevance(keys: Sequence[SortKey]) -> bool:
    """Whether the order is that of the scores alone, for which hits show no `sort`."""
    return not keys or (len(keys) == 1 and keys[0].field == SCORE and keys[0].descending)
