"""The short form of scripts/soak: memory, descriptors and tasks of each worker stay flat under load that leaks easily."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


def test_workers_stay_flat_under_load_faults_leavers_and_changes(tmp_path: Path) -> None:
    result = tmp_path / "soak.json"
    command = [sys.executable, "-m", "bench.soak", str(SECONDS), "--json", str(result)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(result.read_text("utf-8"))
    assert found["complaints"] == []
    assert len(found["middle_and_end"]) == 6


@pytest.mark.parametrize(
    ("last", "complaints"), [(40e6, 0), (42e6, 0), (60e6, 1)], ids=["flat", "within the noise", "grown"]
)
def test_growth_is_told_from_noise(last: float, complaints: int) -> None:
    code = (
        "import json, sys; from bench.soak import grown;"
        f"samples = [{{'fairlead_worker_resident_bytes': 40e6}}] * 20 + [{{'fairlead_worker_resident_bytes': {last}}}] * 10;"
        "print(len(grown(samples)[0]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == complaints
