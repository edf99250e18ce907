"""The body of a search request by a table of keys; refuses keys that have no row, and says which it does not support."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairlead.errors import IllegalArgument, TokenMismatch
from fairlead.search.aggregations import parse_aggregations
from fairlead.search.clauses import parse_query
from fairlead.search.mapping import Mapping
from fairlead.search.node import JsonNode, is_scalar, to_bool, to_float, to_int, token
from fairlead.search.search import Search
from fairlead.search.sort import parse_sort
from fairlead.search.source_filter import parse_fields, parse_source
from fairlead.search.term_level import MatchAll

SCALAR = frozenset({"string", "number", "true", "false", "null"})
OBJECT = frozenset({"object"})
ARRAY = frozenset({"array"})


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key of the body: the kinds of value it takes, and what it sets; `sets` None: read and not needed. A key that is
    not `supported` is known and refused."""

    name: str
    kinds: frozenset[str]
    sets: str | None
    parse: Callable[[JsonNode], Any]
    supported: bool = True


def _not_negative(name: str) -> Callable[[JsonNode], int]:
    def parse(node: JsonNode) -> int:
        number = to_int(node)
        if number < 0:
            raise IllegalArgument(f"[{name}] parameter cannot be negative, found [{number}]")
        return number

    return parse


def _counted(node: JsonNode) -> int | None:
    if node.kind in ("true", "false") or node.value in ("true", "false"):
        return None if to_bool(node) else 0
    number = to_int(node)
    if number < -1:
        raise IllegalArgument(f"[track_total_hits] parameter must be positive or equals to -1, got {number}")
    return None if number == -1 else number


def _ignored(node: JsonNode) -> None:
    return None


def _only_false(name: str) -> Callable[[JsonNode], None]:
    def parse(node: JsonNode) -> None:
        if to_bool(node):
            raise IllegalArgument(f"[{name}] is not supported")

    return parse


def _unsupported(name: str) -> Callable[[JsonNode], None]:
    def parse(node: JsonNode) -> None:
        raise IllegalArgument(f"[{name}] is not supported")

    return parse


def _after(node: JsonNode) -> tuple[Any, ...]:
    for item in node.items:
        if not is_scalar(item):
            raise TokenMismatch(
                f"Expected [VALUE_STRING] or [VALUE_NUMBER] or [VALUE_BOOLEAN] or [VALUE_NULL] but found [{token(item)}]"
                " inside search_after.",
                item.line,
                item.col,
            )
    if not node.items:
        raise IllegalArgument("Values must contains at least one value.")
    return tuple(item.value for item in node.items)


KEYS: tuple[KeyRow, ...] = (
    KeyRow("from", SCALAR, "start", _not_negative("from")),
    KeyRow("size", SCALAR, "size", _not_negative("size")),
    KeyRow("query", OBJECT, "query", parse_query),
    KeyRow("post_filter", OBJECT, "post_filter", parse_query),
    KeyRow("sort", SCALAR | OBJECT | ARRAY, "sort", parse_sort),
    KeyRow("search_after", ARRAY, "after", _after),
    KeyRow("_source", SCALAR | OBJECT | ARRAY, "source", parse_source),
    KeyRow("fields", ARRAY, "fields", lambda node: parse_fields("fields", node)),
    KeyRow("docvalue_fields", ARRAY, "doc_values", lambda node: parse_fields("docvalue_fields", node)),
    KeyRow("stored_fields", SCALAR | ARRAY, None, _ignored),
    KeyRow("aggs", OBJECT, "aggregations", parse_aggregations),
    KeyRow("aggregations", OBJECT, "aggregations", parse_aggregations),
    KeyRow("track_total_hits", SCALAR, "counted", _counted),
    KeyRow("track_scores", SCALAR, "track_scores", to_bool),
    KeyRow("min_score", SCALAR, "min_score", to_float),
    KeyRow("version", SCALAR, None, to_bool),
    KeyRow("seq_no_primary_term", SCALAR, None, to_bool),
    KeyRow("timeout", SCALAR, None, _ignored),
    KeyRow("terminate_after", SCALAR, None, to_int),
    KeyRow("stats", ARRAY, None, _ignored),
    KeyRow("include_named_queries_score", SCALAR, None, to_bool),
    KeyRow("verbose_pipeline", SCALAR, None, to_bool),
    KeyRow("explain", SCALAR, None, _only_false("explain")),
    KeyRow("profile", SCALAR, None, _only_false("profile")),
    *(
        KeyRow(name, kinds, None, _unsupported(name), supported=False)
        for name, kinds in (
            ("highlight", OBJECT),
            ("suggest", OBJECT),
            ("rescore", OBJECT | ARRAY),
            ("script_fields", OBJECT),
            ("collapse", OBJECT),
            ("slice", OBJECT),
            ("pit", OBJECT),
            ("derived", OBJECT),
            ("ext", OBJECT),
            ("indices_boost", OBJECT | ARRAY),
            ("search_pipeline", OBJECT | SCALAR),
        )
    ),
)
BY_NAME = {row.name: row for row in KEYS}


def parse_search(body: JsonNode, mapping: Mapping) -> Search:
    """The search that a body asks for. Raises the refusals of spec/01 1.16, at the first offending token."""
    if body.kind != "object":
        raise TokenMismatch(f"Expected [START_OBJECT] but found [{token(body)}]", body.line, body.col)
    given: dict[str, Any] = {}
    for key, value, _, _ in body.members:
        row = BY_NAME.get(key)
        if row is None or value.kind not in row.kinds or (value.kind == "null" and key in ("size", "from")):
            raise TokenMismatch(f"Unknown key for a {token(value)} in [{key}].", value.line, value.col)
        result = row.parse(value)
        if row.sets is not None:
            given[row.sets] = result
    given.setdefault("query", MatchAll())
    return Search(mapping=mapping, **given)
