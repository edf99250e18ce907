"""JSONPath against what Jayway's library answered (cases/read.json, cases/write.json) and against RFC 9535.

A row with `jayway` differs on purpose: what version 2.9.0 answers stands there, what we answer beside it.
"""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jsonpath
from fairlead.engine.jsonpath import Path, at, compile_path
from fairlead.errors import FairleadError, IllegalArgument, InvalidPath, PathNotFound
from fairlead.java.regex import RegexTimeout

CASES = File(__file__).parent / "cases"
READ = json.loads((CASES / "read.json").read_text())
WRITE = json.loads((CASES / "write.json").read_text())
ERRORS: dict[str, type[FairleadError]] = {
    "InvalidPath": InvalidPath,
    "PathNotFound": PathNotFound,
    "IllegalArgument": IllegalArgument,
}
PROVIDER = "com.jayway.jsonpath.spi.json.JsonSmartJsonProvider"


def named(case: dict[str, Any]) -> str:
    return f"{case['document']}: {case.get('operation', '')} {case['path']}"


def exact(value: object) -> str:
    """Order of keys and kinds of numbers count."""
    return json.dumps(value)


@pytest.mark.parametrize("case", READ["cases"], ids=named)
def test_a_path_reads_what_jayway_reads(case: dict[str, Any]) -> None:
    document = READ["documents"][case["document"]]
    before = exact(document)
    if case.get("error") == "InvalidPath":
        with pytest.raises(InvalidPath) as refused:
            compile_path(case["path"])
        assert refused.value.reason == case.get("message", refused.value.reason)
        return
    path = compile_path(case["path"])
    assert path.definite is case["definite"]
    if "error" in case:
        with pytest.raises(ERRORS[case["error"]]) as raised:
            path.read(document)
        assert type(raised.value) is ERRORS[case["error"]]
        assert raised.value.reason == case["message"]
    else:
        assert exact(path.read(document)) == exact(case["value"])
        if "paths" in case:
            assert path.paths(document) == case["paths"]
    assert exact(document) == before


@pytest.mark.parametrize("case", [case for case in READ["cases"] if case.get("rfc9535")], ids=named)
def test_a_path_of_the_common_dialect_reads_what_rfc_9535_reads(case: dict[str, Any]) -> None:
    document = READ["documents"][case["document"]]
    found = jsonpath.findall(case["path"], document)
    value = compile_path(case["path"]).read(document)
    assert exact(found) == exact([value] if compile_path(case["path"]).definite else value)


@pytest.mark.parametrize("case", WRITE["cases"], ids=named)
def test_a_path_sets_and_deletes_what_jayway_does(case: dict[str, Any]) -> None:
    document = copy.deepcopy(WRITE["documents"][case["document"]])
    path = compile_path(case["path"])

    def change() -> None:
        if case["operation"] == "set":
            path.set(document, "N")
        else:
            path.delete(document)

    if "error" in case:
        with pytest.raises(PathNotFound):
            change()
        assert document == WRITE["documents"][case["document"]]
    else:
        change()
        assert exact(document) == exact(case["value"])


def test_the_recorded_misses_have_the_recorded_texts() -> None:
    """parity area filter: misses fall back to the whole reply."""
    document = {"s": "text", "n": 5, "l": [1, 2, 3], "z": None}
    for path, found, reason in (
        ("$.none", document, "No results for path: $['none']"),
        ("$.l[9]", document, "No results for path: $['l'][9]"),
        ("$.none[*].x", document, "Missing property in path $['none']"),
        ("$.data[*].embedding", {"x": 1}, "Missing property in path $['data']"),
        (
            "$.s.deeper",
            document,
            "Expected to find an object with property ['deeper'] in path $['s'] but found 'java.lang.String'."
            f" This is not a json object according to the JsonProvider: '{PROVIDER}'.",
        ),
        (
            "$.a",
            [{"a": 1}],
            "Expected to find an object with property ['a'] in path $ but found 'net.minidev.json.JSONArray'."
            f" This is not a json object according to the JsonProvider: '{PROVIDER}'.",
        ),
    ):
        with pytest.raises(PathNotFound) as raised:
            compile_path(path).read(found)
        assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "java.lang.Integer"),
        (2**40, "java.lang.Long"),
        (2**70, "java.math.BigInteger"),
        (1.5, "java.lang.Double"),
        (True, "java.lang.Boolean"),
        (None, "null"),
    ],
)
def test_a_miss_names_the_java_class_of_what_it_met(value: object, name: str) -> None:
    with pytest.raises(PathNotFound, match=f"found '{name}'"):
        compile_path("$.v.x").read({"v": value})


def test_a_miss_shows_the_beginning_of_a_value_only() -> None:
    for value in ({"k": ["x" * 10_000] * 50}, {f"k{n}": n for n in range(10_000)}, "x" * 100_000):
        with pytest.raises(PathNotFound) as raised:
            compile_path("$.v[0]").read({"v": value})
        assert raised.value.reason is not None
        assert len(raised.value.reason) < 300


def test_an_empty_path_is_an_illegal_argument_and_no_invalid_path() -> None:
    with pytest.raises(IllegalArgument) as raised:
        compile_path("")
    assert raised.value.reason == "path can not be null or empty"
    assert not isinstance(raised.value, InvalidPath)


