"""Who may use, change and find a connector or model group, and which access lists a request may set (spec/01 section 3).

Pure rules about values; they read no store and no setting, and know nothing of hidden models (fairlead.domain.model does).
Lists are lists: a comma in a backend role is a character like any other (S-16).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.domain.ports import Json
from fairlead.domain.principal import Principal
from fairlead.errors import IllegalArgument

PUBLIC, PRIVATE, RESTRICTED = "public", "private", "restricted"
MODES = (PUBLIC, PRIVATE, RESTRICTED)


def acting(principal: Principal | None, controlled: bool) -> Principal | None:
    """The caller whose rights count, or None when nobody's do: access control or security is off, or it is a super admin.

    To the original the latter has no user at all (spec/01 3.1, spec/06 7.5).
    """
    return principal if controlled and principal is not None and not principal.super_admin else None


@dataclass(frozen=True, slots=True)
class Access:
    """A resource's access as stored, ready to decide. `owner` is a name; None: made while access control was off."""

    mode: str | None = None
    owner: str | None = None
    backend_roles: frozenset[str] = frozenset()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Access:
        owner = document.get("owner")
        roles = frozenset(document.get("backend_roles") or ())
        return cls(document.get("access"), None if owner is None else str(owner.get("name")), roles)

    def allows(self, caller: Principal) -> bool:
        """Use of every kind. The owner of a restricted resource has no right of its own; no roles, no access (3.2, 3.3)."""
        if self.owner is None or self.mode == PUBLIC or caller.admin:
            return True
        if self.mode == PRIVATE:
            return self.owner == caller.name
        return self.mode == RESTRICTED and not self.backend_roles.isdisjoint(caller.backend_roles)

    def allows_change(self, caller: Principal, *, public_is_read_only: bool) -> bool:
        """Update and deletion; `public_is_read_only` leaves what is open to everybody to its owner and administrators (S-10)."""
        if public_is_read_only and (self.owner is None or self.mode == PUBLIC):
            return caller.admin or self.owner == caller.name
        return self.allows(caller)

    def findable(self, caller: Principal) -> bool:
        """Whether a search shows it: what carries no access at all is for administrators (spec/01 3.4)."""
        return caller.admin or (self.mode is not None and self.allows(caller))


@dataclass(frozen=True, slots=True)
class Asked:
    """The access lists of a request; None is what it does not name."""

    mode: str | None = None
    backend_roles: tuple[str, ...] | None = None
    add_all: bool | None = None

    @property
    def given(self) -> bool:
        """An empty list counts as not given."""
        return self.mode is not None or self.add_all is not None or bool(self.backend_roles)

    @property
    def mentioned(self) -> bool:
        """Whether any of the three stands in the request at all."""
        return self.given or self.backend_roles is not None


@dataclass(frozen=True, slots=True)
class Grant:
    """What is stored: mode, roles and owner."""

    access: str
    backend_roles: tuple[str, ...] | None = None
    owner: Json | None = None


OPEN = Grant(PUBLIC)
"""Of a group that is made while access control is off."""

_ADMIN_ADDS_ALL = "Admin users cannot add all backend roles to a model group."
_FOREIGN_ROLES = "You don't have the backend roles specified."
_ONLY_RESTRICTED = "You can specify backend roles only for a {} with the restricted access mode."
_BOTH = "You cannot specify backend roles and add all backend roles at the same time."
_NEITHER = "You must specify one or more backend roles or add all backend roles to register a restricted model group."
_ONLY_OWNER = "Only owner or admin can update access control data."


def owner_document(caller: Principal) -> Json:
    """The stored owner (spec/06 4.1). An absent tenant is the text "null", and only administrators may write tenants here."""
    return {
        "name": caller.name,
        "backend_roles": list(caller.backend_roles),
        "roles": list(caller.roles),
        "user_requested_tenant": caller.tenant or "null",
        "user_requested_tenant_access": "WRITE" if caller.admin else "NONE",
        "custom_attribute_names": [],
    }


