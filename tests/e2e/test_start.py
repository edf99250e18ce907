"""Starting, stopping, and refusing to start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from client import ML, Client
from fairlead.cli.cores import usable_cores
from process import Server, gateway, workers_of

SERVE = [sys.executable, "-m", "fairlead.cli.main", "serve", "--port", "0"]


def _refused(tmp_path: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """The one line a start was refused with."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    done = subprocess.run(
        [*SERVE, "--data-dir", str(tmp_path / "data"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**inherited, **(environment or {})},
        check=False,
    )
    assert done.returncode == 78, done
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


def test_simulation_is_refused_on_a_public_address(tmp_path: Path) -> None:
    assert "loopback" in _refused(tmp_path, "--simulate", "--host", "0.0.0.0")


def test_simulation_is_announced(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", "--simulate") as server:
        assert Client(server.url).ok("GET", "/_fairlead/health")["mode"] == "simulate"
    assert "SIMULATION" in server.errors


def test_without_a_number_there_is_a_worker_for_each_processor_that_may_be_used(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", "--workers", "0") as server:
        assert Client(server.url).ok("GET", "/_fairlead/health")["workers"] == usable_cores()


def test_an_unknown_key_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "fairlead.toml").write_text("wokers = 2\n")
    assert "did you mean 'workers'" in _refused(tmp_path)


def test_a_bad_environment_value_names_the_variable(tmp_path: Path) -> None:
    assert "FAIRLEAD_WORKERS" in _refused(tmp_path, environment={"FAIRLEAD_WORKERS": "many"})


def test_flags_win_over_environment_and_file(tmp_path: Path) -> None:
    (tmp_path / "fairlead.toml").write_text('node_name = "from the file"\ncluster_name = "from the file"\n')
    environment = {"FAIRLEAD_NODE_NAME": "from the environment"}
    with Server(
        [*SERVE, "--data-dir", str(tmp_path / "d"), "--config", str(tmp_path / "fairlead.toml")],
        environment=environment,
    ) as server:
        root = Client(server.url).ok("GET", "/")
    assert (root["name"], root["cluster_name"]) == ("from the environment", "from the file")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = _refused(tmp_path, "--port", str(taken.getsockname()[1]))
    assert "cannot listen on 127.0.0.1" in line


def test_a_pass_phrase_is_no_master_key(tmp_path: Path) -> None:
    line = _refused(tmp_path, environment={"FAIRLEAD_MASTER_KEY": "correct horse battery staple"})
    assert "correct horse" not in line
    assert "exactly 32 random bytes" in line


def test_the_keyring_is_private_and_outside_the_database(tmp_path: Path) -> None:
    with gateway(tmp_path / "data") as server:
        Client(server.url).ok("GET", "/")
    keyring = next((tmp_path / "data").rglob("keyring.json"))
    assert keyring.stat().st_mode & 0o777 == 0o600
    assert keyring.parent.stat().st_mode & 0o777 == 0o700


def test_a_stop_signal_that_comes_while_the_loop_is_made_is_heeded(tmp_path: Path) -> None:
    early = (
        "import os, signal, uvicorn\n"
        "make = uvicorn.Config.get_loop_factory\n"
        "uvicorn.Config.get_loop_factory = lambda config: (os.kill(os.getpid(), signal.SIGTERM), make(config))[1]\n"
        "from fairlead.cli.main import main\n"
        f"raise SystemExit(main(['serve', '--port', '0', '--workers', '1', '--data-dir', {str(tmp_path / 'data')!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", early], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done


def test_a_stop_signal_ends_a_server_whose_worker_is_being_replaced(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        os.kill(workers_of(server.pid)[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while "starting another" not in server.errors:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert server.stop() == 0


@pytest.mark.parametrize("workers", [2])
def test_a_change_through_one_worker_acts_on_all(tmp_path: Path, simulator: str, workers: int) -> None:
    with gateway(tmp_path / "data", "--workers", str(workers)) as server:
        client = Client(server.url)
        client.trust_local()
        assert client.ok("GET", "/_fairlead/health")["workers"] == workers
        connector = client.connector(f"{simulator}/echo")
        model = client.model(connector)
        client.ok("POST", f"{ML}/models/{model}/_deploy")
        client.ok("PUT", f"{ML}/connectors/{connector}", {"credential": {"key": "second"}})
        deadline = time.monotonic() + 60
        streak = 0
        while streak < 20 and time.monotonic() < deadline:  # both workers answer among twenty
            streak = streak + 1 if "Bearer second" in client.predict(model).text else 0
        assert streak == 20


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        children = subprocess.check_output(["ps", "-ww", "--ppid", str(server.pid), "-o", "pid=,args="], text=True)
        victims = [int(line.split()[0]) for line in children.splitlines() if "spawn_main" in line]
        assert len(victims) == 2
        os.kill(victims[0], signal.SIGKILL)
        client = Client(server.url)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            now = subprocess.check_output(["ps", "-ww", "--ppid", str(server.pid), "-o", "pid=,args="], text=True)
            alive = {
                int(line.split()[0]) for line in now.splitlines() if "spawn_main" in line and "defunct" not in line
            }
            if len(alive) == 2 and victims[0] not in alive:
                break
            time.sleep(0.1)
        assert len(alive) == 2
        assert victims[0] not in alive
        client.ok("GET", "/")


def test_the_demo_walks_through_all_flows_and_ends(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(root / "scripts" / "demo.py"), "--once"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All five flows ended in an answer." in done.stdout


def test_transient_settings_are_gone_after_a_restart_and_persistent_ones_stay(tmp_path: Path) -> None:
    keys = [f"plugins.ml_commons.{name}" for name in ("max_model_on_node", "max_ml_task_per_node")]
    with gateway(tmp_path / "data") as server:
        body = {"transient": {keys[0]: 5}, "persistent": {keys[1]: 6}}
        Client(server.url).ok("PUT", "/_cluster/settings", body)
    with gateway(tmp_path / "data") as server:
        shown = Client(server.url).ok("GET", "/_cluster/settings?flat_settings=true")
    assert shown == {"persistent": {keys[1]: "6"}, "transient": {}}
