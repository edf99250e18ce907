"""A fresh world for each test, and its first worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead.service.house import House
from unit.service.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(f"sqlite:///{tmp_path}/fairlead.db")
    yield made
    for store in made.stores:
        await store.close()


@pytest.fixture
async def house(world: World) -> House:
    return await world.worker()
