"""Every script with the answer that a real engine gave: results, error types and reasons, positions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairlead.painless import ScriptFailure, compile_script, with_default_escape
from fairlead.painless.jsonl import read_params

CASES = Path(__file__).parent / "cases"
DIFFERENCES: dict[str, dict[str, str]] = json.loads((CASES / "differences.json").read_text("utf-8"))


def answer(case: dict[str, Any]) -> str | dict[str, Any] | None:
    """The result, or the envelope of the failure."""
    script = with_default_escape(case["script"], proper=False)
    try:
        return compile_script(script).run(read_params(json.dumps(case["params"])))
    except ScriptFailure as failure:
        return failure.envelope()


def matches(wanted: str | None, got: str | None, how: str | None) -> bool:
    if how == "prefix":
        return got is not None and got.startswith(wanted or "")
    return got == wanted


def same_answer(case: dict[str, Any], got: str | dict[str, Any] | None) -> bool:
    how = case.get("match")
    if "expected" in case:
        return not isinstance(got, dict) and matches(case["expected"], got, how)
    error = case["error"]
    if not isinstance(got, dict):
        return False
    cause = got["caused_by"]
    phase = "compile error" if error["phase"] == "compile" else "runtime error"
    if got["reason"] != phase or cause["type"] != error["type"]:
        return False
    if how != "type" and not matches(error["reason"], cause["reason"], how):
        return False
    return "caused_by" not in error or cause.get("caused_by") == error["caused_by"]


def same_place(case: dict[str, Any], got: str | dict[str, Any] | None) -> bool:
    """Offset and snippet; Java's own frames are left out (spec 13.3)."""
    error = case["error"]
    wanted = [line for line in error["script_stack"] if not line.startswith("java.")]
    if not isinstance(got, dict):
        return False
    return got.get("position", {}).get("offset") == error["offset"] and got["script_stack"] == wanted


def test_a_script_answers_what_the_engine_answered_or_the_difference_is_listed(engine_case: dict[str, Any]) -> None:
    got = answer(engine_case)
    listed = DIFFERENCES["answers"].get(engine_case["id"])
    assert same_answer(engine_case, got) is (listed is None), (listed, got)


def test_an_error_points_where_the_engine_pointed_or_the_difference_is_listed(engine_error: dict[str, Any]) -> None:
    listed = DIFFERENCES["answers"].get(engine_error["id"]) or DIFFERENCES["places"].get(engine_error["id"])
    assert same_place(engine_error, answer(engine_error)) is (listed is None), listed


def test_every_listed_difference_names_a_case_and_a_reason() -> None:
    known = {json.loads(line)["id"] for line in (CASES / "engine.jsonl").read_text("utf-8").splitlines()}
    for differences in DIFFERENCES.values():
        assert set(differences) <= known
        assert all(len(reason) > 20 for reason in differences.values())


def test_at_most_one_case_in_a_hundred_differs() -> None:
    assert len(DIFFERENCES["answers"]) <= 5
    assert len(DIFFERENCES["places"]) <= 28
