"""The threat model names, for every threat and every rule, tests that exist, or says why there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
ROWS = {row[0]: row for row in re.findall(r"^\| ([TS]-\d\d) \|(.*)\|\s*$", TEXT, re.MULTILINE)}
WANTED = [f"T-{number:02}" for number in range(1, 36)] + [f"S-{number:02}" for number in range(1, 26)]


def test_every_threat_and_every_rule_has_one_row() -> None:
    assert re.findall(r"^\| ([TS]-\d\d) \|", TEXT, re.MULTILINE) == WANTED


@pytest.mark.parametrize("number", WANTED)
def test_a_row_names_tests_that_exist_or_says_that_there_is_none_yet(number: str) -> None:
    held = ROWS[number][1].rpartition("|")[2]
    named = re.findall(r"`([^`]+)`", held)
    assert named or "not yet" in held
    for name in named:
        path, _, test = name.partition("::")
        assert (ROOT / path).is_file(), name
        if test:
            assert re.search(rf"def {test}\(", (ROOT / path).read_text("utf-8")), name
