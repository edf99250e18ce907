"""Faults of the store under a running gateway: predicts go on, writes are told that nothing came of them, what was acknowledged
stays, and when the store is back so is the gateway, without a restart."""

from __future__ import annotations

import itertools
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from client import ML, Answer, Client
from postgres import PostgresServer
from process import Server, gateway, workers_of

PATIENCE = 30.0
UNBOUND = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
READY = "/_fairlead/health/ready"
SETTING = "plugins.ml_commons.monitoring_request_count"


class Scene:
    """A gateway with a loaded model, and the groups that it said it has."""

    def __init__(self, server: Server, simulator: str) -> None:
        self.client = Client(server.url)
        self.client.trust_local()
        self.model = self.client.model(self.client.connector(f"{simulator}/echo"))
        self.client.ok("POST", f"{ML}/models/{self.model}/_deploy")
        self.acknowledged: list[str] = []
        self.names = itertools.count()
        self.predicts_go_on()
        for number in range(3):
            assert self.group(f"before {number}").status == 200

    def group(self, name: str) -> Answer:
        answer = self.client("POST", f"{ML}/model_groups/_register", {"name": name})
        if answer.status == 200:
            self.acknowledged.append(answer.body["model_group_id"])
        return answer

    def predicts(self) -> Counter[int]:
        """On connections of their own, so that all workers get some."""
        with ThreadPoolExecutor(8) as pool:
            return Counter(pool.map(lambda _: self.client.predict(self.model, v="x").status, range(16)))

    def predicts_go_on(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.predicts() != {200: 16}:  # a worker that has just started loads the model with its first predict
            assert time.monotonic() < deadline

    def writes_are_refused(self) -> None:
        model = f"{ML}/models/{self.model}"
        for answer in (
            self.group("lost"),
            self.client("PUT", "/_cluster/settings", {"persistent": {SETTING: 77}}),
            self.client("PUT", "/_fairlead/word_lists/lost", {"phrases": {"title": ["x"]}}),
            self.client("PUT", model, {"description": "lost"}),
            self.client("POST", f"{model}/_undeploy"),
        ):
            assert answer.status == 503, answer
            assert "the store" in answer.body["error"]["reason"]
        assert self.predicts() == {200: 16}

    def recovers(self) -> None:
        """Writes are taken again, on all workers; everything that was acknowledged is there, and nothing of the rest."""
        self.eventually(lambda: self.group(f"after {next(self.names)}").status == 200)
        self.eventually(lambda: self.client("GET", READY).status == 200)
        query = {"query": {"match_all": {}}, "size": 100}
        found = self.client.ok("POST", f"{ML}/model_groups/_search", query)["hits"]["hits"]
        assert set(self.acknowledged) <= {hit["_id"] for hit in found}
        assert not [hit for hit in found if hit["_source"]["name"] == "lost"]
        assert SETTING not in str(self.client.ok("GET", "/_cluster/settings"))
        self.client.ok("PUT", f"{ML}/models/{self.model}", {"is_enabled": False})
        self.eventually(lambda: self.predicts() == {403: 16})
        self.client.ok("PUT", f"{ML}/models/{self.model}", {"is_enabled": True})
        self.eventually(lambda: self.predicts() == {200: 16})

    @staticmethod
    def eventually(check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not check():
            assert time.monotonic() < deadline, "it never came back"
            time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_full_disk(tmp_path: Path, simulator: str, workers: int) -> None:
    """No file of the workers may grow or be written to: what a write then fails with is EFBIG in the place of ENOSPC."""
    with gateway(tmp_path / "data", "--workers", str(workers)) as server:
        scene = Scene(server, simulator)
        processes = workers_of(server.pid) or [server.pid]
        assert len(processes) == workers
        for pid in processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        scene.writes_are_refused()
        for pid in processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, UNBOUND)
        scene.recovers()
        assert "Traceback" not in server.errors


def test_a_database_file_that_was_exchanged_for_another_and_put_back(tmp_path: Path, simulator: str) -> None:
    data, aside = tmp_path / "data", tmp_path / "aside"
    aside.mkdir()
    with gateway(tmp_path / "other") as other:  # whose database is a good one, and not ours
        other.stop()
    with gateway(data, "--workers", "2") as server:
        scene = Scene(server, simulator)
        for path in data.glob("fairlead.db*"):
            path.rename(aside / path.name)
        (data / "fairlead.db").write_bytes((tmp_path / "other" / "fairlead.db").read_bytes())
        scene.writes_are_refused()
        assert scene.client("GET", READY).status == 503
        for path in data.glob("fairlead.db*"):
            path.unlink()
        for path in aside.iterdir():
            path.rename(data / path.name)
        scene.recovers()
        assert "Traceback" not in server.errors


@contextmanager
def read_only(server: PostgresServer) -> Iterator[None]:
    """As a standby is after a failover to it that is not complete."""
    with psycopg.connect(server.address + "postgres", autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        admin.execute("SELECT pg_reload_conf()")
    yield
    with psycopg.connect(server.address + "postgres", autocommit=True) as admin:
        admin.execute("SET default_transaction_read_only = off")
        admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        admin.execute("SELECT pg_reload_conf()")


def test_a_postgresql_that_is_read_only_and_one_that_is_away(tmp_path: Path, simulator: str) -> None:
    with (
        PostgresServer() as postgres,
        postgres.database() as url,
        gateway(tmp_path / "data", "--store", url, "--workers", "2") as server,
    ):
        scene = Scene(server, simulator)
        with read_only(postgres):
            # Sessions hear of it by a signal, in a moment.
            scene.eventually(lambda: scene.group(f"meanwhile {next(scene.names)}").status == 503)
            scene.writes_are_refused()
        scene.recovers()
        postgres.stop()
        scene.writes_are_refused()
        assert scene.client("GET", READY).status == 503
        postgres.start()
        scene.recovers()
        assert "Traceback" not in server.errors
