"""Clauses on the words of one field: match, match_phrase and their kin; refuses query syntax inside the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fairlead.errors import FairleadError, IllegalArgument
from fairlead.search.analysis import analyze
from fairlead.search.clause import BOTH, Clause, all_of, at_least, required, term_matcher
from fairlead.search.context import Context, Matcher, constant, matches_nothing
from fairlead.search.corpus import Entry, Field, Scalar, coerce
from fairlead.search.mapping import STRINGS, Type
from fairlead.search.node import (
    JsonNode,
    is_scalar,
    options,
    refuse,
    refuse_at_end,
    to_bool,
    to_int,
    to_text,
    token,
)
from fairlead.search.scoring import f32, idf, term_score
from fairlead.search.term_level import boost_of, name_of, one_field
from fairlead.search.term_patterns import allowed_edits, fuzzy_matcher, term_test

_ANALYZERS: dict[str, Callable[[str], list[str]]] = {
    "standard": analyze,
    "default": analyze,
    "keyword": lambda text: [text],
    "whitespace": str.split,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextClause(Clause):
    """What the clauses on one text field share: an exact field takes the text as one value."""

    field: str
    text: Scalar
    analyzer: str | None = None
    lenient: bool = False
    none_matches_all: bool = False

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.field)
        if field is None or field.type in (Type.OBJECT, Type.NESTED):
            return matches_nothing
        if self.analyzer is not None and self.analyzer not in _ANALYZERS:
            raise context.fault(f"[match] analyzer [{self.analyzer}] not found")
        try:
            if field.type is not Type.TEXT:
                return self.exact(context, field, coerce(field, self.text, context.now_ms))
            words = _ANALYZERS[self.analyzer or "standard"](str(coerce(field, self.text, 0)))
            if not words:
                return constant(1.0) if self.none_matches_all else matches_nothing
            return self.words(context, field, words)
        except FairleadError as fault:
            if self.lenient:
                return matches_nothing
            raise context.failed(fault) from fault

    def exact(self, context: Context, field: Field, value: Scalar) -> Matcher:
        return term_matcher(context, field, value)

    def words(self, context: Context, field: Field, words: list[str]) -> Matcher:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(TextClause):
    """Any of the words (`every`: all; `minimum`: so many); `prefix`: the last word may be the start of one."""

    every: bool = False
    minimum: str | None = None
    fuzziness: str | None = None
    prefix_length: int = 0
    transpositions: bool = True
    prefix: bool = False

    def words(self, context: Context, field: Field, words: list[str]) -> Matcher:
        matchers = [self._word(context, field, word) for word in words]
        if self.prefix:
            last = words[-1]
            matchers[-1] = term_test(context, field, lambda term: term.startswith(last))
        if self.every:
            return all_of(matchers)
        minimum = 1 if self.minimum is None else required(self.minimum, len(matchers))
        return at_least(matchers, max(minimum, 1))

    def exact(self, context: Context, field: Field, value: Scalar) -> Matcher:
        if field.type not in STRINGS:
            return term_matcher(context, field, value)
        return self._word(context, field, str(value))

    def _word(self, context: Context, field: Field, word: str) -> Matcher:
        if self.fuzziness is None:
            return term_matcher(context, field, word)
        edits = allowed_edits(self.fuzziness, word)
        return fuzzy_matcher(context, field, word, edits, self.prefix_length, self.transpositions)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchPhrase(TextClause):
    """The words one after the other; `slop` positions may be between; `prefix`: the last may be the start of one."""

    slop: int = 0
    prefix: bool = False

    def words(self, context: Context, field: Field, words: list[str]) -> Matcher:
        if len(words) == 1 and not self.prefix:
            return term_matcher(context, field, words[0])
        statistics, corpus = context.corpus.statistics(field), context.corpus
        weight = f32(sum(idf(statistics.doc_count, statistics.doc_freq[word]) for word in words))
        average = f32(statistics.average)

        def match(entry: Entry) -> float | None:
            freq = self._frequency(corpus.terms(entry, field), words)
            return None if freq == 0 else term_score(weight, freq, corpus.length(entry, field), average)

        return match

    def exact(self, context: Context, field: Field, value: Scalar) -> Matcher:
        if self.prefix and field.type in STRINGS:
            return term_test(context, field, lambda term: term.startswith(str(value)))
        return term_matcher(context, field, value)

    def _frequency(self, terms: dict[Scalar, list[int]], words: list[str]) -> float:
        """How often the phrase stands here; a sloppy one counts for less the farther its words are apart."""
        places: list[list[int]] = []
        for order, word in enumerate(words):
            if self.prefix and order == len(words) - 1:
                found = sorted(p for term, at in terms.items() if str(term).startswith(word) for p in at)
            else:
                found = terms.get(word, [])
            if not found:
                return 0
            places.append([position - order for position in found])
        if self.slop == 0:
            return len(set(places[0]).intersection(*places[1:]))
        return self._sloppy(places)

    def _sloppy(self, places: list[list[int]]) -> float:
        total = 0.0
        cursor = [0] * len(places)
        while True:
            window = [place[at] for place, at in zip(places, cursor, strict=True)]
            width = max(window) - min(window)
            lowest = window.index(min(window))
            if width <= self.slop:
                total += 1 / (1 + width)
            cursor[lowest] += 1
            if cursor[lowest] >= len(places[lowest]):
                return total


TEXT_OPTIONS = ("query", "analyzer", "lenient", "zero_terms_query", *BOTH)
WORD_OPTIONS = (
    *("operator", "minimum_should_match", "fuzziness", "prefix_length", "max_expansions", "fuzzy_rewrite"),
    *("fuzzy_transpositions", "auto_generate_synonyms_phrase_query", "cutoff_frequency"),
)


def operator_of(given: dict[str, JsonNode], key: str = "operator") -> bool:
    """Whether all words are needed. Raises IllegalArgument."""
    if key not in given:
        return False
    text = to_text(given[key])
    if text.upper() not in ("AND", "OR"):
        raise IllegalArgument(f"No enum constant org.opensearch.index.query.Operator.{text.upper()}")
    return text.upper() == "AND"


def _text_field(clause: str, node: JsonNode, known: tuple[str, ...]) -> tuple[str, JsonNode, dict[str, JsonNode]]:
    found = one_field(clause, node)
    if found is None:
        refuse_at_end("No text specified for text query", node)
    field, body = found
    if body.kind == "array":
        refuse(f"[{clause}] unknown token [START_ARRAY] after [{field}]", body)
    given = options(clause, body, known) if body.kind == "object" else {"query": body}
    query = given.get("query")
    if query is None or query.kind == "null":
        refuse_at_end("No text specified for text query", node)
    if not is_scalar(query):
        refuse(f"[{clause}] unknown token [{token(query)}] after [query]", query)
    return field, query, given


def _zero_terms(given: dict[str, JsonNode]) -> bool:
    if "zero_terms_query" not in given:
        return False
    text = to_text(given["zero_terms_query"])
    if text.lower() not in ("all", "none"):
        refuse(f"Unsupported zero_terms_query value [{text}]", given["zero_terms_query"])
    return text.lower() == "all"


def match_of(field: str, query: JsonNode, given: dict[str, JsonNode]) -> Match:
    return Match(
        field=field,
        text=query.value,
        analyzer=to_text(given["analyzer"]) if "analyzer" in given else None,
        lenient=to_bool(given["lenient"]) if "lenient" in given else False,
        none_matches_all=_zero_terms(given),
        every=operator_of(given),
        minimum=to_text(given["minimum_should_match"]) if "minimum_should_match" in given else None,
        fuzziness=to_text(given["fuzziness"]) if "fuzziness" in given else None,
        prefix_length=to_int(given["prefix_length"]) if "prefix_length" in given else 0,
        transpositions=to_bool(given["fuzzy_transpositions"]) if "fuzzy_transpositions" in given else True,
        boost=boost_of(given),
        name=name_of(given),
    )


def parse_match(node: JsonNode) -> Clause:
    return match_of(*_text_field("match", node, TEXT_OPTIONS + WORD_OPTIONS))


def parse_match_bool_prefix(node: JsonNode) -> Clause:
    return replace(match_of(*_text_field("match_bool_prefix", node, TEXT_OPTIONS + WORD_OPTIONS)), prefix=True)


def _phrase(clause: str, node: JsonNode, prefix: bool) -> Clause:
    known = (*TEXT_OPTIONS, "slop", "max_expansions") if prefix else (*TEXT_OPTIONS, "slop")
    match = match_of(*(found := _text_field(clause, node, known)))
    slop = to_int(found[2]["slop"]) if "slop" in found[2] else 0
    if slop < 0:
        raise IllegalArgument("No negative slop allowed.")
    return MatchPhrase(
        field=match.field,
        text=match.text,
        analyzer=match.analyzer,
        lenient=match.lenient,
        none_matches_all=match.none_matches_all,
        slop=slop,
        prefix=prefix,
        boost=match.boost,
        name=match.name,
    )


def parse_match_phrase(node: JsonNode) -> Clause:
    return _phrase("match_phrase", node, False)


def parse_match_phrase_prefix(node: JsonNode) -> Clause:
    return _phrase("match_phrase_prefix", node, True)
