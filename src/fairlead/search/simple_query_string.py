"""simple_query_string: words with a few operators; refuses nothing, what cannot be read as syntax is taken as words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from fairlead.errors import IllegalArgument
from fairlead.search.clause import Clause
from fairlead.search.compound import Bool
from fairlead.search.match import Match, MatchPhrase, operator_of
from fairlead.search.multi_match import AcrossFields, FieldBoost, fields_of
from fairlead.search.node import JsonNode, options, refuse_at_end, to_text
from fairlead.search.query_string import MAX_DEPTH, MAX_TEXT, SHARED_OPTIONS, unescape
from fairlead.search.term_level import MatchAll, boost_of, name_of

_SIMPLE = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<and>\+)|(?P<or>\|)|(?P<not>-)
    |"(?P<phrase>(?:[^"\\]|\\.)*)"(?:~(?P<slop>\d{1,4}))?
    |(?P<word>(?:[^\s()"\\+|*~-]|\\.|(?<=\S)-)+)(?:(?P<prefix>\*)|~(?P<edits>\d?))?|(?P<other>\S))""",
    re.VERBOSE,
)


class _SimpleParser:
    """`+` and, `|` or, `-` not, `"phrase"~N`, `word*`, `word~N`, brackets; operators bind from left to right."""

    def __init__(self, text: str, fields: tuple[FieldBoost, ...], every: bool) -> None:
        self.tokens = [match for match in _SIMPLE.finditer(text) if match[0].strip()]
        self.at = 0
        self.fields = fields
        self.every = every

    def whole(self) -> Clause:
        clause: Clause | None = None
        while self.at < len(self.tokens):
            clause = self._join(clause, self.group(0), "must" if self.every else "should")
            self.at += 1  # a closing bracket without an opening one
        return clause if clause is not None else Bool(must_not=(MatchAll(),))

    @staticmethod
    def _join(left: Clause | None, right: Clause | None, how: str) -> Clause | None:
        if left is None or right is None:
            return right if left is None else left
        if isinstance(left, Bool) and left.minimum is None and not left.must_not and left.boost == 1.0:
            if how == "must" and left.must and not left.should:
                return replace(left, must=(*left.must, right))
            if how == "should" and left.should and not left.must:
                return replace(left, should=(*left.should, right))
        return Bool(must=(left, right)) if how == "must" else Bool(should=(left, right))

    def group(self, depth: int) -> Clause | None:
        clause: Clause | None = None
        how, negated = "", False
        while self.at < len(self.tokens):
            found = self.tokens[self.at]
            if found["close"]:
                break
            self.at += 1
            if found["and"] or found["or"]:
                how = "must" if found["and"] else "should"
            elif found["not"]:
                negated = not negated
            else:
                one = self.one(found, depth)
                if one is not None and negated:
                    one = Bool(must_not=(one,), must=(MatchAll(),))
                clause = self._join(clause, one, how or ("must" if self.every else "should"))
                how, negated = "", False
        return clause

    def one(self, found: re.Match[str], depth: int) -> Clause | None:
        if found["open"]:
            if depth >= MAX_DEPTH:
                return None
            inner = self.group(depth + 1)
            self.at += 1
            return inner
        if found["phrase"] is not None:
            text, slop = unescape(found["phrase"]), int(found["slop"] or 0)
            return self.across(lambda path: MatchPhrase(field=path, text=text, slop=slop, lenient=True))
        if found["word"] is None:
            return MatchAll() if found["other"] == "*" else None
        word, edits, every = unescape(found["word"]), found["edits"], self.every
        if found["prefix"]:
            return self.across(lambda path: Match(field=path, text=word, every=True, prefix=True, lenient=True))
        fuzziness = None if edits is None else str(min(2, int(edits or 2)))
        return self.across(lambda path: Match(field=path, text=word, every=every, fuzziness=fuzziness, lenient=True))

    def across(self, make: Callable[[str], Clause]) -> Clause:
        return AcrossFields(fields=self.fields, make=make, tie_breaker=1.0)


def parse_simple_query_string(node: JsonNode) -> Clause:
    given = options("simple_query_string", node, (*SHARED_OPTIONS, "flags", "quote_field_suffix"))
    if "query" not in given:
        refuse_at_end("[simple_query_string] query text missing", node)
    text = to_text(given["query"])
    if len(text) > MAX_TEXT:
        raise IllegalArgument(f"Query string length exceeds max allowed length {MAX_TEXT}; actual length: {len(text)}")
    clause = _SimpleParser(text, fields_of(given), operator_of(given, "default_operator")).whole()
    if "minimum_should_match" in given and isinstance(clause, Bool) and clause.should:
        clause = replace(clause, minimum=to_text(given["minimum_should_match"]))
    return replace(clause, boost=clause.boost * boost_of(given), name=name_of(given))
