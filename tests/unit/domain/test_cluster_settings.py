"""The cluster settings: the rows of spec/01 4.1, how texts are read, and which scope counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.cluster_settings import DEFAULT_TRUSTED, OURS, SETTINGS, ClusterSettings, P, Scope, read
from fairlead.errors import FairleadError, IllegalArgument

TABLE = json.loads((Path(__file__).parent / "cases" / "settings.json").read_text("utf-8"))


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_the_rows_are_those_of_the_spec_with_their_defaults() -> None:
    effective = ClusterSettings()
    rows = {key.removeprefix(P): plain(effective.values[key]) for key in SETTINGS if not key.startswith(OURS)}
    assert rows.pop("trusted_connector_endpoints_regex") == TABLE["trusted"]
    assert rows == TABLE["defaults"]
    assert all(key == row.key and row.effect.endswith(".") for key, row in SETTINGS.items())
    assert all(row.key.startswith((P, OURS)) for row in SETTINGS.values())


def test_settings_of_our_own_have_a_namespace_and_are_read_under_their_whole_name() -> None:
    ours = {key for key in SETTINGS if key.startswith(OURS)}
    assert {"fairlead.compat.refuse_update_of_deployed_connectors", "fairlead.tasks.retention_days"} <= ours
    assert ours | {key for key in SETTINGS if key.startswith(P)} == set(SETTINGS)
    effective = ClusterSettings(persistent={"fairlead.tasks.retention_days": "7"})
    assert effective["fairlead.tasks.retention_days"] == 7
    assert effective["fairlead.compat.refuse_update_of_deployed_connectors"] is False
    assert effective["max_json_size"] == 100_000_000


def test_only_these_settings_cannot_be_changed_while_running() -> None:
    fixed = {key.removeprefix(P): str(row.scope) for key, row in SETTINGS.items() if row.scope is not Scope.DYNAMIC}
    assert fixed == TABLE["not_dynamic"]


@pytest.mark.parametrize("case", TABLE["values"], ids=lambda case: f"{case['key']}={case['text']}")
def test_a_text_is_read_as(case: dict[str, Any]) -> None:
    row = SETTINGS[P + case["key"]]
    text = tuple(case["text"]) if isinstance(case["text"], list) else case["text"]
    if "error" not in case:
        value = read(row, text)
        assert plain(value) == case["value"]
        assert type(plain(value)) is type(case["value"])
        return
    with pytest.raises(IllegalArgument) as caught:
        read(row, text)
    fault = caught.value
    assert (fault.reason, fault.status, fault.type) == (case["error"], 400, "illegal_argument_exception")
    if "cause" in case:
        assert fault.cause is not None
        wanted = (case["cause"], case.get("cause_type", "number_format_exception"))
        assert (fault.cause.reason, fault.cause.type) == wanted
    else:
        assert fault.cause is None


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters(), max_size=8) | st.lists(st.text(max_size=3), max_size=2).map(tuple))
def test_any_text_of_any_setting_is_read_or_refused(text: str | tuple[str, ...]) -> None:
    for row in SETTINGS.values():
        value = tried(lambda row=row: read(row, text))  # type: ignore[misc]
        assert isinstance(value, (bool, int, float, str, tuple, IllegalArgument))


def test_transient_wins_over_persistent_over_file_over_default() -> None:
    key, name = P + "max_model_on_node", "max_model_on_node"
    layers = [{key: "1"}, {key: "2"}, {key: "3"}]
    assert ClusterSettings()[name] == 10
    assert ClusterSettings(file=layers[2])[name] == 3
    assert ClusterSettings(persistent=layers[1], file=layers[2])[name] == 2
    assert ClusterSettings(layers[1], layers[0], layers[2])[name] == 1


def test_defaults_hold_what_no_scope_sets_with_the_files_value_first() -> None:
    keys = [P + name for name in ("max_model_on_node", "safe_delete_model", "stream_enabled", "controller_enabled")]
    effective = ClusterSettings({keys[0]: "1"}, {keys[1]: "true"}, {keys[1]: "true", keys[2]: "true"})
    shown = effective.defaults()
    assert set(SETTINGS) - set(shown) == {keys[0], keys[1]}
    assert (shown[keys[2]], shown[keys[3]]) == ("true", "true")
    assert shown[P + "trusted_connector_endpoints_regex"] == DEFAULT_TRUSTED


def test_settings_do_not_change_with_the_maps_they_were_made_of() -> None:
    persistent = {P + "max_model_on_node": "1"}
    effective = ClusterSettings(persistent, revision=7)
    persistent[P + "max_model_on_node"] = "2"
    assert (effective["max_model_on_node"], effective.persistent, effective.revision) == (
        1,
        {P + "max_model_on_node": "1"},
        7,
    )


def test_a_stored_value_that_cannot_be_read_is_refused_at_once() -> None:
    with pytest.raises(IllegalArgument):
        ClusterSettings({P + "max_model_on_node": "many"})


def test_a_setting_with_choices_takes_nothing_else() -> None:
    row = SETTINGS["fairlead.egress.runtime_host"]
    assert row.default in row.choices
    with pytest.raises(IllegalArgument) as caught:
        read(row, "anywhere")
    assert caught.value.reason == (
        "Failed to parse value [anywhere] for setting [fairlead.egress.runtime_host] must be one of "
        "[same_pattern, any_trusted, never]"
    )
