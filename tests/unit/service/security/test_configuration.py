"""From identity to roles to a decision (spec/06 section 8), the cases in cases/role_mapping.json and here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.principal import Principal
from fairlead.service.security.configuration import Configuration

CASES = json.loads((Path(__file__).parent / "cases" / "role_mapping.json").read_text("utf-8"))
PREDICT = "cluster:admin/opensearch/ml/predict"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_mapping(case: dict[str, Any]) -> None:
    configuration = Configuration(mappings=case["mappings"])
    who = Principal(case["name"], tuple(case.get("backend_roles", ())), tuple(case.get("own_roles", ())))
    assert list(configuration.mapped(who, case.get("address", "127.0.0.1")).roles) == case["roles"]


def holder(*roles: str) -> Principal:
    return Principal("x", roles=roles)


def test_a_role_that_is_not_defined_grants_nothing() -> None:
    assert not Configuration().allows(holder("nope"), PREDICT)


def test_a_stored_role_wins_over_a_reserved_one_and_never_over_a_static_one() -> None:
    roles = {"ml_full_access": {"cluster_permissions": []}, "all_access": {"cluster_permissions": []}}
    configuration = Configuration(roles=roles)
    assert not configuration.allows(holder("ml_full_access"), PREDICT)
    assert configuration.allows(holder("all_access"), PREDICT)


def test_action_groups_are_opened_through_any_depth_and_a_circle_ends() -> None:
    groups = {
        "a": {"allowed_actions": ["b", "x:*"]},
        "b": {"allowed_actions": ["a", "cluster_monitor", "y:?"]},
    }
    configuration = Configuration(roles={"r": {"cluster_permissions": ["a"]}}, action_groups=groups)
    allowed = [a for a in ("x:1", "y:1", "y:12", "cluster:monitor/main", "a") if configuration.allows(holder("r"), a)]
    assert allowed == ["x:1", "y:1", "cluster:monitor/main"]


@pytest.mark.parametrize(
    ("entry", "granted"), [("*", False), ("restapi:*", True), ("restapi:admin/roles", True), ("/.*/", False)]
)
def test_permissions_of_the_rest_api_must_be_spelled(entry: str, granted: bool) -> None:
    configuration = Configuration(roles={"r": {"cluster_permissions": [entry]}})
    assert configuration.allows(holder("r"), "restapi:admin/roles") is granted


def test_a_super_admin_needs_no_role() -> None:
    assert Configuration().allows(Principal("CN=x", super_admin=True), PREDICT)


def test_the_built_in_roles_grant_what_their_names_say() -> None:
    ml = "cluster:admin/opensearch/ml/"
    actions = {
        "all_access": {PREDICT, f"{ml}models/get", "cluster:admin/settings/update", "cluster:monitor/main"},
        "ml_full_access": {PREDICT, f"{ml}models/get", "cluster:monitor/main"},
        "ml_read_access": {f"{ml}models/get"},
        "ml_predict_access": {PREDICT},
        "own_index": set(),
        "security_rest_api_access": set(),
    }
    configuration = Configuration()
    for role, granted in actions.items():
        assert {a for a in actions["all_access"] if configuration.allows(holder(role), a)} == granted


def test_attributes_of_a_user_are_named_after_their_source_and_a_hash_is_not_shown() -> None:
    user = Configuration({"u": {"hash": "$argon2id$secret", "attributes": {"team": "red"}}}).user("u")
    assert user is not None
    assert user.attributes == {"attr.internal.team": "red"}
    assert "secret" not in repr(user)
