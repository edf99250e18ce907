"""Clients that are no dependency of ours drive the gateway in their own language: `scripts/clients` sets them up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from process import gateway

ROOT = Path(__file__).resolve().parents[2]
READY = ROOT / ".clients" / "ready"
PYTHON = ROOT / ".clients" / "python" / "bin" / "python"
FLOWS = Path(__file__).parent / "outside"

pytestmark = pytest.mark.skipif(
    not READY.exists() and os.environ.get("FAIRLEAD_CLIENTS") != "required",
    reason="scripts/clients has not set up the clients",
)


def run(command: Sequence[str], served: str, provider: str) -> str:
    """The flow's whole output; it must end well."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"GATEWAY": served, "PROVIDER": provider, "NODE_PATH": str(ROOT / ".clients" / "node_modules")}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway without resources: clients list them with the default size of a page."""
    with gateway(tmp_path_factory.mktemp("outside") / "data") as server:
        yield server.url
        assert "Traceback" not in server.errors, server.errors


def test_opensearch_py_ml_works(empty: str, simulator: str) -> None:
    output = run([str(PYTHON), str(FLOWS / "opensearch_py_ml_flow.py")], empty, simulator)
    assert "\nRan 16 tests in" in output, output


def test_opensearch_js_works(empty: str, simulator: str) -> None:
    node = shutil.which("node")
    assert node is not None
    output = run([node, "--test", "--test-reporter=tap", str(FLOWS / "opensearch_js_flow.cjs")], empty, simulator)
    assert "\n# pass 14\n" in output, output
