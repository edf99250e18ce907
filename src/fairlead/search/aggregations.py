"""Aggregations over the documents that match: buckets and metrics in one table; refuses scripts and pipelines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairlead.domain.ports import Json
from fairlead.errors import IllegalArgument, NamedObjectNotFound, TokenMismatch
from fairlead.search.clause import Clause
from fairlead.search.clauses import parse_query
from fairlead.search.context import Context
from fairlead.search.corpus import Entry, Field, Scalar, coerce, number_of
from fairlead.search.dates import show
from fairlead.search.mapping import NUMBERS, Type
from fairlead.search.node import (
    JsonNode,
    decimal,
    did_you_mean,
    is_scalar,
    members,
    refuse,
    refuse_at_end,
    to_int,
    to_text,
    token,
)
from fairlead.search.sort import refuse_text

MAX_BUCKETS = 65_535
MAX_DEPTH = 20
_NUMBER = Field("missing", "missing", Type.LONG)
_NAME = re.compile(r"[^\[\]>]+")


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One aggregation as parsed; `inner` are the aggregations of each of its buckets."""

    kind: AggregationRow
    field: str | None = None
    missing: Scalar | None = None
    size: int = 10
    min_doc_count: int = 1
    order: tuple[tuple[str, bool], ...] = (("_count", True), ("_key", False))
    query: Clause | None = None
    inner: tuple[tuple[str, Aggregation], ...] = ()
    meta: Json | None = None


@dataclass(frozen=True, slots=True)
class AggregationRow:
    """A kind of aggregation: what it takes, how it is computed, one line for the documentation."""

    name: str
    options: tuple[str, ...]
    compute: Callable[[Context, Sequence[Entry], Aggregation], Json]
    doc: str
    buckets: bool = False


def aggregate(
    context: Context, entries: Sequence[Entry], aggregations: Sequence[tuple[str, Aggregation]]
) -> dict[str, Json]:
    """The results by name. Raises IllegalArgument and query_shard_exception as the search does."""
    results: dict[str, Json] = {}
    for name, aggregation in aggregations:
        result = aggregation.kind.compute(context, entries, aggregation)
        results[name] = result if aggregation.meta is None else {"meta": aggregation.meta, **result}
    return results


def _field(context: Context, aggregation: Aggregation) -> Field | None:
    found = context.corpus.field(aggregation.field or "")
    if found is None or found.type in (Type.OBJECT, Type.NESTED):
        return None
    refuse_text(found)
    return found


def _values(context: Context, entry: Entry, field: Field | None, aggregation: Aggregation) -> list[Scalar]:
    found = [] if field is None else context.corpus.values(entry, field)
    if found or aggregation.missing is None:
        return found
    if field is None:
        missing = aggregation.missing
        return [number_of(_NUMBER, missing) if isinstance(missing, int | float) else missing]
    return [coerce(field, aggregation.missing, context.now_ms)]


def _terms(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> Json:
    field = _field(context, aggregation)
    groups: dict[Scalar, list[Entry]] = {}
    for entry in entries:
        for value in dict.fromkeys(_values(context, entry, field, aggregation)):
            groups.setdefault(value, []).append(entry)
    buckets = [
        (key, members, aggregate(context, members, aggregation.inner))
        for key, members in groups.items()
        if len(members) >= aggregation.min_doc_count
    ]
    for by, descending in reversed(aggregation.order):
        buckets.sort(key=_bucket_key(by, aggregation), reverse=descending)
    kept, rest = buckets[: aggregation.size], buckets[aggregation.size :]
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": sum(len(members) for _, members, _ in rest),
        "buckets": [{**_key(field, key), "doc_count": len(members), **inner} for key, members, inner in kept],
    }


def _bucket_key(by: str, aggregation: Aggregation) -> Callable[[tuple[Any, list[Entry], dict[str, Json]]], Any]:
    if by == "_count":
        return lambda bucket: len(bucket[1])
    if by in ("_key", "_term"):
        return lambda bucket: bucket[0]
    name, _, part = by.partition(".")
    if name not in dict(aggregation.inner):
        raise IllegalArgument(
            f"Invalid aggregation order path [{by}]. The provided aggregation [{name}] does not exist, or is a pipeline "
            "aggregation and cannot be used to sort the buckets."
        )

    def value(bucket: tuple[Any, list[Entry], dict[str, Json]]) -> float:
        found = bucket[2][name].get(part or "value", bucket[2][name].get("doc_count"))
        return float("-inf") if found is None else float(found)

    return value


