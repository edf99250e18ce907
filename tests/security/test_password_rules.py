"""Which passwords may be set (spec/06 6.1), the cases in cases/password_rules.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.security.password_rules import BadPasswordRule, PasswordRules
from fairlead.security.password_strength import estimate

CASES = json.loads((Path(__file__).parent / "cases" / "password_rules.json").read_text("utf-8"))
LETTERS = "kqvtzhmxwpndrbfjgslcuyaeio7294Q!"


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.get("password", case.get("length"))))
def test_a_password_is_taken_or_refused_with_the_first_rule_it_breaks(case: dict[str, Any]) -> None:
    password = case.get("password")
    if password is None:
        password = "".join(LETTERS[(n * n * 7 + n * 3) % len(LETTERS)] for n in range(case["length"]))
    options = {key: case[key] for key in ("shortest", "strength", "pattern") if key in case}
    assert PasswordRules(**options).fault(case.get("name", "alice"), password) == case.get("fault")


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(BadPasswordRule):
        PasswordRules(pattern="(")


@given(st.text(max_size=200), st.text(max_size=30))
def test_any_text_has_a_strength(password: str, name: str) -> None:
    assert 0 <= estimate(password, name).score <= 4


@given(st.text("abcdefgh!", min_size=4, max_size=12), st.text("ab!", min_size=1, max_size=4))
def test_a_name_in_front_never_makes_a_password_stronger_than_letters_would(tail: str, name: str) -> None:
    assert estimate(name + tail, name).score <= estimate("kqz"[: len(name)].ljust(len(name), "x") + tail, "").score + 1
