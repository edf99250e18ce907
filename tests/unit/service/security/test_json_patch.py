"""JSON Patch as the Security REST API takes it; the cases stand in cases/json_patch.json."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import SecurityApiFault
from fairlead.service.security.json_patch import apply, read_patch

CASES = json.loads((Path(__file__).parent / "cases" / "json_patch.json").read_text("utf-8"))
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab01-"), inner, max_size=3),
    max_leaves=8,
)
OPERATIONS = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "replace", "remove", "test"]),
        "path": st.text("/ab01-~", max_size=6),
    },
    optional={"value": VALUES},
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_a_patch_is_applied_or_refused_whole(case: dict[str, Any]) -> None:
    before = copy.deepcopy(case["before"])
    operations = read_patch(json.dumps(case["patch"]).encode())
    if "fault" in case:
        with pytest.raises(SecurityApiFault) as fault:
            apply(before, operations)
        assert (fault.value.status, fault.value.reason) == (400, case["fault"])
    else:
        assert apply(before, operations) == case["after"]
    assert before == case["before"]


@given(VALUES, st.lists(OPERATIONS, max_size=4))
def test_any_patch_of_anything_is_applied_to_a_copy_or_refused(document: Any, patch: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(document)
    with contextlib.suppress(SecurityApiFault):
        apply(document, read_patch(json.dumps(patch).encode()))
    assert document == before


@given(st.binary(max_size=40))
def test_any_bytes_are_a_patch_or_refused_and_nothing_else(raw: bytes) -> None:
    with contextlib.suppress(SecurityApiFault):
        assert read_patch(raw)
