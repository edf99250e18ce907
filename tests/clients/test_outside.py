"""Clients that are no dependency of ours drive the gateway in their own language: `scripts/clients` sets them up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READY = ROOT / ".clients" / "ready"
PYTHON = ROOT / ".clients" / "python" / "bin" / "python"
FLOWS = Path(__file__).parent / "outside"

pytestmark = pytest.mark.skipif(
    not READY.exists() and os.environ.get("FAIRLEAD_CLIENTS") != "required",
    reason="scripts/clients has not set up the clients",
)


def run(command: Sequence[str], gateway: str, provider: str) -> str:
    """The flow's whole output; it must end well."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"GATEWAY": gateway, "PROVIDER": provider, "NODE_PATH": str(ROOT / ".clients" / "node_modules")}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_opensearch_py_ml_works(served: str, simulator: str) -> None:
    output = run([str(PYTHON), str(FLOWS / "opensearch_py_ml_flow.py")], served, simulator)
    assert "\nRan 16 tests in" in output, output


def test_opensearch_js_works(served: str, simulator: str) -> None:
    node = shutil.which("node")
    assert node is not None
    output = run([node, "--test", "--test-reporter=tap", str(FLOWS / "opensearch_js_flow.cjs")], served, simulator)
    assert "\n# pass 14\n" in output, output
