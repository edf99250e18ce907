"""Tokens: what starts a regular expression, what follows a dot, which characters are refused and where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.painless.lexer import END, ERROR, lexical_problem, string_value, tokenize


def kinds(text: str) -> list[str]:
    return [kind for kind, _, _ in tokenize(text)[:-1]]


def texts(text: str) -> list[str]:
    return [word for _, word, _ in tokenize(text)[:-1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a>>>=b", ["a", ">>>=", "b"]),
        ("a>>>b>>c>d", ["a", ">>>", "b", ">>", "c", ">", "d"]),
        ("a===b==~c", ["a", "===", "b", "==~", "c"]),
        ("a?.b?:c?d:e", ["a", "?.", "b", "?:", "c", "?", "d", ":", "e"]),
        ("x.in.0.float", ["x", ".", "in", ".", "0", ".", "float"]),
        ("x .y", ["x", ".", "y"]),
        ("089", ["0", "89"]),
        ("0x1FL 017 1.5e-3f 2d 7L", ["0x1FL", "017", "1.5e-3f", "2d", "7L"]),
        ("1.e", ["1", ".", "e"]),
        ("'it\\'s' \"\\\\\"", ["'it\\'s'", '"\\\\"']),
        ("a/*x*/b//c\nd", ["a", "b", "d"]),
        ("a//", ["a"]),
    ],
)
def test_a_text_is_cut_into_the_longest_tokens(text: str, words: list[str]) -> None:
    assert texts(text) == words


@pytest.mark.parametrize("before", ["x", "1", ")", "]", "a.b", "a.0"])
def test_a_slash_divides_after_a_value(before: str) -> None:
    assert "regex" not in kinds(f"{before} /a/ b")


@pytest.mark.parametrize("before", ["", "(", "=", "return", "}", "true", "null", "'s'", "=~", ",", "!"])
def test_a_slash_starts_a_regular_expression_after_anything_else(before: str) -> None:
    assert "regex" in kinds(f"{before} /a/i b")


def test_a_slash_without_another_divides_everywhere() -> None:
    assert texts("return / 2") == ["return", "/", "2"]


@pytest.mark.parametrize(
    ("text", "at", "shown"),
    [
        ("a $", 2, "unexpected character [$]."),
        ("a. b", 2, "unexpected character [ ]."),
        ("a..b", 2, "unexpected character [.]."),
        ("a.\nb", 2, "unexpected character [\\n]."),
        ("'x", 0, "unexpected character ['x]."),
        ("b /* c", 2, "unexpected character [/* c]."),
        (
            "'\\\"'",
            0,
            "unexpected character ['\\\"]. The only valid escape sequences in strings starting with ['] are [\\\\] and [\\'].",
        ),
        (
            '"\\n"',
            0,
            'unexpected character ["\\n]. The only valid escape sequences in strings starting with ["] are [\\\\] and [\\"].',
        ),
        ("ö", 0, "unexpected character [ö]."),
        ("a.", 2, "unexpected character []."),
    ],
)
def test_a_character_that_starts_no_token_is_reported_where_it_stands(text: str, at: int, shown: str) -> None:
    kind, _, place = tokenize(text)[-1]
    assert (kind, place) == (ERROR, at)
    problem = lexical_problem(text, place)
    assert (problem.offset, problem.cause.message) == (at, shown)


def test_strings_know_two_escapes() -> None:
    assert string_value("'a\\\\b\\'c\"'") == "a\\b'c\""
    assert string_value('"\n\t"') == "\n\t"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=" \n\t.'\"\\/*?:=<>&|+-aZ_09xf()[]{};,é$#", max_size=40))
def test_tokens_are_in_order_and_cover_what_they_say(text: str) -> None:
    tokens = tokenize(text)
    end = 0
    for kind, word, at in tokens[:-1]:
        assert at >= end
        assert text[at : at + len(word)] == word
        assert kind not in (END, ERROR)
        end = at + len(word)
    assert tokens[-1][0] in (END, ERROR)
