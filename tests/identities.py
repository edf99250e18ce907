"""Users, roles and mappings put into a store before a server starts on it; their hashes cost next to nothing."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from fairlead.domain.ports import Put
from fairlead.domain.security_objects import MAPPINGS, ROLES, USERS
from fairlead.store import open_store

PASSWORD = "Gr4ndeur-Of-Tides_9"
"""Everybody's."""
PREDICT = "cluster:admin/opensearch/ml/predict"
PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "admin": {"backend_roles": ["admin"]},
    "full": {"opendistro_security_roles": ["ml_full_access"]},
    "reader": {"opendistro_security_roles": ["ml_read_access"]},
    "caller": {"opendistro_security_roles": ["ml_predict_access"]},
    "nobody": {},
}


def quick_hash(password: str = PASSWORD) -> str:
    """A valid Argon2 hash of the lowest cost."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=1, lanes=1, memory_cost=8)
    return kdf.derive_phc_encoded(password.encode())


def login(name: str) -> str:
    return f"{name}:{PASSWORD}"


def authorization(name: str, password: str = PASSWORD) -> bytes:
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


def steps(
    people: Mapping[str, Mapping[str, Any]] = PEOPLE, roles: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Put]:
    """What makes them: users, the mapping of administrators, further roles."""
    return [
        *(Put(USERS.kind, name, {"hash": quick_hash(), **body}) for name, body in people.items()),
        Put(MAPPINGS.kind, "all_access", {"backend_roles": ["admin"]}),
        *(Put(ROLES.kind, name, dict(body)) for name, body in (roles or {}).items()),
    ]


def settle(data: Path, *arguments: Any) -> Path:
    """Puts them into the database of a data directory, which it makes; gives the directory."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def write() -> None:
        store = await open_store(f"sqlite:///{data / 'fairlead.db'}")
        await store.write(steps(*arguments))
        await store.close()

    asyncio.run(write())
    return data
