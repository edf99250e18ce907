"""Names, secrets, datasets and tensors: the small values that everything else is made of."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import re
import sys
import unicodedata

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.dataset import LOCAL_ALGORITHMS, TEXT_DOCS_ALGORITHMS, Algorithm, JsonText, TextDocs
from fairlead.domain.names import legible, name_faults
from fairlead.domain.secret import Secret
from fairlead.domain.tensor import DataType, RawJson, Tensor
from fairlead.domain.version import REFERENCE_VERSION

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "text", ["", "a Z 9", ".,!?():@-_'/\"", "a\tb\nc\r\x0b\x0c", "Ünïcødé", "日本語", "١٢٣", "Ⅷ½²"]
)
def test_letters_numbers_blanks_and_basic_punctuation_are_legible(text: str) -> None:
    assert legible(text)


@pytest.mark.parametrize(
    "character", [*"&+#;<>*=`%$[]{}|\\^~", "\x00", "\xa0", "\u0301", "😀", "\u2028", "\x1b", "\ud800", "“"]
)
def test_everything_else_is_not(character: str) -> None:
    assert not legible(f"a{character}b")


@settings(max_examples=200, deadline=None)
@given(st.characters())
def test_a_character_is_legible_by_the_class_of_the_spec(character: str) -> None:
    letter_or_number = unicodedata.category(character)[0] in "LN"
    assert legible(character) is (
        letter_or_number or re.fullmatch(r"[\s.,!?():@\-_/'\"]", character, re.ASCII) is not None
    )


def test_names_are_required_or_not_and_faults_say_of_what() -> None:
    tail = "can only contain letters, numbers, spaces, and basic punctuation (.,!?():@-_'/\")"
    for blank in (None, "", " \t"):
        needed = ["Model connector name is required and cannot be null or blank"]
        assert name_faults("Model connector", "name", blank, required=True) == needed
        assert name_faults("Model connector", "description", blank, required=False) == []
    assert name_faults("Model", "name", "a&b", required=True) == [f"Model name {tail}"]
    assert name_faults("Model connector", "description", "a$b", required=False) == [
        f"Model connector description {tail}"
    ]
    assert name_faults("Model", "name", "a b", required=True) == []


def test_a_secret_shows_itself_nowhere_but_by_name() -> None:
    secret = Secret(CANARY)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>20}",
        f"{secret!r}",
        logging.makeLogRecord({"msg": "a %s", "args": (secret,)}).getMessage(),
        repr([secret]),
        repr({"k": secret}),
    ]
    assert not [text for text in shown if CANARY in text]
    assert secret.reveal() == CANARY
    assert CANARY not in str(vars(type(secret)))


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy, json.dumps, orjson.dumps, sys.stdout.write])
def test_a_secret_cannot_be_written_or_copied(write: object) -> None:
    assert callable(write)
    with pytest.raises(TypeError) as caught:
        write(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_secrets_are_equal_by_their_text_but_not_to_a_text() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    with pytest.raises(TypeError):
        sorted([Secret("b"), Secret("a")])  # type: ignore[type-var]


def test_json_text_is_a_text_that_knows_it_is_json() -> None:
    assert JsonText("5") == "5"
    assert {JsonText("5"): 1}["5"] == 1
    assert orjson.dumps({"a": JsonText("[1]")}) == b'{"a":"[1]"}'
    assert not hasattr(JsonText("5"), "__dict__")


def test_algorithms_of_remote_and_local_models_are_disjoint() -> None:
    assert not LOCAL_ALGORITHMS & set(Algorithm)
    assert set(Algorithm) >= TEXT_DOCS_ALGORITHMS
    assert TextDocs(("a",)) == TextDocs(("a",), None, None)


def test_data_types_stand_in_the_order_in_which_filters_are_searched() -> None:
    order = "FLOAT32 FLOAT64 FLOAT16 UINT8 INT32 INT8 INT64 BOOLEAN UNKNOWN STRING BINARY UBINARY"
    assert [str(kind) for kind in DataType] == order.split()


def test_an_empty_tensor_holds_nothing() -> None:
    assert Tensor() == Tensor(None, None, None, None, None, None)
    assert RawJson(b"{}") == RawJson(b"{}")


def test_the_release_we_answer_as_is_that_of_the_records() -> None:
    assert REFERENCE_VERSION == "3.6.0"
