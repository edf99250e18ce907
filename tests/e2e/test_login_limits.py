"""Limits on failed logins over several workers: no burst of tries is let more than are allowed, whoever answers them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from client import Client
from identities import login, settle
from process import Server, gateway, workers_of

API = "/_plugins/_security/api"
ACCOUNT = f"{API}/account"
TRIES, WORKERS = 5, 3


def limited(server: Server, type: str) -> None:
    row = {"type": type, "allowed_tries": TRIES, "time_window_seconds": 3600, "block_expiry_seconds": 3600}
    Client(server.url, login("admin")).ok("PUT", f"{API}/authfailurelisteners/l", row)


def burst(server: Server, count: int) -> Counter[tuple[int, str]]:
    found: Counter[tuple[int, str]] = Counter()

    def guess(number: int) -> None:
        answer = Client(server.url, f"caller:wrong-{number}")("GET", "/")
        found[answer.status, answer.text] += 1

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def hashed(data: Path) -> int:
    """How many of the guesses were compared with the password, as the audit log tells."""
    lines = (data / "audit" / "audit.log").read_text("utf-8").splitlines()
    return sum("wrong password" in json.dumps(json.loads(line)) for line in lines)


@pytest.mark.parametrize("type", ["ip", "username"])
def test_a_burst_over_all_workers_tries_exactly_what_is_allowed_and_a_new_worker_forgets_nothing(
    tmp_path: Path, type: str
) -> None:
    data = settle(tmp_path / "data")
    with gateway(data, "--workers", str(WORKERS)) as server:
        limited(server, type)
        found = burst(server, 8 * TRIES)
        assert {status for status, _ in found} <= {401, 429}
        before = set(workers_of(server.pid))
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        until = time.monotonic() + 60
        while before & (now := set(workers_of(server.pid))) or len(now) < WORKERS:
            assert time.monotonic() < until
            time.sleep(0.05)
        right = {Client(server.url, login("caller"))("GET", "/").status for _ in range(10)}
        assert right == {401}
    assert hashed(data) == TRIES


def test_honest_callers_at_once_are_all_let_in_though_few_tries_are_allowed(tmp_path: Path) -> None:
    data = settle(tmp_path / "data")
    with gateway(data, "--workers", str(WORKERS)) as server:
        Client(server.url, login("admin")).ok(
            "PUT", f"{API}/authfailurelisteners/l", {"type": "username", "allowed_tries": 2}
        )
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(Client(server.url, login("reader"))("GET", ACCOUNT).status))
            for _ in range(24)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [200] * 24
