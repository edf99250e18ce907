"""Processor chains (spec/03 section 7.3, D-23 to D-25); the rules are the rows of cases/chains.json."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.engine.processors import PROCESSORS, Chain, compile_chain
from fairlead.engine.processors.chain import MAX_NESTING
from fairlead.errors import IllegalArgument
from fairlead.java.regex import RegexTimeout

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases" / "chains.json").read_text())
SLOW = {"type": "regex_replace", "pattern": "(x+x+)+([^x])*(?!z)(x+x+)+y"}


def compiled(config: object) -> Chain:
    chain = compile_chain(config)  # type: ignore[arg-type]
    assert chain is not None
    return chain


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_rule_holds(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(IllegalArgument) as raised:
            compile_chain(case["config"])
        assert raised.value.reason == case["error"]
    elif "chain" in case:
        assert compile_chain(case["config"]) is None
    else:
        value = copy.deepcopy(case["value"])
        result = compiled(case["config"]).run(value)
        assert json.dumps(result) == json.dumps(case["result"])
        assert value == case["value"], "the value itself is never changed"


@pytest.mark.parametrize("case", [case for case in CASES if "result" in case], ids=lambda case: case["name"])
def test_a_chain_as_text_is_the_chain_as_list(case: dict[str, Any]) -> None:
    config = case["config"] if isinstance(case["config"], str) else json.dumps(case["config"])
    assert json.dumps(compiled(config).run(case["value"])) == json.dumps(case["result"])


def test_the_table_has_the_ten_types_and_a_case_for_each() -> None:
    assert len(PROCESSORS) == 10
    text = json.dumps([case["config"] for case in CASES if "result" in case])
    for name, row in PROCESSORS.items():
        assert f'"type": "{name}"' in text
        assert row.name == name
        assert row.doc
        assert row.options


def test_a_payload_comes_out_as_text() -> None:
    chain = compiled([{"type": "set_field", "path": "$.n", "value": 5}])
    assert chain.run_text('{"a":1.0}') == '{"a":1.0,"n":5}'
    assert compiled([{"type": "to_string"}]).run_text("plain") == "plain"


def test_results_share_nothing_with_the_configuration() -> None:
    config: list[Any] = [{"type": "set_field", "path": "$.n", "value": {"deep": [1]}}]
    chain = compiled(config)
    first = chain.run({})
    first["n"]["deep"].append(2)
    assert chain.run({}) == {"n": {"deep": [1]}}
    chain = compiled([{"type": "jsonpath_filter", "path": "$.z", "default": [1]}])
    chain.run({}).append(2)
    assert chain.run({}) == [1]


def test_hits_written_together_stay_apart() -> None:
    chain = compiled(
        [
            {"type": "set_field", "path": "$.l[*].n", "value": {"v": []}},
            {"type": "set_field", "path": "$.l[0].n.v", "value": 1},
        ]
    )
    assert chain.run({"l": [{}, {}]}) == {"l": [{"n": {"v": 1}}, {"n": {"v": []}}]}


@pytest.mark.parametrize(
    "config",
    [
        [SLOW],
        [{**SLOW, "type": "regex_capture"}],
        [{"type": "for_each", "path": "$", "processors": SLOW}],
        [{"type": "process_and_set", "path": "$.a", "processors": [SLOW]}],
        [{"type": "conditional", "routes": [{f"regex:.*{SLOW['pattern']}": {"type": "to_string"}}]}],
        [{"type": "conditional", "routes": [{"exists": SLOW}]}],
        [{"type": "jsonpath_filter", "path": f"$[?(@ =~ /{SLOW['pattern']}/)]"}],
    ],
)
def test_a_pattern_that_takes_too_long_is_an_error_and_no_untouched_value(config: list[Any]) -> None:
    with pytest.raises(RegexTimeout):
        compiled(config).run(["x" * 5000])


def test_nesting_is_bounded() -> None:
    step: dict[str, Any] = {"type": "to_string"}
    for _ in range(MAX_NESTING):
        step = {"type": "for_each", "path": "$", "processors": step}
    assert compiled([step]).run([[1]]) is not None
    with pytest.raises(IllegalArgument, match="nested deeper"):
        compile_chain([{"type": "for_each", "path": "$", "processors": step}])


def test_texts_are_compiled_once_and_chains_are_pickled_by_configuration() -> None:
    text = '[{"type":"to_string"}]'
    assert compile_chain(text) is compile_chain(text)
    for config in (text, json.loads(text)):
        assert pickle.loads(pickle.dumps(compiled(config))).run(5) == "5"
    long = json.dumps([{"type": "jsonpath_filter", "path": "$.a", "default": "x" * 20_000}])
    assert compile_chain(long) is not compile_chain(long)


def test_deep_values_are_left_or_processed_but_never_a_crash() -> None:
    value: Any = 1
    for _ in range(3000):
        value = [value]
    for config in (
        {"type": "to_string"},
        {"type": "regex_replace", "pattern": "1", "replacement": "2"},
        {"type": "regex_capture", "pattern": "(1)"},
        {"type": "set_field", "path": "$[0]", "value": 1},
        {"type": "remove_jsonpath", "paths": ["$[0]"]},
        {"type": "for_each", "path": "$", "processors": {"type": "to_string"}},
        {"type": "conditional", "routes": [{"contains:1": {"type": "to_string"}}]},
    ):
        compiled([config]).run(value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "type"]), v, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    ["$", "$.a", "$.a.b", "$.a[*]", "$..b", "$.a[0].b", "b", "$.a[?(@.b)]", "$['a','b']", "$.a.length()", "$.", ""]
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "path": PATHS,
        "paths": st.lists(PATHS, max_size=3) | JSON,
        "pattern": st.sampled_from(["a", "(a)|(b)", ".*", "(", ""]),
        "replacement": st.sampled_from(["", "x", "$1", "$9", "${n}"]),
        "groups": st.sampled_from(["1", "[1,2]", "x"]) | JSON,
        "value": JSON,
        "source_path": PATHS,
        "default": JSON,
        "extract_type": st.sampled_from(["auto", "object", "array", "x"]),
        "escape_json": JSON,
        "replace_all": JSON,
    },
)
LEAVES = st.tuples(st.sampled_from(sorted(PROCESSORS)), OPTIONS).map(lambda made: {**made[1], "type": made[0]})
STEPS = st.recursive(
    LEAVES,
    lambda inner: st.tuples(
        st.sampled_from(["for_each", "process_and_set", "conditional"]),
        PATHS,
        st.lists(inner, max_size=2) | inner,
        st.sampled_from(["exists", "null", ">1", "regex:a.*", "contains:a", "a", "regex:("]),
    ).map(lambda made: {"type": made[0], "path": made[1], "processors": made[2], "routes": [{made[3]: made[2]}]}),
    max_leaves=4,
)
VALUES = JSON | st.sampled_from(['{"a":{"b":[1,2]}}', '{"a":[{"b":1},{"b":"a"}],"b":2}', "[1", "text {"])


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=3) | JSON, VALUES)
def test_any_configuration_and_value_works_or_is_an_error_of_ours(config: Any, value: Any) -> None:
    before = json.dumps(value)
    try:
        chain = compile_chain(json.dumps(config))
    except IllegalArgument:
        return
    if chain is not None:
        json.dumps(chain.run(value))
    assert json.dumps(value) == before
