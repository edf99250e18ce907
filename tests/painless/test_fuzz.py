"""Random texts, random programs and random parameters: a string, null or a ScriptFailure, nothing else, within bounds."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.painless import Limits, ScriptFailure, compile_script, with_default_escape
from fairlead.painless.jsonl import read_params, whole_number
from fairlead.painless.lexer import END, ERROR, tokenize
from painless.conftest import engine_cases

SMALL = Limits(loop=4000, steps=20_000, characters=100_000, elements=20_000, regex_seconds=0.05)
MODEST = settings(max_examples=150, deadline=None)
MORE = settings(max_examples=300, deadline=None)

CASES = [(case["script"], case["params"]) for case in engine_cases()]
WORDS = sorted(
    {text for script, _ in CASES for kind, text, _ in tokenize(script) if kind not in (END, ERROR)}
    | {"'", '"', "/", "/*", "//", "\\", "#", "😀", "\u0000", "this", "void", "Map.Entry", "::", "->", "?."}
)


def attempt(source: str, params: dict[str, Any]) -> str | dict[str, Any] | None:
    """Runs a script; anything but a result or a failure of scripts leaves this function and fails the test."""
    try:
        result = compile_script(source).run(params, limits=SMALL)
    except ScriptFailure as failure:
        envelope = failure.envelope()
        json.dumps(envelope)
        assert envelope["type"] == "script_exception"
        return envelope
    assert result is None or type(result) is str
    return result


whole = st.integers(-(2**70), 2**70).map(lambda n: whole_number(str(n)))
leaves = st.one_of(
    st.none(), st.booleans(), whole, st.floats(), st.text(max_size=8), st.sampled_from(["1", "-2.5", "a,b", "😀x"])
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=8,
)


@MORE
@given(st.lists(st.sampled_from(WORDS), max_size=25), st.booleans())
def test_token_soup_is_answered(words: list[str], spaced: bool) -> None:
    attempt((" " if spaced else "").join(words), {"a": 1, "l": [1, 2], "s": "x"})


@MODEST
@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    attempt(text, {"a": 1})


@MORE
@given(st.data())
def test_an_engine_script_with_damaged_tokens_is_answered(data: st.DataObject) -> None:
    script, _ = data.draw(st.sampled_from(CASES))
    words = [text for kind, text, _ in tokenize(script) if kind not in (END, ERROR)]
    for _ in range(data.draw(st.integers(1, 3))):
        if not words:
            break
        place = data.draw(st.integers(0, len(words) - 1))
        change = data.draw(st.sampled_from(["replace", "insert", "drop", "swap"]))
        if change == "drop":
            del words[place]
        elif change == "swap":
            other = data.draw(st.integers(0, len(words) - 1))
            words[place], words[other] = words[other], words[place]
        else:
            words[place : place + (change == "replace")] = [data.draw(st.sampled_from(WORDS))]
    joined = " ".join(words).replace(". ", ".")
    attempt(joined, {"a": 1, "b": 2.5, "s": "abc", "l": [3, 1], "m": {"k": "v"}, "n": 5, "w": ["b", "a"]})


def _mutated(data: st.DataObject, value: Any) -> Any:
    if data.draw(st.integers(0, 3)) == 0:
        return data.draw(values)
    if isinstance(value, dict):
        return {key: _mutated(data, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mutated(data, item) for item in value]
    return value


@MORE
@given(st.data())
def test_an_engine_script_with_changed_parameters_is_answered(data: st.DataObject) -> None:
    script, params = data.draw(st.sampled_from(CASES))
    given_params = read_params(json.dumps(params))
    changed = {key: _mutated(data, value) for key, value in given_params.items()}
    attempt(with_default_escape(script, True), copy.deepcopy(changed))


# Programs from the grammar ----------------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "s", "l", "m", "params", "Integer", "Math", "x"])
members = st.sampled_from(
    ["a", "k", "length", "size()", "toString()", "trim()", "get(0)", "b.c", "keySet()", "add(1)", "0"]
)
literals = st.sampled_from(
    [
        "1",
        "0",
        "-7",
        "2147483647",
        "5L",
        "1.5",
        "2.5f",
        "0x10",
        "'x'",
        "''",
        '"q"',
        "true",
        "false",
        "null",
        "[]",
        "[:]",
        "/a+/",
    ]
)
operators = st.sampled_from(
    [
        "+",
        "-",
        "*",
        "/",
        "%",
        "<<",
        ">>",
        ">>>",
        "&",
        "|",
        "^",
        "==",
        "!=",
        "===",
        "!==",
        "<",
        "<=",
        ">",
        ">=",
        "&&",
        "||",
        "=~",
        "==~",
    ]
)
kinds = st.sampled_from(
    [
        "int",
        "long",
        "double",
        "float",
        "byte",
        "char",
        "boolean",
        "String",
        "def",
        "List",
        "Map",
        "Object",
        "Integer",
        "Number",
    ]
)


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, inner, operators, inner),
        st.builds("({})".format, inner),
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("{}{}".format, st.sampled_from(["-", "!", "~", "+"]), inner),
        st.builds("({}){}".format, kinds, inner),
        st.builds("{}.{}".format, inner, members),
        st.builds("{}?.{}".format, inner, members),
        st.builds("{}[{}]".format, names, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({} ?: {})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("['k': {}]".format, inner),
        st.builds("({} instanceof {})".format, inner, kinds),
        st.builds("params.l.stream().map(x -> {}).collect(Collectors.toList())".format, inner),
        st.builds("new ArrayList([{}])".format, inner),
        st.builds("Math.max({}, {})".format, inner, inner),
        st.builds("f({}, {})".format, inner, inner),
    )


expressions = st.recursive(st.one_of(names, literals, literals), _expressions, max_leaves=8)


def _statements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    block = st.lists(inner, min_size=1, max_size=3).map(" ".join)
    return st.one_of(
        st.builds("if ({}) {{ {} }}".format, expressions, block),
        st.builds("if ({}) {{ {} }} else {{ {} }}".format, expressions, block, block),
        st.builds("for (int i = 0; i < 3; i++) {{ {} }}".format, block),
        st.builds("for (q in {}) {{ {} }}".format, expressions, block),
        st.builds("while ({}) {{ {} }}".format, expressions, block),
        st.builds("try {{ {} }} catch (Exception e) {{ {} }}".format, block, block),
    )


simple = st.one_of(
    st.builds("{} {} = {};".format, kinds, st.sampled_from("abcdefgh"), expressions),
    st.builds("{} = {};".format, st.sampled_from(["a", "params.a", "l[0]", "m.k"]), expressions),
    st.builds(
        "{} {} {};".format,
        st.sampled_from(["a", "params.a", "l[0]"]),
        st.sampled_from(["+=", "*=", "|=", ">>="]),
        expressions,
    ),
    st.builds("{}{};".format, st.sampled_from(["a", "params.n", "b"]), st.sampled_from(["++", "--"])),
    st.builds("l.add({});".format, expressions),
    st.builds("return {};".format, expressions),
    st.builds("return '' + {};".format, expressions),
)
statements = st.recursive(simple, _statements, max_leaves=5)
programs = st.builds(
    "def f(def p, int q) {{ return {}; }} def l = [1, 'x']; def m = ['k': 2]; {} {}".format,
    st.sampled_from(["p", "'' + p + q", "q"]),
    st.lists(statements, max_size=4).map(" ".join),
    st.sampled_from(["return 'x';", "return '' + params;", "", "'end'"]),
)


@settings(max_examples=500, deadline=None)
@given(programs, st.fixed_dictionaries({"a": leaves, "n": whole, "l": st.lists(leaves, max_size=3), "b": values}))
def test_a_program_of_the_grammar_is_answered(program: str, params: dict[str, Any]) -> None:
    attempt(program, params)
