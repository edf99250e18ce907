"""A real store with a real vault, and credentials in every place that may hold some."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from fairlead.domain import connector as connectors
from fairlead.domain import model as models
from fairlead.domain.connector import Action, ActionType, Connector
from fairlead.domain.ports import Put, Store
from fairlead.domain.sealed import SEALED, key_of
from fairlead.domain.secret import Secret, SecretReference
from fairlead.security.key_file import FileKeyProvider
from fairlead.security.vault import AesVault, open_vault
from fairlead.service.keys import credentials

ACTIONS = (Action(ActionType.PREDICT, "POST", "https://api.example.com/v1", request_body="{}"),)


def milliseconds() -> int:
    return time.time_ns() // 1_000_000


async def vault_of(store: Store, data: Path) -> AesVault:
    return await open_vault(store, FileKeyProvider(data / "keys"))


async def plant(store: Store, vault: AesVault, count: int) -> dict[tuple[str, str], dict[str, Secret]]:
    """`count` connectors and as many models with connectors of their own; what each place is to open to."""
    planted = {}
    for number in range(count):
        for kind in (connectors.KIND, models.KIND):
            id = f"{kind} {number}"
            plain = {"key": Secret(f"sk-{id}"), "other": SecretReference("env", f"NAME_{number}")}
            connector = Connector("http", id, actions=ACTIONS)
            sealed = await credentials.seal(vault, plain, connector, kind, id)
            document = replace(connector, credential=sealed).document()
            body = document if kind == connectors.KIND else {"name": id, "connector": document}
            await store.write([Put(kind, id, body, 0), *vault.fence()])
            planted[kind, id] = plain
    return planted


async def opened(store: Store, vault: AesVault) -> dict[tuple[str, str], dict[str, Secret]]:
    """Every credential of the store."""
    found = {}
    for place in SEALED:
        for document in await store.all(place.kind):
            owner = place.owner(document.body)
            if owner is not None:
                connector = Connector.of(owner)
                found[place.kind, document.id] = await credentials.open_sealed(
                    vault, connector, place.kind, document.id
                )
    return found


async def key_ids(store: Store) -> set[str | None]:
    """The data keys that sealed what the store holds."""
    found = set()
    for place in SEALED:
        for document in await store.all(place.kind):
            found |= {key_of(text) for text in place.values(document.body).values()}
    return found
