"""Clauses on whole values: match_all, match_none, ids, term, terms, exists; refuses text analysis."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.errors import FairleadError, IllegalArgument, TokenMismatch
from fairlead.search.analysis import lower
from fairlead.search.clause import BOTH, Clause, any_of, term_matcher
from fairlead.search.context import Context, Matcher, constant, matches_nothing
from fairlead.search.corpus import Entry, Field, Scalar, coerce
from fairlead.search.glob import compile_star
from fairlead.search.mapping import Type
from fairlead.search.node import (
    JsonNode,
    is_scalar,
    members,
    options,
    refuse,
    refuse_at_end,
    to_bool,
    to_float,
    to_text,
    unknown_member,
)

MAX_TERMS = 65_536
"""`index.max_terms_count`."""


def boost_of(given: dict[str, JsonNode]) -> float:
    boost = to_float(given["boost"]) if "boost" in given else 1.0
    if boost < 0:
        raise IllegalArgument(
            f"negative [boost] are not allowed in [query], got: [{boost}], use a value between 0 and 1"
        )
    return boost


def name_of(given: dict[str, JsonNode]) -> str | None:
    return to_text(given["_name"]) if "_name" in given else None


def one_field(clause: str, node: JsonNode) -> tuple[str, JsonNode] | None:
    """The single field of `{"field": ...}`, beside which `boost` and `_name` may not stand; None when there is none.

    Raises a parsing_exception for two fields.
    """
    found: tuple[str, JsonNode] | None = None
    for key, value, _, _ in node.members:
        if found is not None:
            refuse(f"[{clause}] query doesn't support multiple fields, found [{found[0]}] and [{key}]", value)
        found = (key, value)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchAll(Clause):
    def matcher(self, context: Context) -> Matcher:
        return constant(1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchNone(Clause):
    def matcher(self, context: Context) -> Matcher:
        return matches_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids(Clause):
    ids: frozenset[str]

    def matcher(self, context: Context) -> Matcher:
        return lambda entry: 1.0 if entry.document.id in self.ids else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Clause):
    field: str
    value: Scalar
    fold: bool = False

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.field)
        if field is None or field.type in (Type.OBJECT, Type.NESTED):
            return matches_nothing
        try:
            term = coerce(field, self.value, context.now_ms)
        except FairleadError as fault:
            raise context.failed(fault) from fault
        if not self.fold:
            return term_matcher(context, field, term)
        folded = lower(str(term))
        terms = context.corpus.terms
        return lambda entry: 1.0 if any(lower(str(each)) == folded for each in terms(entry, field)) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Clause):
    field: str
    values: tuple[Scalar, ...]

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.field)
        if len(self.values) > MAX_TERMS:
            raise context.failed(
                IllegalArgument(
                    f"The number of terms [{len(self.values)}] used in the Terms Query request has exceeded the allowed "
                    f"maximum of [{MAX_TERMS}]. This maximum can be set by changing the [index.max_terms_count] index "
                    "level setting."
                )
            )
        if field is None or field.type in (Type.OBJECT, Type.NESTED):
            return matches_nothing
        try:
            wanted = frozenset(coerce(field, value, context.now_ms) for value in self.values)
        except FairleadError as fault:
            raise context.failed(fault) from fault
        terms = context.corpus.terms
        return lambda entry: None if wanted.isdisjoint(terms(entry, field)) else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists(Clause):
    """A value that is not null in the field, in any field of an object, or in any field of a pattern."""

    field: str

    def matcher(self, context: Context) -> Matcher:
        corpus = context.corpus
        if "*" in self.field:
            pattern = compile_star(self.field)
            paths = [path for path in corpus.paths() if pattern.matches(path)]
        else:
            found = corpus.field(self.field)
            if found is not None and found.type is Type.OBJECT:
                paths = [path for path in corpus.paths() if path.startswith(self.field + ".")]
            else:
                paths = [self.field] if found is not None else []
        return any_of(
            [self._has(context, field) for path in paths if (field := corpus.field(path))] or [matches_nothing]
        )

    @staticmethod
    def _has(context: Context, field: Field) -> Matcher:
        values = context.corpus.values

        def match(entry: Entry) -> float | None:
            return 1.0 if values(entry, field) else None

        return match


def parse_match_all(node: JsonNode) -> Clause:
    given = _listed("match_all", node)
    return MatchAll(boost=boost_of(given), name=name_of(given))


def parse_match_none(node: JsonNode) -> Clause:
    given = _listed("match_none", node)
    return MatchNone(boost=boost_of(given), name=name_of(given))


def _listed(clause: str, node: JsonNode, *known: str) -> dict[str, JsonNode]:
    for key, value, line, col in node.members:
        if key not in (*known, *BOTH):
            fault = unknown_member(clause, key, (*known, *BOTH), line, col)
            raise TokenMismatch(str(fault), value.line, value.col, fault)
    return dict(members(node))


def parse_ids(node: JsonNode) -> Clause:
    given = _listed("ids", node, "type", "values")
    values = given.get("values")
    if values is None:
        return Ids(ids=frozenset(), boost=boost_of(given), name=name_of(given))
    ids = frozenset(to_text(item) for item in (values.items if values.kind == "array" else [values]))
    return Ids(ids=ids, boost=boost_of(given), name=name_of(given))


def parse_term(node: JsonNode) -> Clause:
    found = one_field("term", node)
    if found is None:
        raise IllegalArgument("field name is null or empty")
    field, value = found
    given: dict[str, JsonNode] = {}
    if value.kind == "array":
        refuse("[term] query does not support array of values", value)
    if value.kind == "object":
        given = options("term", value, ("value", "term", "case_insensitive", *BOTH))
        value = given.get("value") or given.get("term") or value
        if not is_scalar(value) and value.kind == "array":
            refuse("[term] query does not support array of values", value)
    if value.kind in ("object", "null"):
        raise IllegalArgument("value cannot be null")
    if not field:
        raise IllegalArgument("field name is null or empty")
    fold = to_bool(given["case_insensitive"]) if "case_insensitive" in given else False
    return Term(field=field, value=value.value, fold=fold, boost=boost_of(given), name=name_of(given))


def parse_terms(node: JsonNode) -> Clause:
    field: str | None = None
    values: list[Scalar] = []
    for key, value, _, _ in node.members:
        if value.kind == "array":
            if field is not None:
                refuse("[terms] query does not support multiple fields", value)
            field = key
            for item in value.items:
                if not is_scalar(item) or item.kind == "null":
                    refuse("No value specified for terms query", item)
                values.append(item.value)
        elif value.kind == "object":
            refuse("[terms] query does not support a document lookup here: list the values", value)
        elif key not in (*BOTH, "value_type"):
            refuse(f"[terms] query does not support [{key}]", value)
    if field is None:
        refuse_at_end(
            "[terms] query requires a field name, followed by array of terms or a document lookup specification", node
        )
    given = {key: value for key, value, _, _ in node.members if key in BOTH and is_scalar(value)}
    return Terms(field=field, values=tuple(values), boost=boost_of(given), name=name_of(given))


def parse_exists(node: JsonNode) -> Clause:
    given = options("exists", node, ("field", *BOTH))
    if "field" not in given:
        refuse_at_end("[exists] must be provided with a [field]", node)
    field = to_text(given["field"])
    if not field:
        raise IllegalArgument("field name is null or empty")
    return Exists(field=field, boost=boost_of(given), name=name_of(given))
