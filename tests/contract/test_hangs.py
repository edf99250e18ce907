"""Requests on which the original never answers are answered here, with a clear status or the normal reply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract import runner
from process import gateway, providers

SCENARIOS: list[dict[str, Any]] = json.loads((runner.DATA / "hangs.json").read_text("utf-8"))
STATUSES: dict[str, dict[int, int]] = {"http: statuses OpenSearch does not know": {14: 529, 15: 529, 16: 200}}
"""What the steps that hang are answered with: the provider's own status; the last is retried and succeeds."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_a_request_that_hangs_in_the_original_is_answered(scenario: dict[str, Any], tmp_path: Path) -> None:
    with providers() as upstream, gateway(tmp_path / "data") as server:
        answers = runner.drive(scenario, server.url, upstream.url)
        assert server.running(), server.errors
    steps = zip(scenario["steps"], answers, strict=True)
    asked = {
        number: answer.response["status"]
        for number, (step, answer) in enumerate(steps)
        if step["path"].endswith("/_predict")
    }
    assert asked == STATUSES[scenario["name"]]
    assert all(answer.response["status"] for answer in answers)
