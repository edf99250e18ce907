"""A fresh world for each test, and its first worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead.service.house import House
from unit.service.world import World


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but for tests that are marked `on_both_databases` (unit.service.world)."""
    if getattr(request, "param", "sqlite") == "postgres":
        address: str = request.getfixturevalue("postgres_url")
        return address
    return f"sqlite:///{tmp_path}/fairlead.db"


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    made = World(store_url)
    yield made
    for store in made.stores:
        await store.close()


@pytest.fixture
async def house(world: World) -> House:
    return await world.worker()
