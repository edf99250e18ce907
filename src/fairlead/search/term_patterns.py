"""Clauses on terms that look alike: prefix, wildcard, regexp, fuzzy; refuses patterns without a bound on their work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.errors import FairleadError, IllegalArgument
from fairlead.search.clause import BOTH, Clause, best_of, boosted, term_matcher
from fairlead.search.context import Context, Matcher, matches_nothing
from fairlead.search.corpus import Field
from fairlead.search.glob import compile_glob
from fairlead.search.lucene_regex import MAX_LENGTH, compile_regex
from fairlead.search.mapping import STRINGS, Type
from fairlead.search.node import (
    JsonNode,
    edit_distance,
    is_scalar,
    options,
    refuse,
    to_bool,
    to_int,
    to_text,
)
from fairlead.search.scoring import f32
from fairlead.search.term_level import boost_of, name_of, one_field

Test = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermPattern(Clause):
    """Entries with a term that passes the test of `kind` for `pattern`; each scores 1."""

    kind: str
    field: str
    pattern: str
    fold: bool = False
    flags: str = "ALL"

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.field)
        if field is None or field.type in (Type.OBJECT, Type.NESTED):
            return matches_nothing
        if field.type is not Type.TEXT and field.type not in STRINGS:
            reason = (
                f"Can only use {self.kind} queries on keyword, text and wildcard fields - not on [{self.field}] which "
                f"is of type [{field.type}]"
            )
            raise context.fault(reason)
        try:
            passes = TESTS[self.kind](self)
        except FairleadError as fault:
            raise context.failed(fault) from fault
        return term_test(context, field, passes)


def term_test(context: Context, field: Field, passes: Test) -> Matcher:
    """Entries with a term that passes; each term is tested once a search."""
    terms = context.corpus.terms
    known: dict[str, bool] = {}

    def match(entry: object) -> float | None:
        for term in terms(entry, field):  # type: ignore[arg-type]
            text = str(term)
            if text not in known:
                known[text] = passes(text)
            if known[text]:
                return 1.0
        return None

    return match


def _prefix(clause: TermPattern) -> Test:
    if clause.fold:
        start = clause.pattern.lower()
        return lambda term: term.lower().startswith(start)
    return lambda term: term.startswith(clause.pattern)


def _wildcard(clause: TermPattern) -> Test:
    return compile_glob(clause.pattern, fold=clause.fold).matches


def _regexp(clause: TermPattern) -> Test:
    if len(clause.pattern) > MAX_LENGTH:
        raise IllegalArgument(
            f"The length of regex [{len(clause.pattern)}] used in the Regexp Query request has exceeded the allowed "
            f"maximum of [{MAX_LENGTH}]. This maximum can be set by changing the [index.max_regex_length] index level "
            "setting."
        )
    return compile_regex(clause.pattern, flags=clause.flags, fold=clause.fold).matches


TESTS: dict[str, Callable[[TermPattern], Test]] = {"prefix": _prefix, "wildcard": _wildcard, "regexp": _regexp}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuzzy(Clause):
    """Terms within an edit distance; the nearer ones score more."""

    field: str
    term: str
    fuzziness: str = "AUTO"
    prefix_length: int = 0
    transpositions: bool = True

    def matcher(self, context: Context) -> Matcher:
        field = context.corpus.field(self.field)
        if field is None or field.type in (Type.OBJECT, Type.NESTED):
            return matches_nothing
        if field.type is not Type.TEXT and field.type not in STRINGS:
            raise context.failed(
                IllegalArgument(
                    "Can only use fuzzy queries on keyword and text fields - not on "
                    f"[{self.field}] which is of type [{field.type}]"
                )
            )
        try:
            allowed = allowed_edits(self.fuzziness, self.term)
        except FairleadError as fault:
            raise context.failed(fault) from fault
        return fuzzy_matcher(context, field, self.term, allowed, self.prefix_length, self.transpositions)


def fuzzy_matcher(
    context: Context, field: Field, term: str, edits: int, prefix_length: int = 0, transpositions: bool = True
) -> Matcher:
    if edits == 0:
        return term_matcher(context, field, term)
    start = term[:prefix_length]
    near: list[Matcher] = []
    for candidate in context.corpus.statistics(field).doc_freq:
        text = str(candidate)
        if not text.startswith(start) or abs(len(text) - len(term)) > edits:
            continue
        distance = edit_distance(term, text, transpose=transpositions, most=edits)
        if distance <= edits:
            closeness = 1 - distance / max(1, min(len(term), len(text)))
            near.append(boosted(term_matcher(context, field, candidate), f32(max(closeness, 0.0))))
    return best_of(near, 0.0) if near else matches_nothing


def allowed_edits(fuzziness: str, term: str) -> int:
    """`AUTO[:low,high]`, or 0, 1, 2. Raises IllegalArgument."""
    name, _, bounds = fuzziness.upper().partition(":")
    if name == "AUTO":
        low, high = (int(part) for part in bounds.split(",")) if _two_numbers(bounds) else (3, 6)
        if bounds and not _two_numbers(bounds):
            raise IllegalArgument(f"failed to find low and high distance values in [{fuzziness}]")
        return 0 if len(term) < low else 1 if len(term) < high else 2
    if fuzziness in ("0", "1", "2", "0.0", "1.0", "2.0"):
        return int(fuzziness[0])
    raise IllegalArgument(f"Valid edit distances are [0, 1, 2] but was [{fuzziness}]")


def _two_numbers(bounds: str) -> bool:
    parts = bounds.split(",")
    return len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts)


def _field_and_options(clause: str, node: JsonNode, known: tuple[str, ...]) -> tuple[str, dict[str, JsonNode]]:
    found = one_field(clause, node)
    if found is None or not found[0]:
        raise IllegalArgument("field name is null or empty")
    field, body = found
    if body.kind == "array":
        refuse(f"[{clause}] query does not support [{field}]", body)
    return field, options(clause, body, (*known, *BOTH)) if body.kind == "object" else {known[0]: body}


def _pattern(clause: str, node: JsonNode, *names: str) -> Clause:
    known = (*names, "rewrite", "case_insensitive", "flags", "flags_value", "max_determinized_states")
    field, given = _field_and_options(clause, node, known if clause == "regexp" else known[:-3])
    value = next((given[name] for name in names if name in given), None)
    if value is None or value.kind == "null":
        raise IllegalArgument("value cannot be null")
    if not is_scalar(value):
        refuse(f"[{clause}] query does not support [{names[0]}]", value)
    flags = to_text(given["flags"]) if "flags" in given else "ALL"
    made = TermPattern(
        kind=clause,
        field=field,
        pattern=to_text(value),
        fold=to_bool(given["case_insensitive"]) if "case_insensitive" in given else False,
        flags=flags,
        boost=boost_of(given),
        name=name_of(given),
    )
    compile_regex("", flags=flags)  # an unknown flag is refused where it is written
    return made


def parse_prefix(node: JsonNode) -> Clause:
    return _pattern("prefix", node, "value", "prefix")


def parse_wildcard(node: JsonNode) -> Clause:
    return _pattern("wildcard", node, "value", "wildcard")


def parse_regexp(node: JsonNode) -> Clause:
    return _pattern("regexp", node, "value")


def parse_fuzzy(node: JsonNode) -> Clause:
    known = ("value", "term", "fuzziness", "prefix_length", "max_expansions", "transpositions", "rewrite")
    field, given = _field_and_options("fuzzy", node, known)
    value = given.get("value") or given.get("term")
    if value is None or not is_scalar(value) or value.kind == "null":
        raise IllegalArgument("query value cannot be null")
    return Fuzzy(
        field=field,
        term=to_text(value),
        fuzziness=to_text(given["fuzziness"]) if "fuzziness" in given else "AUTO",
        prefix_length=to_int(given["prefix_length"]) if "prefix_length" in given else 0,
        transpositions=to_bool(given["transpositions"]) if "transpositions" in given else True,
        boost=boost_of(given),
        name=name_of(given),
    )
