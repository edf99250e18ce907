"""What it costs to know who asks: CPU per predict with Basic (remembered) and with an API key over the open one, in one run,
and the gate's decision alone.

Budget: 8 us for the decision. scripts/bench auth [--seconds N] [--rounds N] [--json FILE]; --decision leaves servers out.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from bench.load import Run, drive, request
from bench.predict import BODY, ML, deploy, process, serve, static_upstream
from bench.timing import awaited
from fairlead.api.gate import Gate
from fairlead.api.predict_route import ACTION
from fairlead.bootstrap.node import wall_clock
from fairlead.domain.ports import Put
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import MAPPINGS, USERS
from fairlead.security.passwords import hash_password
from fairlead.service.security.key_entries import KIND as KEYS
from fairlead.service.security.key_entries import digest_of, token_of
from fairlead.service.security.service import SecurityService
from fairlead.service.snapshot import Snapshot
from fairlead.store import open_store

PASSWORD, SECRET, ID = "Gr4ndeur-Of-Tides_9", "s" * 43, "0123456789abcdef"
SCHEMES = {
    "basic": "Basic " + base64.b64encode(f"app:{PASSWORD}".encode()).decode("ascii"),
    "api key": f"ApiKey {token_of(ID, SECRET)}",
}
HEADERS = [
    (b"host", b"gateway.example.com"),
    (b"user-agent", b"opensearch-py/3.0.0 (Python 3.13.0)"),
    (b"accept", b"*/*"),
    (b"content-type", b"application/json"),
    (b"content-length", b"300"),
    (b"x-opaque-id", b"shop"),
]
BUDGET_US = 8.0
_CALLS, _ROUNDS = 20_000, 7


def entries(role: str) -> list[Put]:
    key = {
        "name": "bench",
        "owner": "app",
        "created_by": "app",
        "hash": digest_of(SECRET),
        "created": 0,
        "expires_at": 0,
    }
    return [
        Put(USERS.kind, "app", {"hash": hash_password(PASSWORD), "opendistro_security_roles": [role]}),
        Put(MAPPINGS.kind, "own_index", {"users": ["*"]}),
        Put(KEYS, ID, key),
    ]


async def decisions() -> dict[str, float]:
    """Microseconds that the gate takes, by scheme."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(f"sqlite:///{folder}/store.db")
        await store.write(entries("ml_predict_access"))
        snapshot = Snapshot(store, {})
        security = SecurityService(store, snapshot, wall_clock, time.monotonic)
        await snapshot.start(cast(Any, None))
        gate = Gate(security, frozenset())
        found = {}
        for name, value in SCHEMES.items():
            headers = [*HEADERS, (b"authorization", value.encode())]
            scope = {
                "method": "POST",
                "raw_path": f"{ML}/models/m/_predict".encode(),
                "query_string": b"",
                "headers": headers,
                "client": ("127.0.0.1", 1),
                "scheme": "http",
            }

            async def decide(scope: dict[str, Any] = scope) -> None:
                principal = await gate.admit(scope, dict(scope["headers"]))
                assert isinstance(principal, Principal)
                gate.authorize(scope, principal, ACTION, "m")

            found[name] = await awaited(decide, calls=_CALLS, rounds=_ROUNDS)
        security.close()
        await store.close()
        return found


async def settle(folder: str | Path, role: str = "ml_predict_access") -> None:
    """A store with one user and an API key of his."""
    store = await open_store(f"sqlite:///{folder}/fairlead.db")
    await store.write(entries(role))
    await store.close()


def predicts(seconds: float, rounds: int) -> dict[str, list[Run]]:
    rows: dict[str, list[Run]] = {"open": [], **{name: [] for name in SCHEMES}}
    with contextlib.ExitStack() as stack:
        upstream, _ = stack.enter_context(static_upstream())
        root = stack.enter_context(tempfile.TemporaryDirectory())
        first, second = f"{root}/open", f"{root}/secured"
        Path(first).mkdir(mode=0o700)
        asyncio.run(settle(first))
        with process(serve(first, "--auth", "off")) as (_, port, _):
            model = deploy(port, upstream)
        shutil.copytree(first, second)
        Path(second).chmod(0o700)
        open_pid, open_port, _ = stack.enter_context(process(serve(first, "--auth", "off"), 0))
        pid, port, _ = stack.enter_context(process(serve(second), 0))
        path = f"{ML}/models/{model}/_predict"
        kinds = {"open": (open_port, request(path, "localhost", BODY), open_pid)}
        kinds |= {name: (port, request(path, "localhost", BODY, value), pid) for name, value in SCHEMES.items()}
        for where, data, process_id in kinds.values():
            asyncio.run(drive(where, data, 32, 1, process_id))
        for number in range(rounds):
            for name in list(kinds) if number % 2 == 0 else reversed(list(kinds)):
                where, data, process_id = kinds[name]
                rows[name].append(asyncio.run(drive(where, data, 32, seconds, process_id)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decision", action="store_true", help="only the gate's decision")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    alone = asyncio.run(decisions())
    result: dict[str, Any] = {"decision_us": alone, "budget_us": BUDGET_US}
    for name, value in alone.items():
        print(f"{name:10} decision {value:6.2f} us (budget {BUDGET_US:g})")
    if not arguments.decision:
        rows = predicts(arguments.seconds, arguments.rounds)
        for name, runs in rows.items():
            cpu = statistics.median(run.cpu_us for run in runs)
            over = [run.cpu_us - base.cpu_us for run, base in zip(runs, rows["open"], strict=True)]
            result[name] = {"cpu_us": cpu, "over_open_us": over}
            print(f"{name:10} predict {cpu:6.1f} us CPU, over the open one {statistics.median(over):+.1f} "
                  f"({min(over):+.1f} to {max(over):+.1f})")  # fmt: skip
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
