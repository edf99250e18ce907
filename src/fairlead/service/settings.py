"""The cluster settings: checked as one request, stored per scope, effective everywhere at once (spec/01 4.3, 4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import translate

from fairlead.domain.cluster_settings import SETTINGS, ClusterSettings, Scope, Text, Type, read
from fairlead.domain.ports import Put, Store
from fairlead.errors import ActionValidation, IllegalArgument, PatternSyntax, SettingsFault
from fairlead.java.regex import PatternFault, compile_java, unsafe_pattern
from fairlead.service.changes import Batch, commit
from fairlead.service.ports import Ports
from fairlead.service.snapshot import PERSISTENT, SETTINGS_KIND, TRANSIENT, Snapshot

Wanted = Mapping[str, Text | None]
"""New values by key; None removes, and may stand under a key with wildcards."""


class SettingsService:
    """Reads and changes the cluster settings."""

    def __init__(self, ports: Ports, snapshot: Snapshot) -> None:
        self._ports = ports
        self._snapshot = snapshot

    async def update(self, persistent: Wanted, transient: Wanted) -> None:
        """All or nothing; raises on the first fault in the original's order: transient first, keys sorted."""
        if not persistent and not transient:
            raise ActionValidation("no settings to update")
        for scope, wanted in ((TRANSIENT, transient), (PERSISTENT, persistent)):
            for key in sorted(wanted):
                _check(scope, key, wanted[key])

        async def prepare() -> tuple[Batch, None]:
            batch = []
            for scope, wanted in ((PERSISTENT, persistent), (TRANSIENT, transient)):
                if wanted:
                    stored = await self._ports.store.get(SETTINGS_KIND, scope)
                    body = _merged(stored.body if stored else {}, wanted)
                    batch.append(Put(SETTINGS_KIND, scope, body, stored.revision if stored else 0))
            return batch, None

        await commit(self._ports.store, prepare)
        await self._snapshot.catch_up()


async def forget_transient(store: Store) -> None:
    """At a full restart transient settings are gone."""
    if await store.get(SETTINGS_KIND, TRANSIENT):
        await store.write([Put(SETTINGS_KIND, TRANSIENT, {})])


async def stored_settings(store: Store) -> ClusterSettings:
    """The settings as the store has them, for who does not follow it."""
    scopes = {document.id: document.body for document in await store.all(SETTINGS_KIND)}
    typed = {
        scope: {key: value if isinstance(value, str) else tuple(value) for key, value in body.items()}
        for scope, body in scopes.items()
    }
    return ClusterSettings(typed.get(PERSISTENT), typed.get(TRANSIENT))


def _check(scope: str, key: str, value: Text | None) -> None:
    if value is None and "*" in key:
        return
    row = SETTINGS.get(key)
    if row is None:
        raise SettingsFault(f"{scope} setting [{key}], not recognized")
    if row.scope is Scope.STATIC:
        raise SettingsFault(f"{scope} setting [{key}], not dynamically updateable")
    if row.scope is Scope.FINAL:
        raise SettingsFault(f"final {scope} setting [{key}], not updateable")
    if value is None:
        return
    typed = read(row, value)
    if row.type in (Type.REGEX, Type.REGEX_LIST):
        for pattern in (typed,) if row.type is Type.REGEX else typed:
            check_pattern(pattern)


def check_pattern(pattern: str) -> None:
    """The safety rules of endpoint patterns (spec/01 4.2)."""
    if (fault := unsafe_pattern(pattern)) is not None:
        raise IllegalArgument(fault)
    try:
        compile_java(pattern)
    except PatternFault as broken:
        raise IllegalArgument(f"Invalid regex pattern: {pattern}", cause=PatternSyntax(str(broken))) from broken


def _merged(stored: Mapping[str, object], wanted: Wanted) -> dict[str, object]:
    body = dict(stored)
    for key, value in wanted.items():
        if value is not None:
            body[key] = value if isinstance(value, str) else list(value)
        elif "*" in key:
            matches = re.compile(translate(key)).match
            body = {name: kept for name, kept in body.items() if not matches(name)}
        else:
            body.pop(key, None)
    return body
