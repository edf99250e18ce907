"""Patterns over names (spec/06 8.2): against a plain model of what `*` and `?` mean, and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.security.name_patterns import BadPattern, compile_lenient, compile_pattern, compile_patterns

LETTERS = "ab*?:/."


def modelled(pattern: str, text: str) -> bool:
    """What the pattern means, said with a regular expression of the standard library."""
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), text, re.DOTALL) is not None


@given(st.text(LETTERS, max_size=8), st.text(LETTERS, max_size=12))
def test_stars_and_question_marks_mean_what_they_mean_everywhere(pattern: str, text: str) -> None:
    expression = len(pattern) > 1 and pattern[0] == pattern[-1] == "/"
    if not expression:
        assert compile_patterns([pattern]).matches(text) == (bool(pattern) and modelled(pattern, text))


@given(st.lists(st.text(LETTERS.replace("/", ""), max_size=6), max_size=4), st.text(LETTERS, max_size=8))
def test_many_patterns_match_what_any_of_them_matches(patterns: list[str], text: str) -> None:
    assert compile_patterns(patterns).matches(text) == any(compile_patterns([p]).matches(text) for p in patterns)


def test_a_pattern_of_many_stars_takes_no_time_to_miss() -> None:
    assert not compile_patterns(["*a" * 50]).matches("a" * 49 + "b" * 10_000)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("/ab+/", "abb", True),
        ("/ab+/", "xabb", False),
        ("/AB/", "ab", False),
        ("/", "/", True),
        ("//", "", True),
        ("/a|b/", "b", True),
        ("", "", False),
        (" ", " ", False),
        ("*", "", True),
    ],
)
def test_expressions_and_blanks(pattern: str, text: str, matches: bool) -> None:
    assert compile_patterns([pattern]).matches(text) is matches


@pytest.mark.parametrize("pattern", ["/(a+)+/", "/(a)\\1/", "/(/", "/" + "a" * 300 + "/"])
def test_an_unsafe_expression_is_refused_where_it_is_given_and_grants_nothing_where_it_is_stored(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(pattern)
    assert not compile_lenient([pattern, "x"]).matches("aaaa")
    assert compile_lenient([pattern, "x"]).matches("x")
