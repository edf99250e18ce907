"""Clauses made of clauses: bool, constant_score, dis_max, boosting, nested; refuses endless nesting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.errors import FairleadError, IllegalArgument, IllegalState, XContentParse
from fairlead.search.clause import BOTH, Clause, at_least, best_of, required
from fairlead.search.context import Context, Matcher, constant, matches_nothing
from fairlead.search.corpus import Entry
from fairlead.search.mapping import Type
from fairlead.search.node import (
    JsonNode,
    is_scalar,
    members,
    options,
    position_of,
    refuse,
    refuse_at_end,
    to_bool,
    to_float,
    to_text,
    unknown_member,
)
from fairlead.search.scoring import f32
from fairlead.search.term_level import boost_of, name_of

ParseInner = Callable[[JsonNode], Clause]
"""Parses a query that stands inside another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool(Clause):
    """All of `must` and `filter`, none of `must_not`, and of `should` as many as `minimum` says (spec/01 1.16)."""

    must: tuple[Clause, ...] = ()
    filter: tuple[Clause, ...] = ()
    should: tuple[Clause, ...] = ()
    must_not: tuple[Clause, ...] = ()
    minimum: str | None = None

    def matcher(self, context: Context) -> Matcher:
        if not (self.must or self.filter or self.should or self.must_not):
            return constant(1.0)
        silent = context.without_scores()
        must = [clause.bind(context) for clause in self.must]
        should = [clause.bind(context) for clause in self.should]
        required_ones = [clause.bind(silent) for clause in self.filter]
        forbidden = [clause.bind(silent) for clause in self.must_not]
        if self.minimum is not None:
            minimum = required(self.minimum, len(should))
        else:
            minimum = 0 if must or required_ones else min(1, len(should))
        enough = at_least(should, minimum) if should else None
        if minimum > len(should):
            return matches_nothing

        def match(entry: Entry) -> float | None:
            total = 0.0
            for matcher in required_ones:
                if matcher(entry) is None:
                    return None
            for matcher in forbidden:
                if matcher(entry) is not None:
                    return None
            for matcher in must:
                score = matcher(entry)
                if score is None:
                    return None
                total += score
            if enough is not None:
                score = enough(entry)
                if score is None:
                    return None if minimum else f32(total)
                total += score
            return f32(total)

        return match


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantScore(Clause):
    inner: Clause

    def matcher(self, context: Context) -> Matcher:
        inner = self.inner.bind(context.without_scores())
        return lambda entry: None if inner(entry) is None else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DisMax(Clause):
    inner: tuple[Clause, ...]
    tie_breaker: float

    def matcher(self, context: Context) -> Matcher:
        return best_of([clause.bind(context) for clause in self.inner], self.tie_breaker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting(Clause):
    positive: Clause
    negative: Clause
    negative_boost: float

    def matcher(self, context: Context) -> Matcher:
        positive = self.positive.bind(context)
        negative = self.negative.bind(context.without_scores())

        def match(entry: Entry) -> float | None:
            score = positive(entry)
            if score is None or negative(entry) is None:
                return score
            return f32(score * self.negative_boost)

        return match


_JOIN: dict[str, Callable[[list[float]], float]] = {
    "avg": lambda scores: f32(sum(scores) / len(scores)),
    "sum": lambda scores: f32(sum(scores)),
    "min": min,
    "max": max,
    "none": lambda scores: 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested(Clause):
    """Entries with an object under `path` that matches `inner`; `mode` joins the scores of several."""

    path: str
    inner: Clause
    mode: str = "avg"
    ignore_unmapped: bool = False

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.path)
        if field is None or field.type is not Type.NESTED:
            if self.ignore_unmapped:
                return matches_nothing
            raise context.failed(IllegalState(f"[nested] failed to find nested object under path [{self.path}]"))
        inside = context.nested(self.path)
        matcher = self.inner.bind(inside)
        scores: dict[str, list[float]] = {}
        for entry in inside.corpus.entries:
            score = matcher(entry)
            if score is not None:
                scores.setdefault(entry.document.id, []).append(score)
        join = _JOIN[self.mode]
        joined = {id: join(found) for id, found in scores.items()}
        return lambda entry: joined.get(entry.document.id)


_LISTS = {"must": "must", "filter": "filter", "should": "should", "must_not": "must_not", "mustNot": "must_not"}
_BOOL_KEYS = (*_LISTS, "minimum_should_match", "adjust_pure_negative", *BOTH)


def parse_bool(node: JsonNode, inner: ParseInner) -> Clause:
    found: dict[str, list[Clause]] = {name: [] for name in _LISTS.values()}
    for key, value, line, col in node.members:
        if key not in _BOOL_KEYS:
            raise unknown_member("bool", key, _BOOL_KEYS, line, col)
        if key not in _LISTS:
            if not is_scalar(value):
                raise XContentParse(
                    f"[{line}:{col}] [bool] {key} doesn't support values of type: "
                    f"{'START_OBJECT' if value.kind == 'object' else 'START_ARRAY'}"
                )
            continue
        if is_scalar(value):
            shown = {"string": "VALUE_STRING", "number": "VALUE_NUMBER", "null": "VALUE_NULL"}
            raise XContentParse(
                f"[{line}:{col}] [bool] {key} doesn't support values of type: {shown.get(value.kind, 'VALUE_BOOLEAN')}"
            )
        for item in value.items if value.kind == "array" else [value]:
            try:
                found[_LISTS[key]].append(inner(item))
            except FairleadError as fault:
                at, column = position_of(fault, item)
                raise XContentParse(f"[{at}:{column}] [bool] failed to parse field [{key}]", cause=fault) from fault
    given = dict(members(node))
    minimum = given.get("minimum_should_match")
    if "adjust_pure_negative" in given:
        to_bool(given["adjust_pure_negative"])
    return Bool(
        must=tuple(found["must"]),
        filter=tuple(found["filter"]),
        should=tuple(found["should"]),
        must_not=tuple(found["must_not"]),
        minimum=None if minimum is None or minimum.kind == "null" else to_text(minimum),
        boost=boost_of(given),
        name=name_of(given),
    )


def parse_constant_score(node: JsonNode, inner: ParseInner) -> Clause:
    given = options("constant_score", node, ("filter", *BOTH))
    if "filter" not in given:
        refuse_at_end("[constant_score] requires a 'filter' element", node)
    if given["filter"].kind == "array":
        refuse("unexpected token [START_ARRAY]", given["filter"])
    return ConstantScore(inner=inner(given["filter"]), boost=boost_of(given), name=name_of(given))


def parse_dis_max(node: JsonNode, inner: ParseInner) -> Clause:
    given = options("dis_max", node, ("queries", "tie_breaker", *BOTH))
    queries = given.get("queries")
    items = [] if queries is None else queries.items if queries.kind == "array" else [queries]
    if not items:
        refuse_at_end("[dis_max] requires 'queries' field with at least one clause", node)
    return DisMax(
        inner=tuple(inner(item) for item in items),
        tie_breaker=to_float(given["tie_breaker"]) if "tie_breaker" in given else 0.0,
        boost=boost_of(given),
        name=name_of(given),
    )


def parse_boosting(node: JsonNode, inner: ParseInner) -> Clause:
    given = options("boosting", node, ("positive", "negative", "negative_boost", *BOTH))
    for key in ("positive", "negative"):
        if key not in given:
            refuse_at_end(f"[boosting] query requires '{key}' query to be set'", node)
    negative_boost = to_float(given["negative_boost"]) if "negative_boost" in given else -1.0
    if negative_boost < 0:
        refuse_at_end("[boosting] query requires 'negative_boost' to be set to be a positive value'", node)
    return Boosting(
        positive=inner(given["positive"]),
        negative=inner(given["negative"]),
        negative_boost=negative_boost,
        boost=boost_of(given),
        name=name_of(given),
    )


def parse_nested(node: JsonNode, inner: ParseInner) -> Clause:
    given = options("nested", node, ("path", "query", "score_mode", "ignore_unmapped", *BOTH))
    for key in ("query", "path"):
        if key not in given:
            raise IllegalArgument(f"[nested] requires '{key}' field")
    mode = to_text(given["score_mode"]) if "score_mode" in given else "avg"
    if mode not in _JOIN:
        raise IllegalArgument(f"No score mode for child query [{mode}] found")
    return Nested(
        path=to_text(given["path"]),
        inner=inner(given["query"]),
        mode=mode,
        ignore_unmapped=to_bool(given["ignore_unmapped"]) if "ignore_unmapped" in given else False,
        boost=boost_of(given),
        name=name_of(given),
    )
