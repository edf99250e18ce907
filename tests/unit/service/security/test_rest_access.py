"""Who may call which endpoint of the Security REST API (spec/06 2.2)."""

from __future__ import annotations

import pytest

from fairlead.api.security_routes import endpoints
from fairlead.domain.principal import Principal
from fairlead.service.security.rest_access import ENDPOINTS, METHODS, BadEndpoint, RestAccess


def holder(*roles: str) -> Principal:
    return Principal("x", roles=roles)


def test_every_endpoint_that_there_is_has_a_name() -> None:
    assert set(endpoints()) == set(ENDPOINTS.values())


def test_what_is_disabled_of_several_roles_is_what_all_have_disabled() -> None:
    access = RestAccess(("a", "b", "c"), ("a/ROLES/PUT", "a/ROLES/GET", "b/roles/put", "b/CACHE/*", "x/ROLES/*"))
    assert not access.allows(holder("a"), "ROLES", "PUT")
    assert not access.allows(holder("a", "b"), "ROLES", "PUT")
    assert access.allows(holder("a", "b"), "ROLES", "GET")
    assert access.allows(holder("a", "b"), "CACHE", "DELETE")
    assert not access.allows(holder("b"), "CACHE", "DELETE")
    assert access.allows(holder("a", "c"), "ROLES", "PUT")
    # A role that does not open the API lifts nothing.
    assert not access.allows(holder("a", "other"), "ROLES", "PUT")


def test_what_is_disabled_for_everybody_no_role_lifts_but_a_super_admin_may() -> None:
    access = RestAccess(("a", "b"), ("global/CONFIG/*", "a/ROLES/PUT"))
    for caller in (holder("a"), holder("b"), holder("a", "b")):
        assert not any(access.allows(caller, "CONFIG", method) for method in METHODS)
    assert access.allows(Principal("CN=x", super_admin=True), "CONFIG", "PUT")


def test_a_key_is_never_admitted() -> None:
    access = RestAccess(("a",))
    assert access.admits(holder("a"))
    assert not access.admits(holder("b"))
    assert not access.admits(Principal("x", roles=("a",), key_id="k"))


@pytest.mark.parametrize("entry", ["", "a", "a/ROLES", "a/ROLS/PUT", "/ROLES/PUT", "a/ROLES/HEAD", "a/ROLES/"])
def test_an_entry_that_means_nothing_is_refused_by_the_settings_name(entry: str) -> None:
    with pytest.raises(BadEndpoint, match=r"^security_endpoints_disabled: "):
        RestAccess(("a",), (entry,))
