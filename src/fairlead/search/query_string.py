"""query_string: a query in Lucene's syntax; refuses to guess what broken syntax may mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from fairlead.errors import FairleadError, IllegalArgument
from fairlead.search.clause import BOTH, Clause
from fairlead.search.compound import Bool
from fairlead.search.context import Context, Matcher
from fairlead.search.match import Match, MatchPhrase, operator_of
from fairlead.search.multi_match import AcrossFields, FieldBoost, fields_of
from fairlead.search.node import JsonNode, decimal, options, refuse_at_end, to_bool, to_int, to_text
from fairlead.search.ranges import Range
from fairlead.search.scoring import f32
from fairlead.search.term_level import Exists, MatchAll, boost_of, name_of
from fairlead.search.term_patterns import TermPattern

MAX_TEXT = 32_000
"""Characters of a query text (`search.query.max_query_string_length`)."""
MAX_DEPTH = 50

_LEXER = re.compile(
    r"""\s*(?:(?P<and>AND\b|&&)|(?P<or>OR\b|\|\|)|(?P<not>NOT\b|!)|(?P<plus>\+)|(?P<minus>-)|(?P<open>\()|(?P<close>\))
    |"(?P<phrase>(?:[^"\\]|\\.)*)"|/(?P<regex>(?:[^/\\]|\\.)*)/
    |(?P<range>[\[{](?P<low>(?:"(?:[^"\\]|\\.)*"|[^\s\]}]+))\s+TO\s+(?P<high>(?:"(?:[^"\\]|\\.)*"|[^\s\]}]+))\s*[\]}])
    |(?P<compare>[<>]=?)(?P<bound>"(?:[^"\\]|\\.)*"|(?:[^\s()"\\]|\\.)+)
    |(?P<term>(?:[^\s()"\\+\-!:^~\[\]{}/<>]|\\.|(?<=[^\s(])[+\-!/])+))""",
    re.VERBOSE,
)
_FIELD = re.compile(r"\s*((?:[^\s()\"\\+\-!:^~\[\]{}/]|\\.)(?:[^\s()\"\\:^~\[\]{}/]|\\.)*)\s*:", re.VERBOSE)
_SUFFIX = re.compile(r"(?P<sign>[~^])(?P<number>\d*\.?\d*)")


class SyntaxFault(Exception):
    """The text breaks off or holds a character out of place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryString(Clause):
    """Lucene's query syntax over `fields`; parsed when bound, since a fault in it is one of the search."""

    text: str
    fields: tuple[FieldBoost, ...]
    every: bool
    lenient: bool
    minimum: str | None = None
    phrase_slop: int = 0

    def matcher(self, context: Context) -> Matcher:
        if len(self.text) > MAX_TEXT:
            raise context.failed(
                IllegalArgument(
                    f"Query string length exceeds max allowed length {MAX_TEXT} (search.query.max_query_string_length);"
                    f" actual length: {len(self.text)}"
                )
            )
        try:
            clause = _StringParser(self).whole()
        except (SyntaxFault, FairleadError) as fault:
            raise context.fault(f"Failed to parse query [{self.text}]") from fault
        if self.minimum is not None and isinstance(clause, Bool) and clause.should:
            clause = replace(clause, minimum=self.minimum)
        return clause.bind(context)


def unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


class _StringParser:
    def __init__(self, query: QueryString) -> None:
        self.query = query
        self.text = query.text
        self.at = 0
        self.depth = 0

    def whole(self) -> Clause:
        if not self.text.strip():
            return Bool(must_not=(MatchAll(),))
        clause = self.clauses(None)
        if self.text[self.at :].strip():
            raise SyntaxFault
        return clause

    def peek(self) -> re.Match[str] | None:
        return _LEXER.match(self.text, self.at)

    def take(self, *kinds: str) -> str | None:
        found = self.peek()
        if found is not None and found.lastgroup in kinds:
            self.at = found.end()
            return found.lastgroup
        return None

    def clauses(self, field: str | None) -> Clause:
        """Clauses up to the end or a closing bracket, joined by the classic parser's rules."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SyntaxFault
        occur: list[str] = []
        made: list[Clause] = []
        while self.text[self.at :].strip() and not self._closes():
            conjunction = self.take("and", "or")
            modifier = self.take("plus", "minus", "not")
            while modifier == "not" and self.take("not"):
                pass
            clause = self.boosted(self.one(field))
            prohibited = modifier in ("minus", "not")
            if made and conjunction == "and" and occur[-1] == "should":
                occur[-1] = "must"
            if made and conjunction == "or" and self.query.every and occur[-1] == "must":
                occur[-1] = "should"
            needed = modifier == "plus" or conjunction == "and" or (self.query.every and conjunction != "or")
            occur.append("must_not" if prohibited else "must" if needed else "should")
            made.append(clause)
        if not made:
            raise SyntaxFault
        self.depth -= 1
        if len(made) == 1 and occur[0] != "must_not":
            return made[0]
        groups = {
            kind: tuple(c for c, o in zip(made, occur, strict=True) if o == kind)
            for kind in ("must", "should", "must_not")
        }
        return Bool(must=groups["must"], should=groups["should"], must_not=groups["must_not"])

    def _closes(self) -> bool:
        found = self.peek()
        return found is not None and found.lastgroup == "close"

    def one(self, field: str | None) -> Clause:
        named = _FIELD.match(self.text, self.at)
        if named is not None and not re.match(r"\s*(AND|OR|NOT)\s", self.text[self.at :]):
            self.at = named.end()
            field = unescape(named[1])
            if re.match(r"\*(?=$|[\s)])", self.text[self.at :]):
                self.at += 1
                return MatchAll() if field == "*" else Exists(field=field)
        found = self.peek()
        if found is None:
            raise SyntaxFault
        self.at = found.end()
        kind = found.lastgroup if found.lastgroup not in ("low", "high", "bound") else "range"
        if found["range"] or found["compare"]:
            kind = "range"
        if kind == "open":
            clause = self.clauses(field)
            if not self.take("close"):
                raise SyntaxFault
            return clause
        if kind == "phrase":
            return self.phrase(field, unescape(found["phrase"]))
        if kind == "regex":
            pattern = found["regex"].replace("\\/", "/")
            return self.across(field, lambda path: TermPattern(kind="regexp", field=path, pattern=pattern))
        if kind == "range":
            return self.range(field, found)
        if kind == "term":
            return self.term(field, found["term"])
        raise SyntaxFault

    def across(self, field: str | None, make: Callable[[str], Clause]) -> Clause:
        fields = self.query.fields if field is None else ((field, 1.0),)
        lenient = self.query.lenient or any("*" in name for name, _ in fields)
        return AcrossFields(fields=fields, make=(lambda path: Lenient(inner=make(path))) if lenient else make)

    def boosted(self, clause: Clause) -> Clause:
        suffix = _SUFFIX.match(self.text, self.at)
        if suffix is not None and suffix["sign"] == "^" and suffix["number"]:
            self.at = suffix.end()
            return replace(clause, boost=f32(clause.boost * decimal(suffix["number"])))
        return clause

    def tilde(self) -> str | None:
        suffix = _SUFFIX.match(self.text, self.at)
        if suffix is None or suffix["sign"] != "~":
            return None
        self.at = suffix.end()
        return suffix["number"]

    def phrase(self, field: str | None, text: str) -> Clause:
        slop = self.tilde()
        distance = self.query.phrase_slop if not slop else int(decimal(slop))
        return self.across(field, lambda path: MatchPhrase(field=path, text=text, slop=distance))

    def range(self, field: str | None, found: re.Match[str]) -> Clause:
        def bound(text: str) -> str | None:
            return None if text == "*" else unescape(text[1:-1] if text.startswith('"') else text)

        if found["compare"]:
            value, sign = bound(found["bound"]), found["compare"]
            low, high = (value, None) if sign[0] == ">" else (None, value)
            with_low = with_high = sign.endswith("=")
        else:
            low, high = bound(found["low"]), bound(found["high"])
            with_low, with_high = found["range"][0] == "[", found["range"][-1] == "]"
        return self.across(
            field,
            lambda path: Range(field=path, low=low, high=high, include_low=with_low, include_high=with_high),
        )

    def term(self, field: str | None, raw: str) -> Clause:
        if field == "_exists_":
            return Exists(field=unescape(raw))
        if raw == "*" and field is None:
            return MatchAll()
        if re.search(r"(?<!\\)[*?]", raw):
            return self.across(field, lambda path: wildcard(path, raw))
        text, edits, every = unescape(raw), self.tilde(), self.query.every
        fuzziness = None if edits is None else (str(min(2, int(decimal(edits)))) if edits else "AUTO")
        return self.across(field, lambda path: Match(field=path, text=text, every=every, fuzziness=fuzziness))


def wildcard(path: str, pattern: str) -> Clause:
    """A pattern as the words of a text field are kept: lower case; exact fields keep their case."""
    as_is = TermPattern(kind="wildcard", field=path, pattern=pattern)
    return WildcardByType(inner=as_is)


@dataclass(frozen=True, slots=True, kw_only=True)
class WildcardByType(Clause):
    inner: TermPattern

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.inner.field)
        if field is None or field.exact:
            return self.inner.matcher(context)
        return replace(self.inner, pattern=self.inner.pattern.lower()).matcher(context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lenient(Clause):
    """A clause that matches nothing where it cannot be used."""

    inner: Clause

    def matcher(self, context: Context) -> Matcher:
        try:
            return self.inner.bind(context)
        except FairleadError:
            return lambda entry: None


SHARED_OPTIONS: tuple[str, ...] = (
    *("query", "fields", "default_operator", "minimum_should_match", "lenient", "analyze_wildcard", "analyzer"),
    *("auto_generate_synonyms_phrase_query", "fuzzy_prefix_length", "fuzzy_max_expansions", "fuzzy_transpositions"),
    *BOTH,
)
"""Options that simple_query_string has, too."""
_OPTIONS = (
    *SHARED_OPTIONS,
    *("default_field", "allow_leading_wildcard", "enable_position_increments", "fuzziness", "fuzzy_rewrite"),
    *("phrase_slop", "quote_analyzer", "quote_field_suffix", "rewrite", "escape", "type", "tie_breaker"),
    *("max_determinized_states", "time_zone"),
)


def parse_query_string(node: JsonNode) -> Clause:
    given = options("query_string", node, _OPTIONS)
    if "query" not in given:
        refuse_at_end("[query_string] must be provided with a [query]", node)
    return QueryString(
        text=to_text(given["query"]),
        fields=fields_of(given, to_text(given["default_field"]) if "default_field" in given else None),
        every=operator_of(given, "default_operator"),
        lenient=to_bool(given["lenient"]) if "lenient" in given else False,
        minimum=to_text(given["minimum_should_match"]) if "minimum_should_match" in given else None,
        phrase_slop=to_int(given["phrase_slop"]) if "phrase_slop" in given else 0,
        boost=boost_of(given),
        name=name_of(given),
    )
