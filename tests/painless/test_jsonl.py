"""`fairlead painless`: one line in, one line out, whatever the line holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.painless.jsonl import BadInput, read_params, run_lines
from fairlead.painless.runtime.values import BigInteger, Long


def answers(*lines: str) -> list[dict[str, Any]]:
    written: list[str] = []
    run_lines(lines, written.append)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in written)
    return [json.loads(line) for line in written]


def line(script: str, **params: Any) -> str:
    return json.dumps({"script": script, "params": params})


def test_each_line_is_answered_in_order() -> None:
    assert answers(line("return params.a;", a="x"), line("return null;"), line("return '' + params.n;", n=3)) == [
        {"result": "x"},
        {"result": None},
        {"result": "3"},
    ]


def test_blank_lines_are_passed_over() -> None:
    assert answers("", "  \n", line("return 'x';")) == [{"result": "x"}]


def test_params_may_be_left_out() -> None:
    assert answers('{"script": "return \'x\';"}') == [{"result": "x"}]


def test_a_failure_is_the_envelope() -> None:
    (answer,) = answers(line("return params.a.b;"))
    assert answer["error"]["type"] == "script_exception"
    assert answer["error"]["caused_by"]["type"] == "null_pointer_exception"
    assert answer["error"]["position"]["offset"] == 15


def test_the_proper_escape_is_there() -> None:
    assert answers(line("return escape(params.t);", t='"\t')) == [{"result": '\\"\\t'}]


def test_one_line_cannot_see_what_another_did() -> None:
    changing = line("params.l.add(1); return '' + params.l;", l=[])
    assert answers(changing, changing) == [{"result": "[1]"}, {"result": "[1]"}]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", int),
        ("-2147483648", int),
        ("2147483648", Long),
        ("-9223372036854775808", Long),
        ("9223372036854775808", BigInteger),
        ("1.0", float),
        ("1e2", float),
        ("true", bool),
        ('"x"', str),
        ("null", type(None)),
        ("[]", list),
        ("{}", dict),
    ],
)
def test_numbers_have_the_type_that_jackson_gives_them(text: str, kind: type) -> None:
    assert type(read_params(f'{{"v": {text}}}')["v"]) is kind


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a": 1, "a": 2}', "Duplicate field 'a'"),
        ('{"a": {"b": 1, "b": 2}}', "Duplicate field 'b'"),
        ("[1]", "params is not an object"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a": ' + "9" * 1001 + "}", "a number of 1001 digits is longer than 1000"),
        ('{"a": 1', "Expecting"),
        ("{" + '"a":{' * 20_000, "nested too deeply"),
    ],
    ids=lambda value: value[:20],
)
def test_params_that_jackson_refuses_are_refused(text: str, shown: str) -> None:
    with pytest.raises(BadInput, match=shown):
        read_params(text)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        "1",
        "null",
        '{"script": 1}',
        '{"script": "return 1;", "params": []}',
        "{}",
        '{"script": "x", "more": 1}',
        "\x00",
        "{" * 100_000,
    ],
    ids=lambda value: value[:20],
)
def test_a_line_that_is_no_request_is_an_error_line(text: str) -> None:
    (answer,) = answers(text)
    assert answer["error"]["type"] == "illegal_argument_exception"
    assert answer["error"]["reason"]


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60), st.dictionaries(st.text(max_size=4), st.one_of(st.none(), st.floats(), st.text(max_size=4)))
)
def test_any_script_and_params_give_one_line(script: str, params: dict[str, Any]) -> None:
    (answer,) = answers(json.dumps({"script": script, "params": params}))
    assert set(answer) in ({"result"}, {"error"})


def test_half_a_pair_in_a_result_is_written_as_an_escape() -> None:
    written: list[str] = []
    run_lines([line("return params.s.substring(1);", s="😀x")], written.append)
    assert written == ['{"result":"\\ude00x"}\n']
