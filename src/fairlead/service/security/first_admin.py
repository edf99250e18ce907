"""The first administrator: user `admin`, made from a given password while the store has no user (spec/06 14.2).

It replaces nobody: with a user there, nothing is done. The password is hashed and forgotten."""

from __future__ import annotations

from fairlead.domain.ports import Conflict, Put, Store
from fairlead.domain.principal import ADMIN_ROLE
from fairlead.domain.security_objects import MAPPINGS, USERS
from fairlead.security.password_rules import PasswordRules
from fairlead.security.passwords import hash_password

NAME = "admin"
BACKEND_ROLE = "admin"


class WeakFirstPassword(ValueError):
    """The given password breaks a rule; the text is the rule's."""


async def create_first_admin(store: Store, password: str, rules: PasswordRules) -> bool:
    """Whether the user was made. Several processes that start at once make one. Raises WeakFirstPassword."""
    if await store.count(USERS.kind):
        return False
    if (fault := rules.fault(NAME, password)) is not None:
        raise WeakFirstPassword(fault)
    body = {"hash": hash_password(password), "backend_roles": [BACKEND_ROLE]}
    steps = [Put(USERS.kind, NAME, body, 0)]
    if await store.get(MAPPINGS.kind, ADMIN_ROLE) is None:
        steps.append(Put(MAPPINGS.kind, ADMIN_ROLE, {"backend_roles": [BACKEND_ROLE]}, 0))
    try:
        await store.write(steps)
    except Conflict:
        return False
    return True