def connector_grant(caller: Principal, asked: Asked) -> Grant:
    """The access of a new connector, in the order of spec/01 3.2. Raises IllegalArgument."""
    mode = asked.mode or (RESTRICTED if asked.backend_roles or asked.add_all else PRIVATE)
    restricted = mode == RESTRICTED
    _refuse_first(
        (bool(caller.admin and asked.add_all), "Admin can't add all backend roles"),
        (not restricted and _lists(asked), _ONLY_RESTRICTED.format("connector")),
        (
            bool(asked.add_all and asked.backend_roles),
            "You can't specify backend roles and add all backend roles to true at same time.",
        ),
        (
            bool(asked.add_all) and not caller.backend_roles,
            "You must have at least one backend role to create a connector.",
        ),
        (
            restricted and not _lists(asked),
            "You must specify at least one backend role or make the connector public/private for registering it.",
        ),
        (_foreign(caller, asked), _FOREIGN_ROLES),
    )
    return Grant(mode, _roles(caller, asked), owner_document(caller))


def group_grant(caller: Principal, asked: Asked) -> Grant:
    """The access of a new model group, in the order of spec/01 3.3. Raises IllegalArgument."""
    both = bool(asked.backend_roles and asked.add_all)
    mode = asked.mode or (RESTRICTED if _lists(asked) else PRIVATE)
    restricted = mode == RESTRICTED
    _refuse_first(
        (asked.mode is None and both, _BOTH),
        (not restricted and _lists(asked), _ONLY_RESTRICTED.format("model group")),
        (bool(caller.admin and asked.add_all), _ADMIN_ADDS_ALL),
        (
            restricted and not caller.admin and not caller.backend_roles,
            "You must have at least one backend role to register a restricted model group.",
        ),
        (restricted and not _lists(asked), _NEITHER),
        (both, _BOTH),
        (_foreign(caller, asked), _FOREIGN_ROLES),
    )
    return Grant(mode, _roles(caller, asked), owner_document(caller))


def group_change(caller: Principal, stored: Access, asked: Asked, *, public_is_read_only: bool = False) -> Grant | None:
    """What an update makes of a group's access, in the order of spec/01 3.3; None: it stays. Raises IllegalArgument.

    An owner is kept; where there is none, the administrator who sets access lists becomes it, or they would bind nobody.
    """
    owns, shares = stored.owner == caller.name, not stored.backend_roles.isdisjoint(caller.backend_roles)
    free = asked.mode in (None, RESTRICTED)
    changeable = stored.allows_change(caller, public_is_read_only=public_is_read_only)
    _refuse_first(
        (asked.mentioned and not owns and not caller.admin, _ONLY_OWNER),
        (not owns and not changeable, "You don't have permission to update this model group."),
        (
            owns and not caller.admin and stored.mode == RESTRICTED and not shares,
            "You don't have the specified backend role to update this model group. For more information, contact your "
            "administrator.",
        ),
        (not free and _lists(asked), _ONLY_RESTRICTED.format("model group")),
        (bool(caller.admin and asked.add_all), _ADMIN_ADDS_ALL),
        (bool(asked.add_all) and not caller.backend_roles, "You don't have any backend roles."),
        (
            free and not asked.backend_roles and asked.add_all is False,
            "You have to specify backend roles when add all backend roles is set to false.",
        ),
        (bool(asked.backend_roles and asked.add_all), _BOTH),
        (asked.mode == RESTRICTED and not _lists(asked), _NEITHER),
        (_foreign(caller, asked), _FOREIGN_ROLES),
    )
    if asked.mode is None and not _lists(asked):
        return None
    owner = owner_document(caller) if stored.owner is None else None
    return Grant(asked.mode or RESTRICTED, _roles(caller, asked), owner)


def check_connector_change(caller: Principal, stored: Access, asked: Asked) -> None:
    """A connector's access lists are set unchecked by whoever may update it, as recorded; those of one without owner only by
    an administrator, who becomes its owner. Raises IllegalArgument."""
    if stored.owner is None and asked.given and not caller.admin:
        raise IllegalArgument(_ONLY_OWNER)


def _lists(asked: Asked) -> bool:
    return bool(asked.backend_roles or asked.add_all)


def _foreign(caller: Principal, asked: Asked) -> bool:
    """Whether roles are given away that the caller does not have; an administrator may."""
    given = () if asked.add_all else asked.backend_roles or ()
    return not caller.admin and not set(given) <= set(caller.backend_roles)


def _roles(caller: Principal, asked: Asked) -> tuple[str, ...] | None:
    return (caller.backend_roles if asked.add_all else asked.backend_roles) or None


def _refuse_first(*rows: tuple[bool, str]) -> None:
    """Raises IllegalArgument for the first row that holds."""
    for holds, reason in rows:
        if holds:
            raise IllegalArgument(reason)
