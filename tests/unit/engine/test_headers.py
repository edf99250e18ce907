"""Header plans: filling, the limits of spec/03 8.2, and that no value brings a line of its own or shows a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.fields import flatten
from fairlead.domain.dataset import Value
from fairlead.domain.secret import Secret
from fairlead.engine.headers import HeaderPlan
from fairlead.engine.parameters import Parameters
from fairlead.errors import FairleadError, IllegalArgument

CASES = json.loads((Path(__file__).parent / "cases" / "headers.json").read_text("utf-8"))["cases"]
CREDENTIAL = {"key": Secret("secret-1"), "two_lines": Secret("a\nb")}


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


def rendered(case: dict[str, Any], long: str) -> list[list[str]]:
    owned: dict[str, str] = case.get("connector", {})
    values: dict[str, Value] = {name: flatten(value) for name, value in case.get("request", {}).items()}
    plan = HeaderPlan(case["headers"], CREDENTIAL, owned)
    headers = plan.render(Parameters(owned, {"q": long, **values} if long else values))
    return [[name.decode(), value.decode()] for name, value in headers]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_headers_become(case: dict[str, Any]) -> None:
    text, times = case.get("repeat", ["", 0])
    long = text * times
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            rendered(case, long)
        assert caught.value.reason == case["error"]
    else:
        wanted = [[name, long if value == "repeat" else value] for name, value in case["result"]]
        assert rendered(case, long) == wanted


def test_headers_without_parameters_are_checked_and_encoded_once() -> None:
    plan = HeaderPlan({"Authorization": "Bearer ${credential.key}"}, CREDENTIAL, {})
    assert plan.render(Parameters({}, {})) is plan.render(Parameters({}, {"q": "x"}))
    assert plan.names == frozenset()


def test_the_names_that_a_plan_reads_are_known() -> None:
    plan = HeaderPlan({"X-A": "${parameters.a}${parameters.b:-c}", "X-B": "${credential.key}"}, CREDENTIAL, {})
    assert plan.names == {"a", "b"}


def test_a_plan_and_its_faults_show_no_secret() -> None:
    secret = {"key": Secret("canary-7f3a")}
    owned = {"a": "${parameters.b}", "b": "${parameters.a}"}
    plan = HeaderPlan({"X-A": "${credential.key} ${parameters.a} ${parameters.gone}"}, secret, owned)
    assert "canary" not in repr(plan)
    for given_names in ({}, {"a": "x"}, {"a": "x", "gone": "\n"}):
        with pytest.raises(IllegalArgument) as caught:
            plan.render(Parameters(owned, given_names))
        assert "canary" not in str(caught.value)
    with pytest.raises(IllegalArgument) as refused:
        HeaderPlan({"X-A": "${credential.key}"}, {"key": Secret("canary-7f3a\n")}, {})
    assert "canary" not in str(refused.value)


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


@settings(max_examples=200, deadline=None)
@given(
    value=st.text(st.characters(), max_size=40)
    | st.sampled_from(["\r\nX-B: 1", "\n", "\x00", "a\x0bb", " x ", "\ud800"]),
    template=st.sampled_from(["${parameters.q}", "a ${parameters.q} b", "${parameters.own}"]),
)
def test_a_header_never_holds_a_line_end_or_nul_whatever_a_caller_sends(value: str, template: str) -> None:
    owned = {"own": "<${parameters.q}>"}
    plan = HeaderPlan({"X-A": template, "Content-Type": "a/b"}, {}, owned)
    found = tried(lambda: plan.render(Parameters(owned, {"q": value})))
    if isinstance(found, FairleadError):
        assert str(found) == "Header value contains invalid control character"
        assert any((character < " " and character != "\t") or character == "\x7f" for character in value)
    else:
        (name, sent), _ = found
        assert name == b"X-A"
        assert not set(sent) & (set(range(0x20)) - {9} | {0x7F})
        assert value.strip(" \t").encode("utf-8", "replace") in sent
