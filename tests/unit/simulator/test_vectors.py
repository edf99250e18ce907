"""Numbers that depend on the text alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.simulator.vectors import QUANTIZED, relevance, short_vector, sign_bits, tokens, unit_vector

ANY_TEXT = st.text(st.characters(), max_size=20)


def test_short_vectors_are_the_ones_of_the_records() -> None:
    # SHA-256 of "a" starts with ca 97 81 12.
    assert short_vector("a") == [0.289062, 0.089844, 0.003906, -0.429688]
    assert short_vector(1) == short_vector("1")
    assert short_vector(None) == short_vector("None")


@settings(max_examples=50)
@given(ANY_TEXT, st.integers(1, 64))
def test_unit_vectors_have_their_length_and_norm_1_and_never_change(text: str, length: int) -> None:
    vector = unit_vector(text, length)
    assert len(vector) == length
    assert sum(number * number for number in vector) == pytest.approx(1.0, abs=1e-6)
    unit_vector.cache_clear()
    assert unit_vector(text, length) == vector


def test_two_texts_have_two_vectors() -> None:
    assert unit_vector("a", 16) != unit_vector("b", 16)


@settings(max_examples=50)
@given(ANY_TEXT, st.integers(1, 40))
def test_quantized_numbers_fit_their_type(text: str, length: int) -> None:
    vector = unit_vector(text, length)
    limits = {"int8": (-128, 127), "uint8": (0, 255), "binary": (-128, 127), "ubinary": (0, 255)}
    for kind, (low, high) in limits.items():
        assert all(low <= number <= high for number in QUANTIZED[kind](vector))
    assert len(QUANTIZED["ubinary"](vector)) == -(-length // 8)


def test_sign_bits_start_at_the_top_and_end_in_zeros() -> None:
    assert sign_bits((1.0, -1.0, 0.0, 1.0)) == bytes([0b10010000])
    assert sign_bits((1.0,) * 9) == bytes([0xFF, 0x80])


def test_more_shared_words_score_higher() -> None:
    scores = [relevance("Capital France", text) for text in ("a rose", "the capital", "france has a CAPITAL")]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < 0.2 < scores[1] < 0.6 < scores[2] <= 1
    assert 0 <= relevance("", "x") <= 0.1


def test_a_token_is_four_characters_begun() -> None:
    assert [tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]
