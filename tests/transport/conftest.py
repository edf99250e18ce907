"""Every adapter on every event loop that we ship on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import uvloop

from fairlead.transport.choose import ADAPTERS, open_upstream
from fairlead.transport.port import Upstream
from transport.certificates import Authority, Pair
from transport.scripted import PinnedDialer


def pytest_asyncio_loop_factories(config: object, item: object) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dialer() -> PinnedDialer:
    return PinnedDialer()


@pytest_asyncio.fixture
async def upstream(adapter: str, dialer: PinnedDialer) -> AsyncIterator[Upstream]:
    client = open_upstream(adapter, dialer)  # type: ignore[arg-type]
    yield client
    await client.close()


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("Test authority")


@pytest.fixture(scope="session")
def stranger() -> Authority:
    return Authority("Another authority")


@pytest.fixture(scope="session")
def server_pair(authority: Authority) -> Pair:
    return authority.issue("provider.test", "127.0.0.1")


@pytest.fixture(scope="session")
def client_pair(authority: Authority) -> Pair:
    return authority.issue("client.test")