def _key(field: Field | None, key: Scalar) -> Json:
    if field is not None and field.type is Type.DATE:
        return {"key": key, "key_as_string": show(int(key))}
    if isinstance(key, bool):
        return {"key": int(key), "key_as_string": "true" if key else "false"}
    return {"key": key}


def _filter(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> Json:
    assert aggregation.query is not None
    matcher = aggregation.query.bind(context.without_scores())
    kept = [entry for entry in entries if matcher(entry) is not None]
    return {"doc_count": len(kept), **aggregate(context, kept, aggregation.inner)}


def _missing(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> Json:
    field = _field(context, aggregation)
    kept = [entry for entry in entries if field is None or not context.corpus.values(entry, field)]
    return {"doc_count": len(kept), **aggregate(context, kept, aggregation.inner)}


def _value_count(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> Json:
    field = _field(context, aggregation)
    return {"value": sum(len(_values(context, entry, field, aggregation)) for entry in entries)}


def _cardinality(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> Json:
    field = _field(context, aggregation)
    return {"value": len({value for entry in entries for value in _values(context, entry, field, aggregation)})}


def _numbers(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> tuple[Field | None, list[float]]:
    field = _field(context, aggregation)
    if field is not None and field.type not in NUMBERS and field.type not in (Type.DATE, Type.BOOLEAN):
        raise IllegalArgument(
            f"Field [{field.path}] of type [{field.type}] is not supported for aggregation [{aggregation.kind.name}]"
        )
    found = [value for entry in entries for value in _values(context, entry, field, aggregation)]
    return field, [decimal(str(value)) if isinstance(value, str) else float(value) for value in found]


def _metric(of: Callable[[list[float]], float | None]) -> Callable[[Context, Sequence[Entry], Aggregation], Json]:
    def compute(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> Json:
        field, numbers = _numbers(context, entries, aggregation)
        value = of(numbers)
        if value is not None and field is not None and field.type is Type.DATE and aggregation.kind.name != "sum":
            return {"value": value, "value_as_string": show(int(value))}
        return {"value": value}

    return compute


def _stats(context: Context, entries: Sequence[Entry], aggregation: Aggregation) -> Json:
    _, numbers = _numbers(context, entries, aggregation)
    return {
        "count": len(numbers),
        "min": min(numbers, default=None),
        "max": max(numbers, default=None),
        "avg": _average(numbers),
        "sum": float(sum(numbers)),
    }


def _average(numbers: list[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


_OF_FIELD = ("field", "missing", "format", "value_type")
AGGREGATIONS: tuple[AggregationRow, ...] = (
    AggregationRow(
        "terms",
        (
            *(*_OF_FIELD, "size", "shard_size", "order", "min_doc_count", "shard_min_doc_count"),
            *("show_term_doc_count_error", "execution_hint", "collect_mode"),
        ),
        _terms,
        "a bucket for each value, the most frequent first",
        buckets=True,
    ),
    AggregationRow("filter", (), _filter, "the documents that also match a query", buckets=True),
    AggregationRow("missing", ("field", "missing"), _missing, "the documents without the field", buckets=True),
    AggregationRow("value_count", _OF_FIELD, _value_count, "how many values"),
    AggregationRow(
        "cardinality", (*_OF_FIELD, "precision_threshold", "execution_hint"), _cardinality, "how many different values"
    ),
    AggregationRow("min", _OF_FIELD, _metric(lambda numbers: min(numbers, default=None)), "the least number or date"),
    AggregationRow("max", _OF_FIELD, _metric(lambda numbers: max(numbers, default=None)), "the greatest"),
    AggregationRow("avg", _OF_FIELD, _metric(_average), "the mean"),
    AggregationRow("sum", _OF_FIELD, _metric(lambda numbers: float(sum(numbers))), "the sum, 0 without values"),
    AggregationRow("stats", _OF_FIELD, _stats, "count, min, max, avg and sum"),
)
BY_NAME = {row.name: row for row in AGGREGATIONS}


@dataclass(slots=True)
class _Parts:
    """What the object of one aggregation holds."""

    kind: str | None = None
    body: JsonNode | None = None
    inner: tuple[tuple[str, Aggregation], ...] = ()
    meta: Json | None = field(default=None)


def parse_aggregations(node: JsonNode, depth: int = 0) -> tuple[tuple[str, Aggregation], ...]:
    """`{"name": {"terms": {...}, "aggs": {...}}}`. Raises the texts of OpenSearch's parser."""
    if depth > MAX_DEPTH:
        raise IllegalArgument(f"aggregations may be nested {MAX_DEPTH} deep")
    made: list[tuple[str, Aggregation]] = []
    for name, body, line, col in node.members:
        if not _NAME.fullmatch(name):
            raise TokenMismatch(
                f"Invalid aggregation name [{name}]. Aggregation names can contain any character except '[', ']', and "
                "'>'",
                line,
                col,
            )
        if body.kind != "object":
            refuse(
                "Aggregation definition for [" + name + f"] starts with a [{token(body)}], expected a [START_OBJECT].",
                body,
            )
        made.append((name, _one(name, body, depth)))
    return tuple(made)


def _one(name: str, node: JsonNode, depth: int) -> Aggregation:
    parts = _Parts()
    for key, value, _, _ in node.members:
        if value.kind != "object":
            refuse(
                f"Expected [START_OBJECT] under [{key}], but got a [{token(value)}] in [{name}]",
                value,
            )
        if key in ("aggs", "aggregations"):
            parts.inner = parse_aggregations(value, depth + 1)
        elif key == "meta":
            parts.meta = value.plain()
        elif parts.kind is not None:
            refuse(f"Found two aggregation type definitions in [{name}]: [{parts.kind}] and [{key}]", value)
        else:
            if key not in BY_NAME:
                cause = NamedObjectNotFound(f"[{value.line}:{value.col}] unknown field [{key}]")
                reason = f"Unknown aggregation type [{key}]{did_you_mean(key, BY_NAME)}"
                raise TokenMismatch(reason, value.line, value.col, cause)
            parts.kind, parts.body = key, value
    if parts.kind is None or parts.body is None:
        refuse_at_end(f"Missing definition for aggregation [{name}]", node)
    row = BY_NAME[parts.kind]
    if parts.inner and not row.buckets:
        refuse_at_end(f"Aggregator [{name}] of type [{row.name}] cannot accept sub-aggregations", node)
    return _definition(row, parts.body, parts)


def _definition(row: AggregationRow, body: JsonNode, parts: _Parts) -> Aggregation:
    if row.name == "filter":
        return Aggregation(row, query=parse_query(body), inner=parts.inner, meta=parts.meta)
    for key, value, line, col in body.members:
        if key not in row.options:
            hint = did_you_mean(key, row.options)
            raise TokenMismatch(f"[{line}:{col}] [{row.name}] unknown field [{key}]{hint}", value.line, value.col)
    given = members(body)
    if "field" not in given or not is_scalar(given["field"]):
        raise IllegalArgument("Required one of fields [field, script], but none were specified. ")
    missing = given["missing"].value if "missing" in given and is_scalar(given["missing"]) else None
    size = to_int(given["size"]) if "size" in given else 10
    if size <= 0:
        raise IllegalArgument(f"[size] must be greater than 0. Found [{size}] in [{row.name}]")
    return Aggregation(
        row,
        field=to_text(given["field"]),
        missing=missing,
        size=min(size, MAX_BUCKETS),
        min_doc_count=max(1, to_int(given["min_doc_count"])) if "min_doc_count" in given else 1,
        order=_order(given["order"]) if "order" in given else (("_count", True), ("_key", False)),
        inner=parts.inner,
        meta=parts.meta,
    )


def _order(node: JsonNode) -> tuple[tuple[str, bool], ...]:
    found: list[tuple[str, bool]] = []
    for item in node.items if node.kind == "array" else [node]:
        if item.kind != "object" or len(item.members) != 1:
            refuse("Must specify at least one field for [order]", item)
        by, way, _, _ = item.members[0]
        direction = to_text(way).lower()
        if direction not in ("asc", "desc"):
            refuse("Unknown order direction [" + to_text(way) + "]", way)
        found.append((by, direction == "desc"))
    if not any(by == "_key" for by, _ in found):
        found.append(("_key", False))
    return tuple(found)
