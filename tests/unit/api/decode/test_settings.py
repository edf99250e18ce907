"""The body of a cluster settings change becomes one flat map a scope (spec/01 4.3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.settings import settings_update
from fairlead.errors import ActionValidation, FairleadError, SettingsFault, TokenMismatch


def persistent(text: str) -> dict[str, Any]:
    return settings_update(f'{{"persistent":{text}}}'.encode())[0]


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        ("{}", {}),
        ('{"a.b":true,"c":1,"d":1.50,"e":"x","f":null}', {"a.b": "true", "c": "1", "d": "1.50", "e": "x", "f": None}),
        ('{"a":{"b":{"c":1},"d":2},"e.f":{"g.h":3}}', {"a.b.c": "1", "a.d": "2", "e.f.g.h": "3"}),
        ('{"a":{"b":1},"a.b":2}', {"a.b": "2"}),
        ('{"a.b":2,"a":{"b":1}}', {"a.b": "1"}),
        ('{"l":["a",1,true],"m":[]}', {"l": ("a", "1", "true"), "m": ()}),
        ('{"a":{}}', {}),
    ],
)
def test_dotted_and_nested_keys_become_one_map_and_the_last_wins(text: str, flat: dict[str, Any]) -> None:
    assert persistent(text) == flat


def test_both_scopes_are_read_and_other_members_ignored() -> None:
    assert settings_update(b'{"transient":{"a":1},"other":5,"persistent":{"b":2}} more') == ({"b": "2"}, {"a": "1"})
    assert settings_update(b"{}") == ({}, {})


def test_an_array_holds_no_settings() -> None:
    with pytest.raises(ActionValidation) as caught:
        settings_update(b"[]")
    assert caught.value.reason == "Validation Failed: 1: no settings to update;"


@pytest.mark.parametrize(
    "body", [b'"a"', b"5", b"null", b'{"persistent":[]}', b'{"transient":"text"}', b'{"persistent":5}']
)
def test_another_kind_of_body_or_scope_is_a_token_mismatch(body: bytes) -> None:
    with pytest.raises(TokenMismatch):
        settings_update(body)


def test_a_null_scope_is_refused_with_the_place() -> None:
    with pytest.raises(SettingsFault) as caught:
        settings_update(b'{"persistent":null}')
    fault = caught.value
    assert (fault.reason, fault.type, fault.status) == (
        "Failed to load settings from [null]",
        "settings_exception",
        400,
    )
    assert isinstance(fault.cause, TokenMismatch)
    assert fault.cause.fields == {"line": 1, "col": 15}


@pytest.mark.parametrize("inner", ['{"a":1}', "[1]", "null"])
def test_a_list_holds_values_only(inner: str) -> None:
    with pytest.raises(SettingsFault) as caught:
        persistent(f'{{"k": [{inner}]}}')
    assert caught.value.reason == f'Failed to load settings from [{{"k":[{inner}]}}]'
    assert caught.value.cause is not None
    assert caught.value.cause.type == "illegal_state_exception"
    assert caught.value.cause.reason == "only value lists are allowed in serialized settings"


def test_deep_nesting_costs_no_python_frames() -> None:
    depth = 900
    flat = persistent('{"a":' * depth + "1" + "}" * depth)
    assert flat == {".".join("a" * depth): "1"}
    with pytest.raises(SettingsFault):
        persistent('{"a":' * depth + "[null]" + "}" * depth)


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab.", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(scope=JSON)
def test_every_body_is_read_or_refused_with_a_400(scope: Any) -> None:
    for body in (scope, {"persistent": scope, "transient": scope}):
        text = json.dumps(body).encode()
        found = tried(lambda text=text: settings_update(text))  # type: ignore[misc]
        assert not isinstance(found, FairleadError) or found.status == 400
