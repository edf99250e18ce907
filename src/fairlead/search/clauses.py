"""The table of clauses, and the parsing of a query by it; refuses clauses that have no row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.errors import IllegalArgument, NamedObjectNotFound, TokenMismatch
from fairlead.search import (
    compound,
    match,
    multi_match,
    query_string,
    ranges,
    simple_query_string,
    term_level,
    term_patterns,
)
from fairlead.search.clause import Clause
from fairlead.search.node import JsonNode, closing, did_you_mean, refuse

MAX_NESTING = 100
"""Queries inside queries."""

ParseInner = compound.ParseInner


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """A clause's name, its parser, and one line for the documentation."""

    name: str
    parse: Callable[[JsonNode, ParseInner], Clause]
    doc: str


def _leaf(parse: Callable[[JsonNode], Clause]) -> Callable[[JsonNode, ParseInner], Clause]:
    return lambda node, inner: parse(node)


CLAUSES: tuple[ClauseRow, ...] = (
    ClauseRow("match_all", _leaf(term_level.parse_match_all), "every document, score 1"),
    ClauseRow("match_none", _leaf(term_level.parse_match_none), "no document"),
    ClauseRow("match", _leaf(match.parse_match), "any of the words of a text; `operator: and` for all"),
    ClauseRow("match_bool_prefix", _leaf(match.parse_match_bool_prefix), "words, the last one as a prefix"),
    ClauseRow("match_phrase", _leaf(match.parse_match_phrase), "words one after the other"),
    ClauseRow("match_phrase_prefix", _leaf(match.parse_match_phrase_prefix), "a phrase, its last word a prefix"),
    ClauseRow("multi_match", _leaf(multi_match.parse_multi_match), "a text in several fields"),
    ClauseRow("term", _leaf(term_level.parse_term), "an exact value"),
    ClauseRow("terms", _leaf(term_level.parse_terms), "one of several exact values"),
    ClauseRow("range", _leaf(ranges.parse_range), "values between bounds; dates with date math"),
    ClauseRow("exists", _leaf(term_level.parse_exists), "a field that has a value"),
    ClauseRow("prefix", _leaf(term_patterns.parse_prefix), "values that start with a text"),
    ClauseRow("wildcard", _leaf(term_patterns.parse_wildcard), "values that match a pattern with `*` and `?`"),
    ClauseRow("regexp", _leaf(term_patterns.parse_regexp), "values that match a Lucene regular expression"),
    ClauseRow("fuzzy", _leaf(term_patterns.parse_fuzzy), "values within a few edits"),
    ClauseRow("ids", _leaf(term_level.parse_ids), "documents by id"),
    ClauseRow("query_string", _leaf(query_string.parse_query_string), "a query in Lucene's syntax"),
    ClauseRow("simple_query_string", _leaf(simple_query_string.parse_simple_query_string), "a query that never fails"),
    ClauseRow("bool", compound.parse_bool, "must, filter, should and must_not"),
    ClauseRow("nested", compound.parse_nested, "a query on the objects of a nested field"),
    ClauseRow("constant_score", compound.parse_constant_score, "a filter with a fixed score"),
    ClauseRow("dis_max", compound.parse_dis_max, "the best of several queries"),
    ClauseRow("boosting", compound.parse_boosting, "a query, scored down where another matches"),
)

BY_NAME = {row.name: row for row in CLAUSES}


def parse_query(node: JsonNode, depth: int = 0) -> Clause:
    """The query `{"name": {...}}`. Raises what spec/01 1.16 lists, at the place of the offending token."""
    if depth > MAX_NESTING:
        raise IllegalArgument(f"The nested depth of the query exceeds the maximum nested depth of [{MAX_NESTING}]")
    if node.kind != "object":
        refuse("[_na] query malformed, must start with start_object", node)
    if not node.members:
        line, col = closing(node)
        raise IllegalArgument(f"query malformed, empty clause found at [{line}:{col}]")
    name, body, _, _ = node.members[0]
    if body.kind != "object":
        refuse(f"[{name}] query malformed, no start_object after query name", body)
    row = BY_NAME.get(name)
    if row is None:
        cause = NamedObjectNotFound(f"[{body.line}:{body.col}] unknown field [{name}]")
        raise TokenMismatch(f"unknown query [{name}]{did_you_mean(name, BY_NAME)}", body.line, body.col, cause)
    clause = row.parse(body, lambda inner: parse_query(inner, depth + 1))
    if len(node.members) > 1:
        _, _, line, col = node.members[1]
        raise TokenMismatch(f"[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]", line, col)
    return clause
