"""Embeddings as raw text: equal to the way through numbers wherever they are given, and never given for a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlead.api.encode import encode
from fairlead.domain.tensor import InferenceResult, RawJson, Tensor
from fairlead.engine import raw_embeddings as raw
from fairlead.engine.functions.post import POST_FUNCTIONS, PREFIX, PostFunction, data_type_of
from fairlead.engine.interpret import interpret
from fairlead.engine.parameters import Parameters
from fairlead.errors import FairleadError

EMBEDDERS = {name: row for name, row in POST_FUNCTIONS.items() if row.per_document or row.single}
NONE = Parameters({}, {})
PAD = " " * raw.RAW_FROM
OPENAI = "$.data[*].embedding"


def shown(tensors: list[Tensor]) -> Any:
    return json.loads(encode([InferenceResult(tuple(tensors), 200)]))


def outcome(body: bytes, post: PostFunction, parameters: Parameters = NONE) -> Any:
    """The reply's tensors, or what is said of it."""
    try:
        return shown(interpret(body, post, parameters, "PREDICT", -1))
    except FairleadError as fault:
        return type(fault), fault.reason, fault.cause and (type(fault.cause), fault.cause.reason)


def both(body: bytes, post: PostFunction) -> tuple[Any, Any]:
    """The outcome of the general way, and of a reply so large that the raw one is tried."""
    small, large = body, body + PAD.encode()
    assert len(small) < raw.RAW_FROM <= len(large)
    return outcome(small, post), outcome(large, post)


def reply(path: str, rows: list[Any], *, single: bool) -> Any:
    """A reply in which `path` leads to the rows, or to the first of them."""
    steps = path.removeprefix("$").lstrip(".").replace("[*]", ".[*]").strip(".").split(".")
    value: Any = rows[0] if single else rows
    star = "[*]" in steps
    for step in reversed(steps):
        if step == "[*]":
            star = False
        elif star and step:
            value = [{step: row, "index": n, "object": "x"} for n, row in enumerate(value)]
        elif step:
            value = {"before": "[1,2]", step: value, "after": {"embedding": ["x", None]}}
    return value


FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**20), 10**20)
ROWS = st.lists(st.lists(FLOATS, min_size=1, max_size=4), min_size=1, max_size=3)


@pytest.mark.parametrize("name", EMBEDDERS)
@settings(max_examples=40, deadline=None)
@given(rows=ROWS, indent=st.sampled_from([None, 1]))
def test_both_ways_give_equal_results(name: str, rows: list[list[float]], indent: int | None) -> None:
    post = EMBEDDERS[name]
    body = json.dumps(reply(post.filter, rows, single=post.single), indent=indent).encode()
    small, large = both(body, post)
    assert large == small
    assert isinstance(small, dict)
    sizes = [tensor["shape"] for tensor in small["inference_results"][0]["output"]]
    assert sizes == [[len(row)] for row in (rows[:1] if post.single else rows)]


