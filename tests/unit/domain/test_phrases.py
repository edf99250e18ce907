"""Phrases are found as whole words in a row, and only so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.phrases import Phrases

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=12)
PHRASES = st.lists(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4), max_size=5)


def slow(phrases: list[list[str]], words: list[str]) -> bool:
    """By definition: every phrase at every place."""
    return any(words[at : at + len(phrase)] == phrase for phrase in phrases for at in range(len(words)))


@given(PHRASES, WORDS)
def test_the_tree_finds_what_a_look_at_every_place_finds(phrases: list[list[str]], words: list[str]) -> None:
    assert Phrases(phrases).occur_in(words) is slow(phrases, words)


@given(PHRASES, WORDS, WORDS, WORDS)
def test_words_around_a_text_never_hide_what_was_found_in_it(
    phrases: list[list[str]], words: list[str], before: list[str], after: list[str]
) -> None:
    tree = Phrases(phrases)
    assert tree.occur_in([*before, *words, *after]) or not tree.occur_in(words)


def test_an_empty_phrase_is_found_nowhere() -> None:
    assert not Phrases([[]]).occur_in(["a"])
    assert not Phrases([["a"], []]).occur_in([])


class Counted(str):
    """A word that counts how often it is compared or looked up."""

    __slots__ = ()
    looks = 0

    def __hash__(self) -> int:
        Counted.looks += 1
        return str.__hash__(self)


def test_a_look_up_costs_the_words_of_the_text_whatever_the_phrases_are() -> None:
    tree = Phrases([["a"] * 400 + [f"b{n}"] for n in range(10)])
    Counted.looks = 0
    assert not tree.occur_in([Counted("a")] * 5_000)
    assert Counted.looks <= 3 * 5_000
