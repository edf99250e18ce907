"""Whatever a library writes to the log passes the redactor: what a server opened or was given is masked there (T-10)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, logging, sys
from pathlib import Path
from fairlead.bootstrap.worker import Worker
from fairlead.cli.server import configure_logs
from fairlead.domain.ports import SealContext
from fairlead.domain.secret import Secret
from fairlead.settings import Settings

canary, key = sys.argv[2], bytes(range(32)).hex()
settings = Settings(data_dir=Path(sys.argv[1]), log_level="debug", master_key=key)
configure_logs(settings)

async def run():
    worker = Worker(settings)
    house = await worker.start()
    context = SealContext("default", "connector", "c", "key", ())
    sealed = await house.ports.vault.seal({context: Secret(canary)})
    for name in ("some.library", "fairlead.x", "asyncio"):
        log = logging.getLogger(name)
        log.debug("sending header x: %s", canary)
        log.debug("object %r and the key %s", {"a": [canary]}, key)
        try:
            raise ValueError(canary)
        except ValueError:
            log.exception("failed")
    print(sealed[context][:3])
    await worker.stop()

asyncio.run(run())
"""


def test_a_secret_that_a_library_logs_at_debug_is_masked(tmp_path: Path) -> None:
    canary = "canary-in-no-usual-place-7f3b"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), canary],
        capture_output=True,
        text=True,
        timeout=60,
        env={name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")},
        check=False,
    )
    assert done.returncode == 0, done
    assert done.stdout == "fl1\n"
    assert done.stderr.count("sending header x: ***") == 3
    assert done.stderr.count("ValueError: ***") == 3
    assert canary not in done.stderr
    assert bytes(range(32)).hex() not in done.stderr


def test_a_worker_process_has_no_master_key_in_its_environment(tmp_path: Path) -> None:
    """The supervisor's own environment is what its parent gave it; what it hands on is its choice (T-34)."""
    if not Path("/proc/self/environ").exists():
        return
    program = (
        "import os, sys; from fairlead.cli import serve, supervisor; import subprocess;"
        "serve.run_workers = serve.serve_here = lambda *a: 0 * print(subprocess.run(['env'], capture_output=True, text=True).stdout);"
        "from fairlead.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    key = bytes(range(32)).hex()
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", "--port", "0", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "FAIRLEAD_MASTER_KEY": key},
        check=False,
    )
    assert "PATH=" in done.stdout, done
    assert key not in done.stdout + done.stderr
