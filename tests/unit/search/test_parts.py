"""Analysis, dates, patterns and scores by themselves."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import BodyParse, IllegalArgument, NumberFormat
from fairlead.search.analysis import MAX_TOKEN, analyze
from fairlead.search.clause import required
from fairlead.search.dates import DEFAULT_FORMAT, DateReader, read_zone, show
from fairlead.search.glob import compile_glob, compile_star
from fairlead.search.lucene_regex import compile_regex
from fairlead.search.node import did_you_mean, edit_distance, java_number
from fairlead.search.regex_tree import MAX_WORK
from fairlead.search.scoring import coarse_length, f32, idf, shown, term_score
from unit.search.gateway_documents import NOW, cases


@pytest.mark.parametrize("case", cases("analysis"), ids=lambda case: case["text"])
def test_text_is_cut_into_words(case: dict[str, Any]) -> None:
    assert analyze(case["text"]) == case["words"]


def test_a_word_longer_than_the_limit_is_cut_into_pieces() -> None:
    assert [len(word) for word in analyze("x" * (2 * MAX_TOKEN + 1))] == [MAX_TOKEN, MAX_TOKEN, 1]


@pytest.mark.parametrize("case", cases("dates"), ids=lambda case: f"{case['text']} {case.get('format', '')}")
def test_date_is_read_as(case: dict[str, Any]) -> None:
    reader = DateReader(case.get("format", DEFAULT_FORMAT), read_zone(case.get("zone", "Z")))
    if case["ms"] is None:
        with pytest.raises(BodyParse):
            reader.read(case["text"], NOW)
    else:
        assert reader.read(case["text"], NOW, round_up=case.get("round_up", False)) == case["ms"]


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
@settings(max_examples=50, deadline=None)
def test_a_shown_date_reads_back_as_itself(millis: int) -> None:
    assert DateReader().read(show(millis), 0) == millis


def test_a_time_zone_by_name_is_refused() -> None:
    with pytest.raises(IllegalArgument, match=r"Europe/Berlin.*offset"):
        read_zone("Europe/Berlin")


@pytest.mark.parametrize("case", cases("regex"), ids=lambda case: f"{case['pattern']} {case.get('flags', '')}")
def test_lucene_pattern_matches(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(IllegalArgument, match=re.escape(case["error"])):
            compile_regex(case["pattern"], flags=case.get("flags", "ALL"))
        return
    compiled = compile_regex(case["pattern"], flags=case.get("flags", "ALL"), fold=case.get("fold", False))
    assert [text for text in case["yes"] if not compiled.matches(text)] == []
    assert [text for text in case["no"] if compiled.matches(text)] == []


PATTERNS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "()"]),
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}"])).map(lambda p: f"({p[0]}){p[1]}")
    ),
    max_leaves=6,
)


@given(PATTERNS, st.lists(st.text("abc", max_size=6), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_a_pattern_matches_what_pythons_own_engine_matches(pattern: str, texts: list[str]) -> None:
    compiled, oracle = compile_regex(pattern), re.compile(pattern, re.DOTALL)
    for text in texts:
        assert compiled.matches(text) == (oracle.fullmatch(text) is not None)


@given(PATTERNS, PATTERNS, st.text("abc", max_size=6))
@settings(max_examples=100, deadline=None)
def test_intersection_and_complement_are_those_of_sets(left: str, right: str, text: str) -> None:
    one, other = compile_regex(left).matches(text), compile_regex(right).matches(text)
    assert compile_regex(f"({left})&({right})").matches(text) == (one and other)
    assert compile_regex(f"~({left})").matches(text) == (not one)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [("(a*)*b", "a" * 5000, False), ("(a|aa)+", "a" * 5000, True), ("(.*,){20}x", "," * 3000, False)],
)
def test_a_pattern_that_makes_others_backtrack_needs_few_derivations(pattern: str, text: str, found: bool) -> None:
    compiled = compile_regex(pattern)
    assert compiled.matches(text) == found
    assert compiled._work < MAX_WORK / 10


NO_PERIOD = "".join(f"{number:012b}" for number in range(4000)).replace("0", "a").replace("1", "b")


@pytest.mark.parametrize(("pattern", "text"), [("(a?){500}a{500}", "a" * 500), ("(a|b)*a(a|b){60}", NO_PERIOD)])
def test_an_automaton_that_explodes_is_refused(pattern: str, text: str) -> None:
    with pytest.raises(IllegalArgument, match="Determinizing"):
        compile_regex(pattern).matches(text)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_wildcard_means_what_the_regular_expression_means(pattern: str, text: str) -> None:
    oracle = re.compile(pattern.replace("*", ".*").replace("?", ".").replace(".*.*", ".*"), re.DOTALL)
    assert compile_glob(pattern).matches(text) == (oracle.fullmatch(text) is not None)


def test_a_backslash_takes_the_next_character_literally() -> None:
    assert compile_glob(r"a\*b\?").matches("a*b?")
    assert not compile_glob(r"a\*b").matches("axxb")
    assert compile_glob("a\\").matches("a\\")
    assert compile_star("a?*").matches("a?c")
    assert not compile_star("a?").matches("ab")


def test_scores_are_those_of_bm25() -> None:
    weight = idf(10, 2)
    assert weight == pytest.approx(math.log(1 + 8.5 / 2.5), rel=1e-7)
    expected = weight * 3 / (3 + 1.2 * (0.25 + 0.75 * 7 / 5.5))
    assert term_score(weight, 3, 7, 5.5) == pytest.approx(expected, rel=1e-6)


def test_lengths_are_exact_when_short_and_coarse_when_long() -> None:
    assert [coarse_length(n) for n in (0, 1, 23, 24, 39, 40, 41, 42, 57, 100, 1000)] == [
        *(0, 1, 23, 24, 39, 40, 40, 42, 56, 96, 984),
    ]


@given(st.floats(2**-126, 2.0**99, width=32))
@settings(max_examples=100, deadline=None)
def test_a_shown_score_is_the_shortest_that_reads_back_as_the_same_single(score: float) -> None:
    assert f32(shown(score)) == score
    digits = [len(Decimal(repr(value)).normalize().as_tuple().digits) for value in (shown(score), score)]
    assert digits[0] <= digits[1]


def test_scores_show_as_java_prints_them() -> None:
    assert [shown(f32(value)) for value in (1.0, 1.469887, 0.1, 1 / 3)] == [1.0, 1.469887, 0.1, 0.33333334]


@pytest.mark.parametrize(
    ("specification", "optional", "count"),
    [
        *(("2", 5, 2), ("-1", 5, 4), ("75%", 5, 3), ("-25%", 5, 4), ("2<75%", 2, 2), ("2<75%", 4, 3), ("0", 3, 0)),
        *(("3<-1 5<50%", 3, 3), ("3<-1 5<50%", 4, 3), ("3<-1 5<50%", 10, 5), ("-9", 5, 0), (" 2 ", 5, 2)),
    ],
)
def test_minimum_should_match_counts(specification: str, optional: int, count: int) -> None:
    assert required(specification, optional) == count


@pytest.mark.parametrize("specification", ["", "x", "50", "1e3", "%", "<", "2<x"])
def test_a_minimum_that_is_no_number_is_refused_or_read(specification: str) -> None:
    if specification == "50":
        assert required(specification, 3) == 50
    else:
        with pytest.raises(NumberFormat):
            required(specification, 5)


def test_names_more_than_half_alike_are_suggested_the_likest_first() -> None:
    known = ("must", "mustNot", "must_not", "filter")
    assert did_you_mean("musty", known) == " did you mean any of [must, mustNot]?"
    assert did_you_mean("fliter", known) == " did you mean [filter]?"
    assert did_you_mean("zzz", known) == ""


def test_a_swap_counts_once_only_when_asked() -> None:
    assert (edit_distance("ab", "ba", transpose=True), edit_distance("ab", "ba", transpose=False)) == (1, 2)
    assert edit_distance("", "abc", transpose=True) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [(2, "2"), (2.0, "2.0"), (0.5, "0.5"), (1e7, "1.0E7"), (1.5e-5, "1.5E-5"), (-123456789.0, "-1.23456789E8"), (0.0, "0.0"), (1e300, "1.0E300")],
)  # fmt: skip
def test_numbers_are_written_as_java_writes_them(value: float, text: str) -> None:
    assert java_number(value) == text
