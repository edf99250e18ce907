"""Access rules: against a model of their own, every refusal reachable, and the values that are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.access import (
    MODES,
    Access,
    Asked,
    Grant,
    acting,
    check_connector_change,
    connector_grant,
    group_change,
    group_grant,
    owner_document,
)
from fairlead.domain.principal import Principal
from fairlead.errors import IllegalArgument
from unit.domain import access_model as model

TEXTS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "cases" / "access_texts.json").read_text(encoding="utf-8")
)

ROLES = st.lists(st.sampled_from(["a", "b", "a,b"]), max_size=2, unique=True)
USERS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["ann", "bea"]),
        "backend_roles": ROLES,
        "roles": st.lists(st.sampled_from(["ml_full_access", "all_access"]), max_size=1),
    }
)
ITEMS = st.fixed_dictionaries(
    {},
    optional={"owner": st.sampled_from(["ann", "bea"]), "access": st.sampled_from(MODES), "backend_roles": ROLES},
)
ASKS = st.fixed_dictionaries(
    {},
    optional={
        "access_mode": st.sampled_from(MODES),
        "backend_roles": ROLES,
        "add_all_backend_roles": st.booleans(),
    },
)


def principal(user: model.User) -> Principal:
    return Principal(user["name"], tuple(user["backend_roles"]), tuple(user["roles"]))


def access(item: model.Item) -> Access:
    owner = {"owner": {"name": item["owner"]}} if "owner" in item else {}
    return Access.of({**item, **owner})


def asked(ask: model.Request) -> Asked:
    roles = ask.get("backend_roles")
    return Asked(ask.get("access_mode"), None if roles is None else tuple(roles), ask.get("add_all_backend_roles"))


def outcome(rule: Any, *arguments: Any) -> Any:
    """What a rule gives, as the model words it: an item, or the text of the refusal."""
    try:
        return rule(*arguments)
    except IllegalArgument as fault:
        return fault.reason


def item(grant: Grant) -> model.Item:
    roles = {"backend_roles": list(grant.backend_roles)} if grant.backend_roles else {}
    return {"owner": (grant.owner or {})["name"], "access": grant.access, **roles}


@given(USERS, ITEMS)
def test_use_and_search_are_decided_as_the_model_says(user: model.User, stored: model.Item) -> None:
    assert access(stored).allows(principal(user)) is model.may_use(user, stored)
    assert access(stored).findable(principal(user)) is model.finds(user, stored)


@pytest.mark.parametrize(("kind", "rule"), [("connector", connector_grant), ("group", group_grant)])
@given(USERS, ASKS)
def test_new_resources_get_what_the_model_says(kind: str, rule: Any, user: model.User, ask: model.Request) -> None:
    found = outcome(rule, principal(user), asked(ask))
    assert (item(found) if isinstance(found, Grant) else found) == model.made(
        user, ask, TEXTS[kind], group=kind == "group"
    )


@given(USERS, ITEMS, ASKS)
def test_updates_of_groups_do_what_the_model_says(user: model.User, stored: model.Item, ask: model.Request) -> None:
    found = outcome(group_change, principal(user), access(stored), asked(ask))
    if isinstance(found, Grant):
        roles = {"backend_roles": list(found.backend_roles)} if found.backend_roles else {}
        owner = stored.get("owner") or (found.owner or {})["name"]
        found = {"owner": owner, "access": found.access, **roles}
    assert (stored if found is None else found) == model.changed(user, stored, ask, TEXTS["group"])


@given(USERS, ITEMS)
def test_what_is_read_only_is_changed_by_owner_and_administrators_alone(user: model.User, stored: model.Item) -> None:
    caller, compiled = principal(user), access(stored)
    open_to_all = "owner" not in stored or stored.get("access") == "public"
    allowed = compiled.allows_change(caller, public_is_read_only=True)
    if open_to_all:
        assert allowed is (caller.admin or stored.get("owner") == user["name"])
    else:
        assert allowed is compiled.allows(caller)
    assert compiled.allows_change(caller, public_is_read_only=False) is compiled.allows(caller)


CALLERS = {
    "admin": Principal("root", ("ops",), ("all_access",)),
    "owner": Principal("ann", ("a", "b"), ("ml_full_access",)),
    "roleless": Principal("dan", (), ("ml_full_access",)),
    "stranger": Principal("eve", ("z",), ("ml_full_access",)),
}
STORED = {"private": Access("private", "ann"), "restricted": Access("restricted", "ann", frozenset({"z"}))}
CREATED = [
    ("admin", Asked(None, None, True), "admin"),
    ("owner", Asked("public", ("a",)), "only_restricted"),
    ("owner", Asked("private", None, True), "only_restricted"),
    ("owner", Asked("restricted", ("a",), True), "both"),
    ("roleless", Asked(None, None, True), "no_roles"),
    ("owner", Asked("restricted"), "neither"),
    ("owner", Asked("restricted", ()), "neither"),
    ("owner", Asked(None, ("a", "c")), "foreign"),
]


@pytest.mark.parametrize(("kind", "rule"), [("connector", connector_grant), ("group", group_grant)])
@pytest.mark.parametrize(("caller", "ask", "text"), CREATED)
def test_every_refusal_of_a_new_resource_is_reached(kind: str, rule: Any, caller: str, ask: Asked, text: str) -> None:
    assert outcome(rule, CALLERS[caller], ask) == TEXTS[kind][text]


UPDATED = [
    ("stranger", "restricted", Asked(None, ()), "only_owner"),
    ("stranger", "private", Asked(), "no_permission"),
    ("owner", "restricted", Asked("public"), "lost_role"),
    ("owner", "private", Asked("public", ("a",)), "only_restricted"),
    ("admin", "private", Asked(None, None, True), "admin"),
    ("owner", "private", Asked(None, None, False), "must_give_roles"),
    ("owner", "private", Asked("restricted", ("a",), True), "both"),
    ("owner", "private", Asked("restricted"), "neither"),
    ("owner", "private", Asked(None, ("c",)), "foreign"),
]


@pytest.mark.parametrize(("caller", "stored", "ask", "text"), UPDATED)
def test_every_refusal_of_a_group_update_is_reached(caller: str, stored: str, ask: Asked, text: str) -> None:
    assert outcome(group_change, CALLERS[caller], STORED[stored], ask) == TEXTS["group"][text]


def test_an_owner_without_backend_roles_cannot_add_all_of_them() -> None:
    mine = Access("private", "dan")
    assert (
        outcome(group_change, CALLERS["roleless"], mine, Asked(None, None, True))
        == TEXTS["group"]["no_roles_at_update"]
    )


def test_every_text_of_the_table_is_reached_by_a_row() -> None:
    reached = {text for *_, text in (*CREATED, *UPDATED)} | {"no_roles_at_update"}
    assert reached == set(TEXTS["connector"]) | set(TEXTS["group"])


def test_a_comma_in_a_backend_role_is_a_character_like_any_other() -> None:
    """S-16."""
    assert not Access("restricted", "ann", frozenset({"a"})).allows(Principal("eve", ("a,b",)))
    assert Access("restricted", "ann", frozenset({"a,b"})).allows(Principal("eve", ("a,b",)))
    assert outcome(group_grant, Principal("eve", ("a,b",)), Asked(None, ("a",))) == TEXTS["group"]["foreign"]
    grant = connector_grant(Principal("eve", ("a,b",)), Asked(None, None, True))
    assert grant.backend_roles == ("a,b",)
    assert (grant.owner or {})["backend_roles"] == ["a,b"]


def test_an_owner_is_stored_as_the_original_stores_it() -> None:
    """Spec/06 4.1: the lists in their order, an absent tenant as the text "null"."""
    alice = Principal("alice", ("ml-team", "search-team"), ("ml_full_access", "own_index"))
    stored = owner_document(alice)
    assert list(stored) == [
        "name", "backend_roles", "roles", "user_requested_tenant", "user_requested_tenant_access", "custom_attribute_names",
    ]  # fmt: skip
    assert stored == {
        "name": "alice",
        "backend_roles": ["ml-team", "search-team"],
        "roles": ["ml_full_access", "own_index"],
        "user_requested_tenant": "null",
        "user_requested_tenant_access": "NONE",
        "custom_attribute_names": [],
    }
    admin = owner_document(
        Principal("root", ("admin",), ("own_index", "all_access"), {"attr.internal.x": "1"}, "global")
    )
    assert (admin["user_requested_tenant"], admin["user_requested_tenant_access"]) == ("global", "WRITE")
    assert admin["custom_attribute_names"] == []


def test_nobodys_rights_count_while_control_or_security_is_off_and_for_a_super_admin() -> None:
    caller = CALLERS["owner"]
    assert acting(caller, controlled=True) is caller
    assert acting(caller, controlled=False) is None
    assert acting(None, controlled=True) is None
    assert acting(Principal("CN=root", super_admin=True), controlled=True) is None


def test_the_lists_of_a_connector_without_owner_are_an_administrators() -> None:
    legacy = Access()
    for name in ("owner", "stranger"):
        with pytest.raises(IllegalArgument, match="Only owner or admin"):
            check_connector_change(CALLERS[name], legacy, Asked("private"))
        check_connector_change(CALLERS[name], legacy, Asked())
        check_connector_change(CALLERS[name], STORED["private"], Asked("public", ("x",)))
    check_connector_change(CALLERS["admin"], legacy, Asked("private"))


def test_an_administrator_who_closes_a_group_without_owner_becomes_its_owner() -> None:
    change = group_change(CALLERS["admin"], Access("public"), Asked("private"))
    assert change == Grant("private", None, owner_document(CALLERS["admin"]))
