"""Identity of one worker: the sources in their order, the configuration they judge by, and the Security REST API's parts."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from fairlead.domain.audit import Audit, NoAudit
from fairlead.domain.identity import Head, IdentitySource, LoginLimits, NoLoginLimits
from fairlead.domain.ports import Conflict, Put, Store, StoreUnavailable
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import KINDS, USERS
from fairlead.errors import SecurityApiFault, SecurityFault
from fairlead.security.password_rules import PasswordRules
from fairlead.service.pacing import Pace, run_rounds
from fairlead.service.security.account import Account
from fairlead.service.security.api_keys import USE_KIND, ApiKeys, KeyLimits
from fairlead.service.security.basic import BasicSource
from fairlead.service.security.composition import in_order
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.connections import SuperAdminSource
from fairlead.service.security.follower import FLUSH_KIND, SecurityFollower
from fairlead.service.security.hashing import HashPool
from fairlead.service.security.key_source import ApiKeySource
from fairlead.service.security.listeners import Listeners
from fairlead.service.security.objects import Editor, SecurityObjects
from fairlead.service.security.rehashing import Rehashing
from fairlead.service.security.rest_access import RestAccess
from fairlead.service.security.watched_files import WatchedFiles
from fairlead.service.snapshot import Snapshot

log = logging.getLogger("fairlead.security")

REST_ROLES = ("all_access", "security_rest_api_access")
_USES_EVERY_SECONDS = 60.0
_MINUTE_MS = 60_000


class Changes(Protocol):
    """How often the configuration changed, shared by all workers of the machine (fairlead.service.security.beacon)."""

    def value(self) -> int: ...

    def advance(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """`rest`: who may call what of the Security REST API; `rehash`: whether cheap hashes are made anew;
    `files`: the directory that is the truth about users and roles, None when that is the store; `refuse_known`: users whose
    password everybody can know are not taken from there."""

    rest: RestAccess = field(default_factory=lambda: RestAccess(REST_ROLES))
    rules: PasswordRules = field(default_factory=PasswordRules)
    keys: KeyLimits = field(default_factory=KeyLimits)
    rehash: bool = True
    files: Path | None = None
    refuse_known: bool = False


class SecurityService:
    """`sources` are asked in their order; add one with `add_source` before the worker answers. `basic` False leaves
    internal users out."""

    def __init__(
        self,
        store: Store,
        snapshot: Snapshot,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        settings: SecuritySettings | None = None,
        *,
        audit: Audit | None = None,
        limits: LoginLimits | None = None,
        shared: Changes | None = None,
        basic: bool = True,
    ) -> None:
        self._store = store
        self._snapshot = snapshot
        self._shared = shared
        self._seen = -1
        self.settings = settings or SecuritySettings()
        self.follower = SecurityFollower(snapshot)
        self.audit: Audit = audit or NoAudit()
        self.limits: LoginLimits = limits or NoLoginLimits()
        self.follower.on_listeners = self.limits.configure
        self.hashing = HashPool()
        self._uses: dict[str, int] = {}
        self.basic = BasicSource(self.follower.current, self.hashing, self.limits, monotonic, clock)
        self.api_key = ApiKeySource(self.follower.current, clock, self._use)
        self.sources: list[IdentitySource] = [self.api_key, self.basic] if basic else [self.api_key]
        files = self.settings.files
        self.objects = SecurityObjects(
            store, self.settings.rules, self.hashing, self._changed, read_only=files is not None
        )
        self.files: WatchedFiles | None = None
        if files is not None:
            self.files = WatchedFiles(
                files, store, self.hashing, self._changed, self.audit, guess=self.settings.refuse_known
            )
        self.rehashing = Rehashing(store, self.hashing, self.follower.current, self._changed, self.audit)
        if self.settings.rehash and files is None:
            self.basic.proved = self.rehashing.proved
        self.listeners = Listeners(store, self._changed)
        self.keys = ApiKeys(store, self.settings.keys, clock, self._changed)
        self.account = Account(self.follower.current, self.objects, self.hashing, self.limits)

    def add_source(self, source: IdentitySource) -> None:
        """Takes its place in the order of spec/06 14.1."""
        self.sources = in_order([*self.sources, source])

    def configuration(self) -> Configuration:
        return self.follower.current()

    def allows(self, principal: Principal, action: str, model_id: str | None = None) -> bool:
        """Whether the caller may do the action, on the model if the route names one."""
        return self.follower.current().allows(principal, action, model_id, self._snapshot.model_groups)

    async def learns(self, principal: Principal, model_id: str | None) -> bool:
        """Whether a refusal may be for want of news: the key is bound to groups and the model is one that this worker has
        not heard of. It has then, if there is one."""
        if principal.key_id is None or model_id is None or model_id in self._snapshot.model_groups:
            return False
        key = self.follower.current().key(principal.key_id)
        if key is None or key.model_group_ids is None:
            return False
        with contextlib.suppress(StoreUnavailable):
            await self._snapshot.catch_up()
        return True

    @property
    def behind(self) -> bool:
        """Whether another process changed the configuration and said so; `catch_up` then."""
        return self._shared is not None and self._shared.value() != self._seen

    async def catch_up(self) -> None:
        """Takes in what another process changed. While the store is away, nobody can have changed it."""
        with contextlib.suppress(StoreUnavailable):
            await self._take_in()

    async def flush(self) -> None:
        """Every worker forgets every login."""
        await self._store.write([Put(FLUSH_KIND, "logins", {})])
        await self._changed()

    def has_api_access(self, principal: Principal) -> bool:
        """Whether the caller may call the Security REST API (spec/06 2.2); a key never may (7.8)."""
        return self.settings.rest.admits(principal)

    async def is_super_admin(self, head: Head) -> bool:
        """Whether the connection's certificate alone makes a super admin, whoever else the head names."""
        for source in self.sources:
            found = await source.identify(head) if isinstance(source, SuperAdminSource) else None
            if isinstance(found, Principal):
                return found.super_admin
        return False

    def editor(self, principal: Principal, if_match: str | None = None) -> Editor:
        configuration = self.follower.current()
        supers = frozenset(
            kind.kind for kind in KINDS if configuration.allows(principal, f"restapi:admin/{kind.segment}")
        )
        return Editor(principal, supers, if_match)

    def jobs(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What a worker does by itself, each until cancelled, by name."""
        uses = "writing down the last uses of API keys"
        jobs: dict[str, Callable[[], Awaitable[None]]] = {
            uses: partial(run_rounds, uses, Pace(_USES_EVERY_SECONDS), self.save_uses, log),
            "making cheap hashes anew": self.rehashing.run,
        }
        if self.files is not None:
            jobs["the watch over users' files"] = self.files.run
        return jobs

    async def save_uses(self) -> None:
        """What another worker wrote down later stays; what could not be written is written the next time."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            known = {document.id: document for document in await self._store.all(USE_KIND)}
            batch = [
                Put(USE_KIND, id, {"last_used": when}, known[id].revision if id in known else 0)
                for id, when in uses.items()
                if id not in known or known[id].body["last_used"] < when
            ]
            if batch:
                await self._store.write(batch)
        except (StoreUnavailable, Conflict) as fault:
            self._uses = {**uses, **self._uses}
            log.warning("the last uses of API keys were not written down yet: %s", fault)

    def close(self) -> None:
        self.hashing.close()

    def _use(self, id: str, now: int) -> None:
        self._uses[id] = now - now % _MINUTE_MS

    async def _changed(self) -> None:
        """After a write: this worker knows it at once, all others before their next request.

        Raises StoreUnavailable when this worker could not read it: all are told even so, and it tries again as they do.
        """
        if self._shared is not None:
            self._shared.advance()
        await self._take_in()

    async def _take_in(self) -> None:
        number = -1 if self._shared is None else self._shared.value()
        await self._snapshot.catch_up()
        self._seen = number


def denial(principal: Principal, action: str) -> SecurityFault:
    """Names and roles in it are the caller's own (spec/06 8.4)."""
    return SecurityFault(f"no permissions for [{action}] and {described(principal)}")


def rest_denial(
    principal: Principal, *, tls: bool, lacks: str = "role privileged for admin access"
) -> SecurityApiFault:
    """Why the caller may not call the Security REST API (spec/06 2.2)."""
    roles = ", ".join(principal.roles)
    certificate = "No client TLS certificate found in request" if tls else "No ssl info found in request."
    return SecurityApiFault(
        403,
        f"No permission to access REST API: User {principal.name} with Security roles [{roles}] does not have any "
        f"{lacks}. {certificate}",
    )


def described(principal: Principal) -> str:
    """The caller as the original's answers write it."""
    roles = ", ".join(principal.backend_roles)
    tenant = "null" if principal.tenant is None else principal.tenant
    return f"User [name={principal.name}, backend_roles=[{roles}], requestedTenant={tenant}]"


async def has_users(store: Store) -> bool:
    return await store.count(USERS.kind) > 0
