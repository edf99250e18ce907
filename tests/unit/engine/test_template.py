"""Bodies from templates: the tables of spec/03 section 2 as cases, and what holds for whatever a caller sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlead.api.decode.fields import flatten
from fairlead.domain.connector import Action, ActionType
from fairlead.domain.dataset import JsonText, Value
from fairlead.engine.parameters import Parameters
from fairlead.engine.payload import Body
from fairlead.engine.template import Template, escape, is_json
from fairlead.errors import FairleadError, IllegalArgument

TABLES = json.loads((Path(__file__).parent / "cases" / "template.json").read_text("utf-8"))


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


def rendered(body: str, case: dict[str, Any]) -> str:
    owned: dict[str, str] = case.get("connector", {})
    request = {name: flatten(value) for name, value in case.get("request", {}).items()}
    action = Action(ActionType.PREDICT, "POST", "https://h/", request_body=body)
    return Body(action, owned).text(Parameters(owned, request))


@pytest.mark.parametrize("case", TABLES["substitution"], ids=named)
def test_a_placeholder_in_a_string_becomes(case: dict[str, Any]) -> None:
    body = f'{{"v":"{case["body"]}"}}'
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            rendered(body, case)
        assert caught.value.reason == case["error"]
    else:
        assert json.loads(rendered(body, case)) == {"v": case["value"]}


@pytest.mark.parametrize("case", TABLES["bodies"], ids=named)
def test_a_body_becomes(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            rendered(case["body"], case)
        assert caught.value.reason == case["error"]
    elif "text" in case:
        assert rendered(case["body"], case) == case["text"]
    elif "ndjson" in case:
        assert [json.loads(line) for line in rendered(case["body"], case).splitlines()] == case["ndjson"]
    else:
        assert json.loads(rendered(case["body"], case)) == case["json"]


def test_placeholders_left_open_in_strings_are_handed_to_the_caller() -> None:
    template = Template('{"a":"${parameters.a}","b":"${parameters.b:-x}"}', {})
    assert template.render(Parameters({}, {})) == ('{"a":"${parameters.a}","b":"x"}', ["${parameters.a}"])


def test_one_template_renders_many_times_without_remembering_values() -> None:
    template = Template('{"a":"${parameters.a}","b":"${parameters.b}"}', {"b": '"'})
    first, last = {"a": "1", "b": "2"}, {"a": "3", "b": "4"}
    for values in (first, last, first):
        assert json.loads(template.render(Parameters({"b": '"'}, values))[0]) == values


@pytest.mark.parametrize(
    ("text", "holds"),
    [("{}", True), (" [1] ", True), ("5", True), ("null", True), ('"a"', True), ("", False), (" ", False)]
    + [(text, False) for text in ("{a:1}", "{'a':1}", "[1,]", "[1] x", "01", "NaN", "1e999", '"\\ud800"', "\ud800")],
)
def test_strict_json_is_told_from_everything_else(text: str, holds: bool) -> None:
    assert is_json(text) is holds


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


# What a caller may send.

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.sampled_from(
    ['"', "\\", '\\"', '","x":"', '"}', "{", "${parameters.t}", "${parameters.", "}", "\u2028", "\x00", "\x7f", "null",
     '{"a":1}', '["a"]', "5", '"quoted"', "1,2", '1,"b":2', "[1,\n2]", "two\r\nlines", "${credential.key}", "😀/é"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OWNED = {
    "own": "mine",
    "nested": "<${parameters.t}|${parameters.u:-none}>",
    "object": '{"own":"${parameters.t}","bare":${parameters.j:-0}}',
    "member": ',"k":"${parameters.t}"',
    "quote": '"',
}
QUOTED = [
    "${parameters.t}",
    "a ${parameters.t} z",
    "${parameters.t:-d}",
    "${parameters.t.toString()}",
    "$${parameters.t}",
]


def call(owned: dict[str, str], given: dict[str, Any]) -> Parameters:
    return Parameters(owned, {name: flatten(value) for name, value in given.items()})


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, before=st.sampled_from(["", "x", "\\\\", "\\n", "$"]), after=st.sampled_from(["", "y", "\\u0041"]))
def test_any_text_arrives_verbatim_in_a_quoted_slot(text: str, before: str, after: str) -> None:
    body = f'{{"v":"{before}${{parameters.t}}{after}","w":["${{parameters.t:-null}}"]}}'
    seen = json.loads(Template(body, {}).render(call({}, {"t": text}))[0])
    assert seen == {"v": json.loads(f'"{before}"') + text + json.loads(f'"{after}"'), "w": [text]}


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, other=TEXTS)
def test_any_text_arrives_verbatim_through_the_connectors_own_texts(text: str, other: str) -> None:
    body = '{"n":"${parameters.nested}","o":${parameters.object}${parameters.member}}'
    seen = json.loads(Template(body, OWNED).render(call(OWNED, {"t": text, "u": other}))[0])
    assert seen == {"n": f"<{text}|{other}>", "o": {"own": text, "bare": 0}, "k": text}


@settings(max_examples=150, deadline=None)
@given(value=JSON)
@example(value=1e-7)
@example(value=[1e22, {"k": "\u2028"}])
def test_any_json_value_arrives_as_that_value_in_a_bare_slot(value: Any) -> None:
    if type(value) is str:
        value = [value]
    body = '{"v":${parameters.j},"w":[${parameters.j:-0}],"x":${parameters.object}}'
    seen = json.loads(Template(body, OWNED).render(call(OWNED, {"j": value, "t": "t"}))[0])
    assert seen == {"v": value, "w": [value], "x": {"own": "t", "bare": value}}


@settings(max_examples=200, deadline=None)
@given(
    text=TEXTS,
    body=st.sampled_from(['{"v":${parameters.t}}', '[${parameters.t:-1},"x"]', '{"a":{}}\n{"v":${parameters.t}}']),
)
def test_any_text_in_a_bare_slot_is_its_json_value_or_is_refused_by_name_without_an_echo(text: str, body: str) -> None:
    for sent in (text, f"canary-7f3a {text}"):
        found = tried(lambda sent=sent: Template(body, {}).render(call({}, {"t": sent})))  # type: ignore[misc]
        if isinstance(found, FairleadError):
            assert isinstance(found, IllegalArgument)
            assert found.status == 400
            assert str(found).startswith(f"Invalid payload: {body}")
            assert "${parameters.t" in body
            assert "canary" not in str(found)
            assert not is_json(sent)
        else:
            out, left = found
            assert left == []
            assert json.loads(out.split("\n")[-1]) in ({"v": json.loads(sent)}, [json.loads(sent), "x"])


PIECES = st.sampled_from(
    [
        *QUOTED, "${parameters.j}", "${parameters.quote}", "${parameters.nested}", "${parameters.object}",
        '${parameters.u:-"}', '"', "{", "}", "[", "]", ",", ":", "\\", "1", " ", "a", "\n", '"k":',
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(PIECES, max_size=12), text=TEXTS, value=JSON)
@example(pieces=["{", '"k":', '${parameters.u:-"}', "}"], text="", value=0)
@example(pieces=["[", '"', "\\", "${parameters.t}", '"', "]"], text='",1', value=0)
@example(pieces=["[", "${parameters.quote}", "${parameters.t}", '"', "]"], text='"', value=0)
def test_any_template_renders_strict_json_or_refuses_and_never_expands_or_echoes_a_value(
    pieces: list[str], text: str, value: Any
) -> None:
    sent = f"canary-7f3a{text}${{parameters.own}}"
    body = "".join(pieces)
    found = tried(lambda: Template(body, OWNED).render(call(OWNED, {"t": sent, "j": value, "u": sent})))
    if isinstance(found, FairleadError):
        assert (type(found), found.status) == (IllegalArgument, 400)
        assert "canary" not in str(found)
        return
    out = found[0]
    lines = [out] if is_json(out) else [line for line in out.splitlines() if line.strip()]
    seen = [text for line in lines for text in strings(json.loads(line)) if "canary" in text]
    assert len(seen) <= out.count("canary")
    assert all(sent in text for text in seen)
    assert out.count("canary") == sum(text.count("canary") for text in seen)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [found for pair in value.items() for item in pair for found in strings(item)]
    return [found for item in value for found in strings(item)] if isinstance(value, list) else []


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=20))
def test_escaping_holds_for_every_text_even_half_a_surrogate_pair(text: str) -> None:
    assert json.loads(f'"{escape(text)}"') == text.encode("utf-8", "replace").decode()


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["t", "own", "j"]), st.none() | TEXTS | TEXTS.map(lambda text: JsonText(json.dumps(text)))
    )
)
def test_given_values_win_and_owned_ones_stand_for_the_rest(values: dict[str, Value]) -> None:
    parameters = Parameters(OWNED, values)
    assert parameters.merged() == {**OWNED, **values}
    assert all(parameters.text(name) == value for name, value in values.items())
    assert parameters.text("quote") == '"'
    assert parameters.text("absent") is None
