"""The documentation has what the simulator does."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import fairlead.simulator.failures as failures
from fairlead.simulator import SimulatorSettings
from fairlead.simulator.desk import AWS_KEYS
from fairlead.simulator.reference import tables

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_page_ends_with_the_tables_as_they_are() -> None:
    assert PAGE.endswith("## Providers\n" + tables().rstrip() + "\n")


def test_every_order_every_member_of_a_rule_and_every_known_key_is_on_the_page() -> None:
    orders = {failures.STATUS, failures.DELAY, failures.DROP, failures.TRUNCATE}
    names = orders | failures._MEMBERS | set(AWS_KEYS) | set(AWS_KEYS.values())
    assert {name for name in names if f"`{name}`" not in PAGE} == set()


def test_the_defaults_on_the_page_are_the_defaults() -> None:
    settings = SimulatorSettings()
    assert {field.name for field in fields(settings)} == {"dimensions", "keys", "logged", "logged_bytes"}
    assert f"unit vectors of {settings.dimensions} numbers" in PAGE
    assert f"({settings.logged}, or {settings.logged_bytes >> 20} MiB of bodies)" in PAGE
