"""One simulator and one gateway for the end-to-end tests that need nothing of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client import Client
from process import gateway, providers


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    with providers() as server:
        yield server.url


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with gateway(tmp_path_factory.mktemp("gateway") / "data") as server:
        made = Client(server.url)
        made.trust_local()
        yield made
        assert server.running(), server.errors
        assert "Traceback" not in server.errors, server.errors
