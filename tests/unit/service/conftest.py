"""A fresh world for each test, and its first worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead.service.house import House
from unit.service.world import World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `on_both_databases` are of what workers share: the same on SQLite and on a real PostgreSQL."""
    if "store_url" in metafunc.fixturenames and metafunc.definition.get_closest_marker("on_both_databases"):
        metafunc.parametrize("store_url", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, unless the test is marked."""
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
