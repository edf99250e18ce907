"""Users, roles and API keys of a store: for commands that work beside running servers, and the first administrator."""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import string
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from fairlead.bootstrap.node import wall_clock
from fairlead.domain.ports import Conflict, Put, Store
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import KINDS, MAPPINGS, PASSWORD_UNTIL, USERS
from fairlead.errors import SecurityApiFault
from fairlead.security.password_rules import PasswordRules
from fairlead.security.passwords import hash_password
from fairlead.security.private_file import private_bytes
from fairlead.service.security.api_keys import ApiKeys, KeyLimits
from fairlead.service.security.beacon import Beacon
from fairlead.service.security.hashing import HashPool
from fairlead.service.security.objects import Editor, SecurityObjects
from fairlead.service.security.rest_access import RestAccess
from fairlead.service.security.service import SecuritySettings, has_users
from fairlead.settings import Settings
from fairlead.store import open_store

log = logging.getLogger("fairlead.security")

OPERATOR = Editor(Principal("operator", super_admin=True), frozenset(kind.kind for kind in KINDS))
"""Who has access to the store itself may change everything in it."""
ADMIN, ADMIN_BACKEND_ROLE, ADMIN_ROLE = "admin", "admin", "all_access"
GENERATED_CHARACTERS, GENERATED_HOURS = 24, 24
_ALPHABET = string.ascii_letters + string.digits + "-_.+"
_DRAWS = 1000


def security_settings(settings: Settings) -> SecuritySettings:
    """Raises BadPasswordRule and BadEndpoint."""
    return SecuritySettings(
        RestAccess(settings.security_rest_roles, settings.security_endpoints_disabled),
        PasswordRules(
            settings.password_min_length,
            settings.password_strength,
            settings.password_pattern,
            settings.password_pattern_text,
        ),
        KeyLimits(settings.api_key_limit, settings.api_key_max_seconds),
        settings.password_rehash,
        Path(settings.security) if settings.users == "file" else None,
        settings.public,
    )


async def authenticates(settings: Settings, store: Store) -> bool:
    """Whether callers must prove who they are."""
    return settings.auth == "on" or (settings.auth == "auto" and (bool(settings.security) or await has_users(store)))


@dataclass(frozen=True, slots=True)
class OpenSecurity:
    """What a command needs. Changes made through it count in running servers of this machine at once."""

    store: Store
    objects: SecurityObjects
    keys: ApiKeys


def of_store(settings: Settings, store: Store, hashing: HashPool, beacon: Beacon) -> OpenSecurity:
    async def changed() -> None:
        beacon.advance()

    rules = security_settings(settings)
    objects = SecurityObjects(store, rules.rules, hashing, changed, read_only=rules.files is not None)
    return OpenSecurity(store, objects, ApiKeys(store, rules.keys, wall_clock, changed))


@contextlib.asynccontextmanager
async def open_security(settings: Settings) -> AsyncIterator[OpenSecurity]:
    """Makes the data directory and the database where they are not there yet. Raises StoreUnavailable and OSError."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = await open_store(settings.store_url)
    hashing, beacon = HashPool(), Beacon(settings.data_dir)
    try:
        yield of_store(settings, store, hashing, beacon)
    finally:
        beacon.close()
        hashing.close()
        await store.close()


async def add_user(
    security: OpenSecurity, name: str, password: str, backend_roles: list[str], roles: list[str], *, admin: bool
) -> None:
    """`admin`: gives the backend role that is mapped to all_access, and makes the mapping where there is none.

    Raises SecurityApiFault with the rule that the password breaks.
    """
    if admin:
        backend_roles = [*backend_roles, ADMIN_BACKEND_ROLE]
        if await security.store.get(MAPPINGS.kind, ADMIN_ROLE) is None:
            mapping = json.dumps({"backend_roles": [ADMIN_BACKEND_ROLE]}).encode()
            await security.objects.put(MAPPINGS, OPERATOR, ADMIN_ROLE, mapping)
    body = {"password": password, "backend_roles": backend_roles, "opendistro_security_roles": roles}
    await security.objects.put(USERS, OPERATOR, name, json.dumps(body).encode())


async def first_administrator(settings: Settings, store: Store) -> None:
    """The user `admin` of a store that has no users, where the settings give a password (spec/06 14.2).

    Raises ValueError with the rule that the password breaks, UnsafeFile for a file that others can read.
    """
    password = settings.initial_admin_password
    if settings.initial_admin_password_file:
        path = Path(settings.initial_admin_password_file)
        text = private_bytes(path, "initial_admin_password_file", follow=True).decode("utf-8", "replace")
        password = text.split("\n", 1)[0].rstrip("\r")
    if not password:
        return
    if settings.users == "file":
        log.warning("initial_admin_password is ignored: users are kept in files")
        return
    if await has_users(store):
        log.warning("initial_admin_password is ignored: there are users already")
        return
    hashing, beacon = HashPool(), Beacon(settings.data_dir)
    try:
        security = of_store(settings, store, hashing, beacon)
        await add_user(security, ADMIN, password, [], [], admin=True)
    except SecurityApiFault as fault:
        raise ValueError(f"initial_admin_password: {fault}") from fault
    finally:
        beacon.close()
        hashing.close()


async def generated_administrator(settings: Settings, store: Store, show: Callable[[str], None]) -> None:
    """The user `admin` with a password that is shown once and counts for a day (spec/06 14.2); `show` takes the lines.

    Raises ValueError where the rules let no such password pass.
    """
    rules = security_settings(settings).rules
    password = _drawn(rules)
    hashing = HashPool()
    try:
        hashed = await hashing.run(lambda: hash_password(password))
    finally:
        hashing.close()
    until = wall_clock() + GENERATED_HOURS * 3_600_000
    user = {"hash": hashed, "backend_roles": [ADMIN_BACKEND_ROLE], PASSWORD_UNTIL: until}
    batch = [Put(USERS.kind, ADMIN, user, 0)]
    if await store.get(MAPPINGS.kind, ADMIN_ROLE) is None:
        batch.append(Put(MAPPINGS.kind, ADMIN_ROLE, {"backend_roles": [ADMIN_BACKEND_ROLE]}, 0))
    with contextlib.suppress(Conflict):  # another server of this store was first, and has shown its own
        await store.write(batch)
        show(
            f"There was no user yet. User `{ADMIN}` has this password, which is shown once and counts for "
            f"{GENERATED_HOURS} hours:\n\n    {password}\n\nSet another until then: PUT /_plugins/_security/api/account, "
            f"or `fairlead users passwd {ADMIN}`."
        )


def _drawn(rules: PasswordRules) -> str:
    """A random password that keeps the rules; the operator's own pattern may want characters of several kinds."""
    for _ in range(_DRAWS):
        password = "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_CHARACTERS))
        fault = rules.fault(ADMIN, password)
        if fault is None:
            return password
    raise ValueError(
        f"password_pattern: no generated password would do ({fault}); run `fairlead users add --admin NAME`"
    )
