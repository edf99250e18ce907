"""Whose pages and names reach a gateway that asks for no login."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.origin import OriginRule

CASES = json.loads((Path(__file__).parent / "cases" / "origin.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(map(str, case.values())))
def test_only_loopback_and_allowed_names_pass(case: dict[str, Any]) -> None:
    rule = OriginRule(["gw.internal"])
    headers = [(name.encode(), value.encode()) for name, value in case.items() if name != "passes"]
    for _ in range(2):  # the second time from memory
        assert (rule.refusal(headers, dict(headers)) is None) is case["passes"]


def test_values_that_pass_are_remembered_in_bounds() -> None:
    rule = OriginRule()
    for port in range(1000):
        headers = [(b"host", f"127.0.0.1:{port}".encode())]
        assert rule.refusal(headers, dict(headers)) is None
    assert len(rule._passed) == 64
