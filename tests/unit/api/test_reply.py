"""Replies as bytes: numbers of any size, any depth, provider JSON as it came, error envelopes, simple errors."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.encode import encode
from fairlead.api.filter_path import apply_filter
from fairlead.api.media import Shape, shape
from fairlead.api.reply import Reply, dumps, error_reply, respond, simple_error
from fairlead.domain.tensor import DataType, InferenceResult, RawJson, Tensor
from fairlead.errors import IllegalArgument, RemoteThrottled


def wished(**query: str) -> Shape:
    return shape(query, None, None)


def test_a_tensor_has_its_members_in_wire_order_and_only_those_that_are_set() -> None:
    full = Tensor("n", DataType.INT8, (2,), [1, 2], "r", {"k": 1})
    text = b'{"inference_results":[{"output":[{"name":"n","data_type":"INT8","shape":[2],"data":[1,2],"result":"r","dataAsMap":{"k":1}},{}],"status_code":201}]}'
    assert encode([InferenceResult((full, Tensor()), 201)]) == text


def test_a_result_without_tensors_has_no_output_and_chunks_keep_their_order() -> None:
    results = [InferenceResult((), 200), InferenceResult((Tensor("b"),), 300)]
    assert encode(results) == b'{"inference_results":[{"status_code":200},{"output":[{"name":"b"}],"status_code":300}]}'


def test_a_providers_json_goes_out_byte_for_byte() -> None:
    raw = b'{ "n": 1.50, "t": "\\u0041\xc3\xa9", "big": 123456789012345678901234567890 }'
    for data_as_map, data in ((RawJson(raw), None), (None, RawJson(b"[1.50, 2e3]"))):
        out = encode([InferenceResult((Tensor("r", data_as_map=data_as_map, data=data),), 200)])
        assert (raw if data is None else b"[1.50, 2e3]") in out


def test_numbers_beyond_64_bits_are_written_beside_raw_json() -> None:
    big = 2**80
    tensors = (Tensor("a", DataType.FLOAT32, (1,), [big]), Tensor("b", data_as_map=RawJson(b'{"x":1.50}')), Tensor('"'))
    shown = json.loads(encode([InferenceResult(tensors, 200)]))["inference_results"][0]["output"]
    assert shown[0]["data"] == [big]
    assert shown[1]["dataAsMap"] == {"x": 1.5}
    assert shown[2]["name"] == '"'


@pytest.mark.parametrize("depth", [300, 994])
def test_deep_replies_are_written(depth: int) -> None:
    value: Any = 1
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    out = encode([InferenceResult((Tensor("r", data_as_map=value), Tensor("s", data_as_map=RawJson(b"{}"))), 200)])
    assert out.count(b"[") + out.count(b"{") == depth + 7


def test_a_filter_that_cannot_reach_into_a_deep_reply_is_refused() -> None:
    value: Any = {"k": 1}
    for _ in range(50_000):
        value = {"a": value}
    for text in ("**.k", "-**.k"):
        with pytest.raises(IllegalArgument) as caught:
            apply_filter(value, text)
        assert str(caught.value) == "filter_path cannot be applied: the reply is nested too deeply"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_json_value_is_written_so_that_it_reads_back(value: Any) -> None:
    for pretty in (False, True):
        assert json.loads(dumps(value, pretty=pretty)) == value


def test_replies_are_filtered_and_pretty_when_asked() -> None:
    reply = Reply({"a": 1, "b": {"c": 2}}, 201, {"X-A": "1"})
    plain = respond(reply, wished())
    assert (plain.body, plain.status_code) == (b'{"a":1,"b":{"c":2}}', 201)
    assert plain.headers["content-type"] == "application/json; charset=UTF-8"
    assert (plain.headers["x-a"], plain.headers["x-opensearch-version"]) == ("1", "OpenSearch/3.6.0 (opensearch)")
    assert respond(reply, wished(filter_path="b.*")).body == b'{"b":{"c":2}}'
    assert respond(reply, wished(filter_path="")).body == plain.body
    assert respond(reply, wished(pretty="", filter_path="a")).body == b'{\n  "a": 1\n}\n'
    # Refused before it comes here; the refusal itself must be written.
    assert respond(reply, wished(pretty="yes", filter_path="a")).body == b'{"a":1}'


def test_a_text_goes_out_as_it_is() -> None:
    out = respond(Reply("Unauthorized", 401, content_type="text/plain"), wished(filter_path="a", pretty=""))
    assert (out.body, out.headers["content-type"]) == (b"Unauthorized", "text/plain; charset=utf-8")


def test_error_bodies_are_never_filtered_and_carry_the_faults_headers() -> None:
    reply = error_reply(RemoteThrottled("slow down", 429, headers={"Retry-After": "3"}))
    out = respond(reply, wished(filter_path="none"))
    assert json.loads(out.body)["error"]["reason"] == "slow down"
    assert (out.status_code, out.headers["retry-after"]) == (429, "3")


def test_simple_errors_have_a_text_and_mostly_a_status() -> None:
    assert simple_error("no", 406) == Reply({"error": "no", "status": 406}, 406, {})
    assert simple_error("no", 400, with_status=False, headers={"Allow": "GET"}) == Reply(
        {"error": "no"}, 400, {"Allow": "GET"}
    )


def test_raw_json_is_a_fragment_only_where_a_tensor_holds_it() -> None:
    with pytest.raises(TypeError):
        orjson.dumps(RawJson)
