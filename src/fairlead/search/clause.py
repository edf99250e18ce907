"""A clause of a query and how clauses are combined; refuses to know any particular clause.

A clause is parsed without knowledge of documents; `bind` resolves its fields against a corpus and gives a matcher.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.errors import NumberFormat
from fairlead.search.context import Context, Matcher
from fairlead.search.corpus import Entry, Field, Scalar
from fairlead.search.mapping import NUMBERS, Type
from fairlead.search.scoring import f32, idf, term_score

BOTH = ("boost", "_name")
"""Options that every clause takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause(ABC):
    """`boost` multiplies the score; hits list the `name` of each clause that they match."""

    boost: float = 1.0
    name: str | None = None

    def bind(self, context: Context) -> Matcher:
        """Raises query_shard_exception and its kin when the clause cannot be used on its field."""
        context.count()
        matcher = boosted(self.matcher(context), self.boost if context.scoring else 1.0)
        if self.name is not None:
            context.named[self.name] = matcher
        return matcher

    @abstractmethod
    def matcher(self, context: Context) -> Matcher:
        """The matcher without boost."""


def boosted(matcher: Matcher, boost: float) -> Matcher:
    if boost == 1.0:
        return matcher

    def match(entry: Entry) -> float | None:
        score = matcher(entry)
        return None if score is None else f32(score * boost)

    return match


def term_matcher(context: Context, field: Field, term: Scalar) -> Matcher:
    """Entries with this term of this field, scored by BM25; numbers, dates and ids score 1."""
    terms = context.corpus.terms
    if field.type in NUMBERS or field.type in (Type.DATE, Type.ID, Type.INDEX) or not context.scoring:
        return lambda entry: 1.0 if term in terms(entry, field) else None
    statistics = context.corpus.statistics(field)
    weight = idf(statistics.doc_count, statistics.doc_freq[term])
    average = f32(statistics.average)
    exact, length = field.exact, context.corpus.length

    def match(entry: Entry) -> float | None:
        positions = terms(entry, field).get(term)
        if positions is None:
            return None
        return term_score(weight, 1 if exact else len(positions), length(entry, field), average)

    return match


def all_of(matchers: Sequence[Matcher]) -> Matcher:
    """Entries that match every one; the scores add up."""
    return at_least(matchers, len(matchers))


def any_of(matchers: Sequence[Matcher]) -> Matcher:
    return at_least(matchers, 1)


def at_least(matchers: Sequence[Matcher], minimum: int) -> Matcher:
    """Entries that match so many at least; the scores of all that match add up."""
    if len(matchers) == 1 and minimum == 1:
        return matchers[0]

    def match(entry: Entry) -> float | None:
        total, count = 0.0, 0
        for matcher in matchers:
            score = matcher(entry)
            if score is not None:
                total += score
                count += 1
        return f32(total) if count >= minimum else None

    return match


def best_of(matchers: Sequence[Matcher], tie_breaker: float) -> Matcher:
    """Entries that match any; the best score plus `tie_breaker` times the others."""

    def match(entry: Entry) -> float | None:
        scores = [score for matcher in matchers if (score := matcher(entry)) is not None]
        if not scores:
            return None
        best = max(scores)
        return f32(best + tie_breaker * (sum(scores) - best))

    return match


def required(specification: str, optional: int) -> int:
    """How many of `optional` clauses must match by a `minimum_should_match` such as `2`, `-25%` or `2<75%`.

    Raises NumberFormat.
    """
    text = specification.strip()
    if "<" in text:
        needed = optional
        for part in re.split(r"\s+", re.sub(r"\s*<\s*", "<", text)):
            above, _, then = part.partition("<")
            if optional <= _integer(above):
                return needed
            needed = required(then, optional)
        return needed
    if text.endswith("%"):
        percent = _integer(text[:-1])
        share = int(optional * abs(percent) / 100)
        count = optional - share if percent < 0 else share
    else:
        count = _integer(text)
        count = optional + count if count < 0 else count
    return max(0, count)


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text.strip()):
        raise NumberFormat(f'For input string: "{text}"')
    return int(text)
