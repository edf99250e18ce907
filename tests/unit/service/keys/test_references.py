"""Who may use references: the privilege of the caller, and with security off the settings alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairlead.domain.principal import Principal
from fairlead.domain.secret import Secret, SecretReference
from fairlead.errors import IllegalArgument, StatusFault
from fairlead.security.references import References
from fairlead.service.house import House
from fairlead.service.keys.references import PRIVILEGE, require

GIVEN = {"plain": Secret("x"), "key": SecretReference("env", "TEAM_KEY")}


def allowed_to(*names: str, house: House, prefixes: tuple[str, ...] = ("TEAM_",)):  # type: ignore[no-untyped-def]
    return replace(
        house.ports,
        references=References(prefixes, environment={"TEAM_KEY": "sk"}),
        may=lambda principal, action: action == PRIVILEGE and principal.name in names,
    )


def test_a_caller_needs_the_privilege(house: House) -> None:
    ports = allowed_to("ann", house=house)
    require(ports, GIVEN, Principal("ann"))
    with pytest.raises(StatusFault) as caught:
        require(ports, GIVEN, Principal("bob"))
    assert caught.value.status == 403
    assert caught.value.reason == (
        "Credential [key]: a reference needs the privilege [cluster:admin/fairlead/secrets/use]"
    )


def test_without_references_nobody_is_asked(house: House) -> None:
    require(allowed_to(house=house), {"plain": Secret("x")}, Principal("bob"))
    require(allowed_to(house=house), None, Principal("bob"))


@pytest.mark.parametrize("principal", [None, Principal("ann"), Principal("root", super_admin=True)])
def test_the_settings_bind_everybody(house: House, principal: Principal | None) -> None:
    require(allowed_to("ann", house=house), GIVEN, principal)
    with pytest.raises(IllegalArgument, match="the settings do not allow this reference"):
        require(allowed_to("ann", house=house, prefixes=()), GIVEN, principal)
