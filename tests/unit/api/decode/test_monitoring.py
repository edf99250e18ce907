"""Queries of stats and profile, from paths and from bodies (spec/02 10, 11)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.monitoring import listed, profile_of_body, stats_of_body, stats_of_path
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.service.counts.profile import ProfileQuery
from fairlead.service.counts.stats import Level, StatsQuery


def names(*texts: str) -> frozenset[str]:
    return frozenset(texts)


def test_names_in_a_path_choose_the_levels_and_may_be_in_any_case() -> None:
    assert stats_of_path("", "") == StatsQuery()
    assert stats_of_path("ML_Model_Count", "n1,n2") == StatsQuery(
        frozenset({Level.CLUSTER}), names("ml_model_count"), nodes=names("n1", "n2")
    )
    both = stats_of_path("ml_request_count,ml_model_count", "_all")
    assert (both.levels, both.nodes) == (frozenset({Level.CLUSTER, Level.NODE}), None)
    assert (both.cluster, both.node) == (names("ml_model_count"), names("ml_request_count"))


@pytest.mark.parametrize("stat", ["no_such_stat", "ml_model_count,no_such", "ml_action_request_count"])
def test_an_unknown_name_in_a_path_is_refused(stat: str) -> None:
    with pytest.raises(IllegalArgument, match="Wrong ML cluster level stat"):
        stats_of_path(stat, "")


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("target_stat_levels", "Wrong ML stat level"),
        ("cluster_level_stats", "Wrong ML cluster level stat"),
        ("node_level_stats", "Wrong ML node level stat"),
        ("action_level_stats", "Wrong ML action level stat"),
        ("actions", "Wrong action name"),
        ("algorithms", "Wrong function name"),
    ],
)
def test_an_unknown_name_in_a_body_is_refused(member: str, reason: str) -> None:
    with pytest.raises(IllegalArgument) as caught:
        stats_of_body(json.dumps({member: ["nope"]}).encode())
    assert (caught.value.reason, caught.value.status) == (reason, 400)


def test_a_body_of_stats_is_read_whole() -> None:
    body = {
        "target_stat_levels": ["NODE", "model"], "cluster_level_stats": ["ML_MODEL_COUNT"], "node_level_stats": [],
        "action_level_stats": ["ml_action_request_count"], "node_ids": ["n"], "algorithms": ["REMOTE"],
        "models": ["M1"], "actions": ["Deploy"], "other": {"x": 1},
    }  # fmt: skip
    assert stats_of_body(json.dumps(body).encode()) == StatsQuery(
        frozenset({Level.NODE, Level.MODEL}), names("ml_model_count"), names(), names("ml_action_request_count"),
        names("deploy"), names("remote"), names("M1"), names("n"),
    )  # fmt: skip
    assert stats_of_body(b"{}") == StatsQuery()


def test_a_body_of_a_profile_shows_nothing_that_it_does_not_name() -> None:
    assert profile_of_body(b"{}", by_model=False) == ProfileQuery()
    body = {
        "model_ids": ["a"],
        "task_ids": ["t"],
        "node_ids": ["n"],
        "return_all_models": True,
        "return_all_tasks": "true",
    }
    assert profile_of_body(json.dumps(body).encode(), by_model=True) == ProfileQuery(
        True, True, names("a"), names("t"), names("n"), True
    )


def test_a_comma_list_has_no_empty_names() -> None:
    assert listed(",a,,b,a,") == names("a", "b")
    assert listed("") == names()


MEMBERS = st.sampled_from(["target_stat_levels", "node_ids", "models", "actions", "model_ids", "return_all_models"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(MEMBERS, VALUES, max_size=3) | VALUES)
def test_any_body_works_or_is_a_400(body: Any) -> None:
    for read in (stats_of_body, lambda text: profile_of_body(text, by_model=False)):
        assert status(read, json.dumps(body).encode()) in (200, 400)


def status(read: Callable[[bytes], object], body: bytes) -> int:
    try:
        read(body)
    except FairleadError as fault:
        return fault.status
    return 200
