"""Pre-process scripts: what they see of the input, what becomes of their answer, how function texts are filled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.fields import flatten
from fairlead.domain.dataset import Dataset, JsonText, QuestionAnswering, Remote, TextDocs, TextSimilarity, Value
from fairlead.engine.parameters import Parameters
from fairlead.engine.preprocess import AS_OBJECTS, AS_STRINGS, run_script, value_of
from fairlead.engine.scripts import fill, has_placeholders
from fairlead.errors import IllegalArgument


class Recorded:
    """A script in Python that remembers what it was given."""

    def __init__(self, answer: str | Callable[[dict[str, Any]], str] | None) -> None:
        self.answer = answer
        self.seen: dict[str, Any] = {}

    def run(self, params: dict[str, Any]) -> str | None:
        self.seen = params
        return self.answer(params) if callable(self.answer) else self.answer


def seen(dataset: Dataset, **owned: str) -> dict[str, Any]:
    script = Recorded('{"parameters":{}}')
    run_script(script, dataset, Parameters({name.replace("__", "."): text for name, text in owned.items()}, {}))
    return script.seen


def produced(answer: str | None) -> dict[str, Value]:
    return dict(run_script(Recorded(answer), TextDocs(("d",)), Parameters({}, {})))


SAY = 'say "hi"\n'
ESCAPED = 'say \\"hi\\"\\n'


def test_documents_and_queries_come_escaped_for_pasting_between_quotes() -> None:
    assert seen(TextDocs((SAY, None))) == {"algorithm": "TEXT_EMBEDDING", "text_docs": [ESCAPED, None]}
    similarity = {"algorithm": "REMOTE", "query_text": ESCAPED, "text_docs": [ESCAPED]}
    assert seen(TextSimilarity(SAY, (SAY,))) == similarity


def test_algorithm_parameters_are_seen_only_when_the_request_had_some() -> None:
    assert seen(TextDocs(("d",), {"content_type": "QUERY"}))["parameters"] == {"content_type": "QUERY"}
    assert seen(TextDocs(("d",), {}))["parameters"] == {}
    assert "parameters" not in seen(TextDocs(("d",)))


def test_a_question_and_its_context_come_unescaped() -> None:
    assert seen(QuestionAnswering(SAY, SAY)) == {"algorithm": "REMOTE", "question": SAY, "context": SAY}


def test_members_become_texts_when_asked_and_documents_are_escaped_once() -> None:
    """D-44: the original escapes documents twice here."""
    owned = {AS_STRINGS.replace(".", "__"): "true"}
    shown = seen(TextDocs((SAY, None), {"content_type": "QUERY"}), **owned)
    assert {name: type(value) for name, value in shown.items()} == dict.fromkeys(shown, str)
    assert json.loads(shown["text_docs"]) == [SAY, None]
    assert json.loads(shown["parameters"]) == {"content_type": "QUERY"}
    similarity = seen(TextSimilarity(SAY, (SAY,)), **owned)
    assert (similarity["query_text"], json.loads(similarity["text_docs"])) == (ESCAPED, [SAY])


def test_request_parameters_are_seen_as_texts_and_as_objects_when_asked() -> None:
    dataset = Remote(
        {"text": SAY, "list": JsonText('["a"]'), "typed": '{"a":1}', "broken": "{a", "n": JsonText("5"), "null": None}
    )
    typed = {"text": ESCAPED, "list": '["a"]', "typed": '{\\"a\\":1}', "broken": "{a", "n": "5", "null": None}
    assert seen(dataset) == typed
    assert all(type(value) in (str, type(None)) for value in seen(dataset).values())
    objects = {**typed, "list": ["a"], "typed": {"a": 1}}
    assert seen(dataset, **{AS_OBJECTS.replace(".", "__"): "true"}) == objects
    assert seen(Remote(None)) == {}


@pytest.mark.parametrize(
    ("answer", "parameters"),
    [
        ('{"parameters":{"a":"x","n":3,"f":3.0,"l":[1,2.50],"o":{"b":null},"t":true,"z":null}}',
         {"a": "x", "n": "3", "f": "3.0", "l": "[1,2.5]", "o": '{"b":null}', "t": "true", "z": None}),
        ('{"parameters":{}}', {}),
        ('{"other":1}', {}),
        ("{}", {}),
        ('{"parameters":{"big":12345678901234567890123}}', {"big": "12345678901234567890123"}),
    ],
)  # fmt: skip
def test_the_parameters_of_an_answer_keep_their_values(answer: str, parameters: dict[str, Value]) -> None:
    """Vector 32: integers keep their text (D-19), null stays null (D-08)."""
    found = produced(answer)
    assert found == parameters
    kinds = {name: type(value) for name, value in json.loads(answer).get("parameters", {}).items()}
    assert all(type(value) is JsonText for name, value in found.items() if kinds[name] not in (str, type(None)))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "Preprocess function output is null"),
        ("[1]", "Preprocess function output is not a JSON object"),
        ("5", "Preprocess function output is not a JSON object"),
        ('{"parameters":null}', "Preprocess function output: 'parameters' must be an object"),
        ('{"parameters":[1]}', "Preprocess function output: 'parameters' must be an object"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_400_that_says_why(answer: str | None, reason: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        produced(answer)
    assert (caught.value.reason, caught.value.status) == (reason, 400)


@pytest.mark.parametrize("answer", ["", "plain text", "{a:1}", '{"a":1', '{"a":1} more'])
def test_an_answer_that_is_no_json_is_a_400(answer: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        produced(answer)
    assert str(caught.value).startswith("Preprocess function output is not a JSON object: ")


def test_a_value_knows_whether_it_was_text() -> None:
    assert [type(value_of(value)) for value in ("a", None, 1, [1], {"a": "b"}, False)] == [str, type(None)] + [
        JsonText
    ] * 4


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_any_document_pasted_between_quotes_by_a_script_arrives_verbatim(text: str) -> None:
    def paste(params: dict[str, Any]) -> str:
        return f'{{"parameters":{{"inputText":"{params["text_docs"][0]}"}}}}'

    assert run_script(Recorded(paste), TextDocs((text,)), Parameters({}, {})) == {"inputText": text}

    def repaste(params: dict[str, Any]) -> str:
        return f'{{"parameters":{{"x":"{params["t"]}"}}}}'

    assert run_script(Recorded(repaste), Remote({"t": text}), Parameters({}, {})) == {"x": text}


@pytest.mark.parametrize(
    ("text", "request_values", "filled"),
    [
        ("def s = ${parameters.sep};", {"sep": 'a"b'}, 'def s = "a\\"b";'),
        ("${parameters.n}", {"n": 5}, '"5"'),
        ("${parameters.l}", {"l": ["a"]}, '"[\\"a\\"]"'),
        ("${parameters.z}", {"z": None}, "null"),
        ("${parameters.own}", {}, '"mine"'),
        ("${parameters.own}", {"own": "given"}, '"given"'),
        ("${parameters.gone}", {}, "${parameters.gone}"),
        ("def k = ${parameters.gone:-5};", {}, "def k = 5;"),
        ("${parameters.q}", {"q": "${parameters.own}"}, '"${parameters.own}"'),
        ("no placeholder", {}, "no placeholder"),
    ],
)
def test_placeholders_of_a_function_text_become_literals(
    text: str, request_values: dict[str, Any], filled: str
) -> None:
    values = {name: flatten(value) for name, value in request_values.items()}
    assert fill(text, Parameters({"own": "mine"}, values)) == filled
    assert has_placeholders(text) is ("${parameters." in text)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=20))
def test_any_value_in_a_function_text_is_one_literal(text: str) -> None:
    filled = fill("x(${parameters.t})", Parameters({}, {"t": text}))
    assert json.loads(filled[2:-1]) == text.encode("utf-8", "replace").decode()