@pytest.mark.parametrize("path", ["$.s[0]", "$.s[0][0]", "$[0][0]", "$.l[0][0]"])
def test_an_index_never_looks_into_a_string(path: str) -> None:
    with pytest.raises(PathNotFound):
        compile_path(path).read({"s": "text", "l": ["ab"]})
    with pytest.raises(PathNotFound):
        compile_path(path).read(["ab"])


@pytest.mark.parametrize(
    "path", ["$" + "[?(@" * 60 + ")]" * 60, "$[?(" + "(" * 60 + "@.a" + ")" * 60 + ")]", "$.a" * 5000, "$.sum(" * 60]
)
def test_length_and_nesting_are_bounded(path: str) -> None:
    with pytest.raises(InvalidPath):
        compile_path(path)


def test_a_pattern_in_a_filter_is_timed() -> None:
    with pytest.raises(RegexTimeout):
        compile_path("$[?(@ =~ /(x+x+)+([^x])*(?!z)(x+x+)+y/)]").read(["x" * 5000])


def deep(levels: int) -> Any:
    value: Any = {"leaf": 1}
    for _ in range(levels):
        value = {"k": [value]}
    return value


def test_depth_of_a_document_is_no_limit() -> None:
    document = deep(5000)
    assert compile_path("$..leaf").read(document) == [1]
    assert len(compile_path("$..k").read(document)) == 5000
    assert compile_path("$[?(@.k == @.k)]").read(document)[0] is document
    assert len(compile_path("$..leaf").locations(document)[0]) == 10_001


def test_paths_are_kept_compared_and_pickled_by_text() -> None:
    path = compile_path("$.a[*].b")
    assert path is compile_path("$.a[*].b")
    copied = pickle.loads(pickle.dumps(path))
    assert copied == path
    assert copied.read({"a": [{"b": 1}]}) == [1]
    assert compile_path.cache_info().maxsize is not None


def test_deleting_keeps_what_was_not_hit() -> None:
    document = {"l": [0, 1, 2, 3, [4, 5]], "m": {"l": [6]}}
    compile_path("$.l[0,2,0,-1]").delete(document)
    assert document == {"l": [1, 3], "m": {"l": [6]}}
    compile_path("$..l").delete(document)
    assert document == {"m": {}}
    ten = {"l": list(range(12))}
    compile_path("$.l[2,10,11,1]").delete(ten)
    assert ten == {"l": [0, 3, 4, 5, 6, 7, 8, 9]}


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from("ab1"),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c d", "1"]), v, max_size=3),
    max_leaves=10,
)
STEPS = st.sampled_from(
    [
        ".a",
        ".b",
        "['a']",
        "['c d','a']",
        "[0]",
        "[-1]",
        "[0,1]",
        "[:2]",
        "[-2:]",
        "[-2:2]",
        "[*]",
        ".*",
        "..a",
        "..*",
        "..[0]",
        "[?(@.a)]",
        "[?(@ == 1)]",
        "[?(!@.b || @.a in [1,'a',null])]",
        "[?(@.a =~ /a|1/i && $.b)]",
        "[?(@ size 1)]",
        "[?(@.a < $.b)]",
        "[?(@..a)]",
        "[?(@ contains 'a')]",
        "[?(@ subsetof [1,2])]",
        "..[?(@.a)]",
    ]
)
ENDS = st.sampled_from(
    ["", "", "", ".length()", ".sum()", ".keys()", ".first()", ".concat($..a)", ".append(1)", ".index(-1)"]
)
PATHS = st.tuples(st.lists(STEPS, max_size=4).map("".join), ENDS).map(lambda parts: "$" + "".join(parts))
GARBAGE = st.lists(
    st.sampled_from([*"$@.[]()?*:,'\"!&|=<>~ab01- \\/{}é", "[?(", "..", "&&", "in", ".sum(", "size", "null", "=~ /"]),
    max_size=14,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(PATHS, DOCUMENTS)
def test_a_valid_path_reads_any_document_or_misses(text: str, document: Any) -> None:
    path = compile_path(text)
    before = exact(document)
    try:
        path.read(document)
    except PathNotFound:
        pass
    assert exact(document) == before


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=4).map("".join), DOCUMENTS)
def test_locations_lead_to_what_is_read(steps: str, document: Any) -> None:
    path = compile_path("$" + steps)
    try:
        value = path.read(document)
    except PathNotFound:
        return
    values = [at(document, location) for location in path.locations(document)]
    if not steps.endswith("['c d','a']"):  # a union of names at the end reads as one object
        assert exact(values) == exact([value] if path.definite else value)
    for concrete, found in zip(path.paths(document), values, strict=True):
        assert exact(compile_path(concrete).read(document)) == exact(found)


@settings(max_examples=300, deadline=None)
@given(GARBAGE | PATHS | st.text(max_size=12), DOCUMENTS)
def test_any_text_is_a_path_or_an_error_of_ours(text: str, document: Any) -> None:
    try:
        path = compile_path(text)
    except IllegalArgument:
        return
    for use in (Path.read, Path.paths, lambda p, d: p.set(d, 1), Path.delete):
        try:
            use(path, copy.deepcopy(document))
        except PathNotFound:
            continue
