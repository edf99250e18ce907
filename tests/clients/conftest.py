"""One simulator and one gateway for the client flows, and a flow per kind of client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.opensearch_py import Flow
from process import gateway, providers


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    with providers() as server:
        yield server.url


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gateway(tmp_path_factory.mktemp("clients") / "data") as server:
        yield server.url
        assert server.running(), server.errors
        assert "Traceback" not in server.errors, server.errors


@pytest.fixture(scope="session", params=["sync", "async"])
def flow(request: pytest.FixtureRequest, served: str, simulator: str) -> Iterator[Flow]:
    made = Flow(request.param, served, simulator)
    made.trust_upstream()
    yield made
    made.clean()
    made.session.close()
