"""Replies to tensors: statuses, generic mapping, filters, processors and scripts, as the tables of spec/03 have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.encode import encode
from fairlead.domain.tensor import InferenceResult, RawJson
from fairlead.engine.interpret import interpret, status_fault
from fairlead.engine.parameters import Parameters
from fairlead.errors import FairleadError, IllegalArgument, MLFault, ScriptFault

TABLES = json.loads((Path(__file__).parent / "cases" / "interpret.json").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Answering:
    """A post script that gives one answer, or fails."""

    answer: str | FairleadError | None

    def run(self, params: dict[str, Any]) -> str | None:
        assert isinstance(params, dict)
        if isinstance(self.answer, FairleadError):
            raise self.answer
        return self.answer


def reply(case: dict[str, Any]) -> bytes:
    keys = {"filter": "response_filter", "processors": "output_processors"}
    given_values = {name: case[key] for key, name in keys.items() if key in case}
    script = Answering(case["script"]) if "script" in case else None
    output = interpret(case["reply"].encode(), script, Parameters({}, given_values), "PREDICT", -1)
    return encode([InferenceResult(tuple(output), 200)])


@pytest.mark.parametrize("case", TABLES["cases"], ids=lambda case: case["name"])
def test_a_reply_becomes(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            reply(case)
        assert caught.value.status == 400
        assert str(caught.value) == case["error"]
        return
    shown = reply(case)
    if "map_text" in case:
        assert f'"dataAsMap":{case["map_text"]}' in shown.decode()
        return
    wanted = case["tensors"] if "tensors" in case else [{"name": "response", "dataAsMap": case["map"]}]
    assert json.loads(shown)["inference_results"] == [{"output": wanted, "status_code": 200}]


@pytest.mark.parametrize("case", TABLES["status"], ids=lambda case: case["name"])
def test_a_status_is(case: dict[str, Any]) -> None:
    headers = [(name.encode(), value.encode()) for name, value in case.get("headers", [])]
    body = bytes.fromhex(case["hex"]) if "hex" in case else case["body"].encode()
    fault = status_fault(case["status"], headers, body, empty_is_fine=case.get("empty_is_fine", False))
    if case.get("ok"):
        assert fault is None
        return
    assert fault is not None
    assert (fault.status, fault.type, fault.reason) == (case["code"], case["type"], case["reason"])
    assert fault.headers == case.get("passed", {})


def test_an_untouched_reply_goes_through_as_the_provider_wrote_it() -> None:
    body = b'{ "n": 1.50, "e": 1E2, "t": "\\u0041" }'
    (tensor,) = interpret(body, None, Parameters({}, {}), "PREDICT", -1)
    assert tensor.data_as_map == RawJson(body)
    (listed,) = interpret(b"[ 1.50 ]", None, Parameters({}, {}), "PREDICT", -1)
    assert listed.data_as_map == RawJson(b'{"response":[ 1.50 ]}')


def test_bytes_that_are_no_utf8_are_replaced_and_the_reply_is_still_json() -> None:
    (tensor,) = interpret(b'{"a":"\xc3("}', None, Parameters({}, {}), "PREDICT", -1)
    assert json.loads(encode([InferenceResult((tensor,), 200)]))["inference_results"][0]["output"] == [
        {"name": "response", "dataAsMap": {"a": "\ufffd("}}
    ]


def test_a_script_sees_an_object_as_it_is_and_an_array_under_result() -> None:
    seen: list[dict[str, Any]] = []

    class Watching:
        def run(self, params: dict[str, Any]) -> str | None:
            seen.append(params)
            return None

    for body in (b'{"a":1}', b"[1,2]"):
        interpret(body, Watching(), Parameters({}, {}), "PREDICT", -1)
    assert seen == [{"a": 1}, {"result": [1, 2]}]


@pytest.mark.parametrize(("limit", "fits"), [(-1, True), (10, True), (9, False), (0, False)])
def test_a_reply_larger_than_the_limit_in_bytes_is_refused(limit: int, fits: bool) -> None:
    body = '{"a":"é"}'.encode()
    assert len(body) == 10
    if fits:
        assert interpret(body, None, Parameters({}, {}), "PREDICT", limit)
        return
    with pytest.raises(IllegalArgument) as caught:
        interpret(body, None, Parameters({}, {}), "PREDICT", limit)
    assert str(caught.value) == f"JSON string size exceeds maximum allowed size ({limit} bytes)"


def test_a_script_that_fails_is_a_500_with_the_true_cause() -> None:
    fault = ScriptFault("runtime error", fields={"lang": "painless"})
    with pytest.raises(MLFault) as caught:
        interpret(b"{}", Answering(fault), Parameters({}, {}), "BATCH_PREDICT", -1)
    assert (caught.value.status, caught.value.reason) == (500, "Fail to execute BATCH_PREDICT in aws connector")
    assert caught.value.cause is fault


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


ANSWERS = st.text(st.characters(), max_size=10) | st.sampled_from(
    [
        '{"data_type":{}}',
        '{"data":{}}',
        '{"shape":[1.5]}',
        '{"name":[1]}',
        "[[]]",
        "[{}]",
        "{",
        "[1,",
        '{"a":1e400}',
        "null",
    ]
)
BODIES = st.binary(max_size=12) | ANSWERS.map(lambda text: text.encode("utf-8", "replace"))


@settings(max_examples=250, deadline=None)
@given(
    body=BODIES, script=st.none() | ANSWERS, filter=st.none() | ANSWERS | st.sampled_from(["$", "$.a", "$[*]", "$..a"])
)
def test_every_reply_works_or_raises_a_fault_of_ours(body: bytes, script: str | None, filter: str | None) -> None:
    parameters = Parameters({}, {} if filter is None else {"response_filter": filter})
    found = tried(lambda: interpret(body, Answering(script), parameters, "PREDICT", -1))
    if isinstance(found, FairleadError):
        assert found.status in (400, 500)
    else:
        assert json.loads(encode([InferenceResult(tuple(found), 200)]))
