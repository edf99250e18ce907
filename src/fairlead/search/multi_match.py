"""multi_match, and how one clause is spread over several fields; refuses fields that only look alike.

Field names may be patterns and carry boosts (`name^2`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fairlead.search.analysis import analyze
from fairlead.search.clause import Clause, all_of, any_of, at_least, best_of, boosted, required
from fairlead.search.context import Context, Matcher, matches_nothing
from fairlead.search.glob import compile_star
from fairlead.search.match import TEXT_OPTIONS, WORD_OPTIONS, Match, MatchPhrase, match_of
from fairlead.search.node import JsonNode, decimal, options, refuse, refuse_at_end, to_float, to_int, to_text
from fairlead.search.term_level import boost_of, name_of

FieldBoost = tuple[str, float]
"""A field name or pattern, and what its scores are multiplied by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrossFields(Clause):
    """One clause a field, made by `make`; `tie_breaker` joins the scores (1: they add up). Patterns may name fields."""

    fields: tuple[FieldBoost, ...]
    make: Callable[[str], Clause]
    tie_breaker: float = 0.0

    def matcher(self, context: Context) -> Matcher:
        matchers = [
            boosted(self.make(path).bind(context), boost if context.scoring else 1.0)
            for path, boost in expand(context, self.fields)
        ]
        if not matchers:
            return matches_nothing
        return any_of(matchers) if self.tie_breaker >= 1 else best_of(matchers, self.tie_breaker)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFields(Clause):
    """Each word in any of the fields; `every`: all words are needed."""

    fields: tuple[FieldBoost, ...]
    text: str
    every: bool
    minimum: str | None

    def matcher(self, context: Context) -> Matcher:
        words = analyze(self.text)
        if not words:
            return matches_nothing
        per_word = [AcrossFields(fields=self.fields, make=_lenient_match(word)).matcher(context) for word in words]
        if self.every:
            return all_of(per_word)
        return at_least(per_word, max(1, required(self.minimum or "1", len(per_word))))


def _lenient_match(word: str) -> Callable[[str], Clause]:
    return lambda path: Match(field=path, text=word, lenient=True)


def expand(context: Context, fields: Iterable[FieldBoost]) -> list[FieldBoost]:
    """The fields with patterns replaced by the fields they match."""
    found: dict[str, float] = {}
    for name, boost in fields:
        if "*" in name:
            pattern = compile_star(name)
            found |= {path: boost for path in context.corpus.paths() if pattern.matches(path) and path not in found}
        else:
            found[name] = boost
    return list(found.items())


def field_boost(text: str) -> FieldBoost:
    """`name^2` as name and boost. Raises NumberFormat."""
    name, caret, boost = text.partition("^")
    return (name, decimal(boost)) if caret else (text, 1.0)


_TIE_BREAKERS = {
    "best_fields": 0.0,
    "most_fields": 1.0,
    "cross_fields": 0.0,
    "phrase": 0.0,
    "phrase_prefix": 0.0,
    "bool_prefix": 1.0,
}
"""Types of multi_match, and how the scores of several fields are joined."""


def parse_multi_match(node: JsonNode) -> Clause:
    given = options("multi_match", node, (*TEXT_OPTIONS, *WORD_OPTIONS, "fields", "type", "tie_breaker", "slop"))
    query = given.get("query")
    if query is None or query.kind == "null":
        refuse_at_end("No text specified for multi_match query", node)
    kind = to_text(given["type"]) if "type" in given else "best_fields"
    if kind not in _TIE_BREAKERS:
        refuse(f"failed to parse [multi_match] query type [{kind}]. unknown type.", given["type"])
    fields = _fields(given)
    match = match_of("*", query, given)
    match = replace(match, lenient=match.lenient or any("*" in name for name, _ in fields), boost=1.0, name=None)
    outer = {"boost": boost_of(given), "name": name_of(given)}
    if kind == "cross_fields":
        return CrossFields(fields=fields, text=to_text(query), every=match.every, minimum=match.minimum, **outer)  # type: ignore[arg-type]
    slop = to_int(given["slop"]) if "slop" in given else 0

    def make(path: str) -> Clause:
        if kind in ("phrase", "phrase_prefix"):
            return MatchPhrase(
                field=path, text=match.text, lenient=match.lenient, slop=slop, prefix=kind == "phrase_prefix"
            )
        return replace(match, field=path, prefix=kind == "bool_prefix")

    tie = to_float(given["tie_breaker"]) if "tie_breaker" in given else _TIE_BREAKERS[kind]
    return AcrossFields(fields=fields, make=make, tie_breaker=tie, **outer)  # type: ignore[arg-type]


def _fields(given: dict[str, JsonNode]) -> tuple[FieldBoost, ...]:
    node = given.get("fields")
    if node is None:
        return (("*", 1.0),)
    items = node.items if node.kind == "array" else [node]
    return tuple(field_boost(to_text(item)) for item in items)


def fields_of(given: dict[str, JsonNode], default: str | None = None) -> tuple[FieldBoost, ...]:
    """`fields` with boosts, or the default field, or all fields."""
    return _fields(given) if "fields" in given or default is None else (field_boost(default),)
