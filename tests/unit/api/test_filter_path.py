"""`filter_path`: which members of a reply are shown (spec/01 5.6)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.filter_path import apply_filter

CASES = json.loads((Path(__file__).parent / "cases" / "request.json").read_text("utf-8"))["filter_paths"]


@pytest.mark.parametrize(("text", "body", "shown"), CASES)
def test_a_filter_shows(text: str, body: Any, shown: Any) -> None:
    before = json.dumps(body)
    assert apply_filter(body, text) == shown
    assert json.dumps(body) == before


@settings(max_examples=200, deadline=None)
@given(
    pattern=st.text("ab*", min_size=1, max_size=6).filter(lambda text: "**" not in text),
    key=st.text("abc", min_size=1, max_size=7),
)
def test_a_star_stands_for_any_text(pattern: str, key: str) -> None:
    shown = re.fullmatch(pattern.replace("*", ".*"), key) is not None
    assert apply_filter({key: 1}, pattern) == ({key: 1} if shown else {})
    assert apply_filter({key: 1}, f"-{pattern}") == ({} if shown else {key: 1})


def test_patterns_with_many_stars_take_no_more_than_one_pass() -> None:
    """A backtracking matcher would not end within the age of the universe."""
    key = "a" * 20_000
    assert apply_filter({key: 1}, "*a" * 500 + "*b") == {}
    assert apply_filter({key: 1}, "*a" * 500) == {key: 1}


BODIES = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ab"]), inner, max_size=3),
    max_leaves=12,
)
FILTERS = st.lists(st.text("ab*.-", min_size=1, max_size=5), min_size=1, max_size=3).map(",".join)


@settings(max_examples=200, deadline=None)
@given(body=BODIES, text=FILTERS)
def test_what_is_shown_is_part_of_the_reply_and_excluding_everything_else_changes_nothing(body: Any, text: str) -> None:
    shown = apply_filter(body, text)
    assert shown == {} or part_of(shown, body)
    assert apply_filter(shown, text) in (shown, {})


def part_of(shown: Any, whole: Any) -> bool:
    if isinstance(shown, dict) and isinstance(whole, dict):
        return all(key in whole and part_of(value, whole[key]) for key, value in shown.items())
    if isinstance(shown, list) and isinstance(whole, list):
        return len(shown) <= len(whole) and all(any(part_of(one, other) for other in whole) for one in shown)
    return bool(shown == whole)
