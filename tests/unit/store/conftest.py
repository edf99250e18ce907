"""A fresh address for each test on each backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fairlead.store import SqlStore, open_store


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/fairlead.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The same test on both backends."""
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address


@pytest.fixture
async def opened(url: str) -> AsyncIterator[Callable[[], object]]:
    """Opens any number of stores on one database, as so many processes would, and closes them."""
    stores: list[SqlStore] = []

    async def one_more() -> SqlStore:
        stores.append(await open_store(url))
        return stores[-1]

    yield one_more
    for store in stores:
        await store.close()


@pytest.fixture
async def store(opened: Callable[[], object]) -> SqlStore:
    made: SqlStore = await opened()  # type: ignore[misc]
    return made