@pytest.mark.parametrize("name", EMBEDDERS)
def test_the_standard_filters_give_raw_text_as_the_provider_wrote_it(name: str) -> None:
    post = EMBEDDERS[name]
    rows = [[0.5, -1.0], [2, 3]]
    body = json.dumps(reply(post.filter, rows, single=post.single)).encode().replace(b"0.5", b"0.5000")
    tensors = interpret(body + PAD.encode(), post, NONE, "PREDICT", -1)
    assert tensors[0].data == RawJson(b"[0.5000, -1.0]")
    assert {tensor.data_type for tensor in tensors} == {data_type_of(post.filter)}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 1e300, "", "1", "e-1", "[1]", "é\u2028"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["data", "embedding", "embeddings", "float", "embeddingsByType", "binary"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(value=VALUES)
@example(value={"data": [{"embedding": [1]}, {"embedding": []}]})
@example(value={"data": [{"embedding": [1]}, {"other": [1]}]})
@example(value={"data": [{"embedding": [[1]]}]})
@example(value={"data": {"a": {"embedding": [1]}}})
@example(value={"data": []})
@example(value={"embeddings": {"float": [[1], 5]}})
def test_any_other_reply_is_answered_as_by_the_general_way(value: Any) -> None:
    body = json.dumps(value).encode()
    for post in EMBEDDERS.values():
        small, large = both(body, post)
        assert large == small


TEXTS = [
    b'{"data":[{"embedding":[%b]}]}' % numbers
    for numbers in (
        b"1e999", b"-1e999", b"1E400", b"1e+400", b"1e5", b"1E5", b"1E-5", b"1e-5", b"1e-999", b"1e-9999", b"1e-99999999999999999999", b"0e-0000000000000000000001", b"-0", b"-0.0", b"0e0",
        b"1" * 309 + b".5", b"1" * 400, b"1" * 4301, b"0." + b"1" * 400, b"1,2e-1,3e1", b"1,2e-1,3e-1", b"NaN", b"Infinity",
        b"-", b"1.", b".5", b"01", b"+1", b"0x1", b"1 2", b"1,", b",1", b"1,,2", b"", b" ", b"\n\t", b"\xff", b"true", b"null",
        b'"1"', b"{}", b"[]", b"1,[2]", b"1]", b"[1", b"1;2", b"1e5e5", b"1.2.3", b"--1", b"e", b"1,e", b"1e",
    )
] + [
    b"", b"plain", b"{", b'{"data":[{"embedding":[1]}]} and more', b"{'data':[{'embedding':[1]}]}", b'{data:[{embedding:[1]}]}',
    b'{"data":[{"embedding":[1],"embedding":[2]}]}', b'{"data":[{"embedding":[1]}],"data":[{"embedding":[3]}]}',
    b'{"data":[{"\\u0065mbedding":[1]}]}', b'{"data":[{"x":"\xff","embedding":[1]}]}', b'{"data":[{"x":"\\ud800","embedding":[1]}]}',
    b'\xef\xbb\xbf{"data":[{"embedding":[1]}]}', b'{"data":[{"x":1e999,"embedding":[1]}]}', b'{"data":[{"x":%b,"embedding":[1]}]}' % (b"1" * 400),
    b'{"data":[{"x":' + b"[" * 400 + b"]" * 400 + b',"embedding":[1]}]}',
]  # fmt: skip


@pytest.mark.parametrize("body", TEXTS, ids=lambda body: repr(body[:40]))
def test_texts_of_every_kind_are_answered_as_by_the_general_way(body: bytes) -> None:
    post = EMBEDDERS[PREFIX + "openai.embedding"]
    large = body + b"\n" * raw.RAW_FROM
    # The general way on the very same bytes: no path of a custom filter is read raw when it is written in brackets.
    general = Parameters({"response_filter": "$['data'][*]['embedding']"}, {})
    assert outcome(large, post) == outcome(large, post, general)


@pytest.mark.parametrize("numbers", [b"1" * 309 + b".5", b"1e400", b"1e-99999999999999999999", b"1" * 4301, b"9" * 308])
def test_a_number_beyond_a_double_hides_in_no_row_of_normal_ones(numbers: bytes) -> None:
    row = b",".join([b"0.0123456789"] * 500)
    for place in (b"%b,%b" % (numbers, row), b"%b,%b" % (row, numbers), b"%b,%b,%b" % (row, numbers, row)):
        body = b'{"data":[{"embedding":[0.5]},{"embedding":[%b]}]}' % place
        assert raw.raw_embeddings(body, OPENAI, single=False) is None


def test_a_huge_row_is_taken_and_counted() -> None:
    body = b'{"data":[{"embedding":[%b]}]}' % b",".join([b"-1.25e-7"] * 400_000)
    (tensor,) = interpret(body, EMBEDDERS[PREFIX + "openai.embedding"], NONE, "PREDICT", -1)
    assert tensor.shape == (400_000,)
    assert isinstance(tensor.data, RawJson)
    assert len(tensor.data.text) == 400_000 * 9 + 1


@pytest.mark.parametrize(
    ("path", "single", "taken"),
    [
        (OPENAI, False, True),
        ("$.embedding", True, True),
        ("$.a.b.c", True, True),
        ("$.result.data[*].vector.float", False, True),
        ("$[*]", False, True),
        ("$", False, True),
        ("$", True, False),
        ("$[*]", True, False),
        (OPENAI, True, False),
        ("$.data[0].embedding", True, False),
        ("$['embedding']", True, False),
        ("$.data[*].embedding[*]", False, False),
        ("$..embedding", False, False),
        ("$.a.unknown", True, False),
        ("embedding", True, False),
    ],
)
def test_only_plain_paths_are_read_raw(path: str, single: bool, taken: bool) -> None:
    """A path that names the type `unknown` has no data type; the general way says so."""
    rows = [[1, 2]]
    body = json.dumps(reply(path if taken else OPENAI, rows, single=single)).encode()
    assert (raw.raw_embeddings(body, path, single=single) is not None) is taken
