"""Load of the kind that leaks: predicts, faults, callers who leave, changes of connectors and settings; is everything flat?

scripts/soak SECONDS [--workers N] [--json FILE]. Memory, descriptors and tasks of each worker, from its metrics, must not grow
from the middle of the run to its end; every answer must be its caller's own; nothing may be in flight at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.predict import call, process, serve

ML = "/_plugins/_ml"
CALLERS = 12
LEAVERS = 2
SAMPLES = 30
WARM_UP = 1 / 3
"""Of the run: caches fill, pools open, the allocator finds its size."""
GROWTH = {
    "fairlead_worker_resident_bytes": (0.05, 3e6),
    "fairlead_worker_open_files": (0.0, 12),
    "fairlead_worker_tasks": (0.0, 12),
}
"""What may grow after that, by metric: a share of the middle's median and an amount, of which the larger counts. Descriptors and
tasks move with what is in flight."""
FAULT_EACH, SLOW_EACH, CUT_EACH = 50, 40, 97


@dataclass(slots=True)
class Outcome:
    """What callers saw."""

    right: int = 0
    faults: int = 0
    left: int = 0
    changes: int = 0
    wrong: list[str] = field(default_factory=list)


async def provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A provider: answers with what it was sent, sometimes 500, late, or with a cut connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(found[1]) if found else 0)
            number = int(json.loads(body)["v"])
            if number % CUT_EACH == 0:
                break
            if number % SLOW_EACH == 0:
                await asyncio.sleep(0.02)
            status = b"500 No" if number % FAULT_EACH == 0 else b"200 OK"
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
    writer.close()


def predict(model: str, number: int) -> bytes:
    body = json.dumps({"parameters": {"v": str(number)}})
    head = f"POST {ML}/models/{model}/_predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def caller(port: int, model: str, first: int, stop: asyncio.Event, outcome: Outcome) -> None:
    """Predicts on one kept connection, and checks that each answer is its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = first
    while not stop.is_set():
        number += CALLERS
        writer.write(predict(model, number))
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(found[1]) if found else 0)
        status = int(head[9:12])
        expected = 500 if number % CUT_EACH == 0 or number % FAULT_EACH == 0 else 200
        if status != expected or (status == 200 and f'"v":"{number}"'.encode() not in body):
            outcome.wrong.append(f"{number}: {status} {body[:200]!r}")
        elif status == 200:
            outcome.right += 1
        else:
            outcome.faults += 1
    writer.close()


async def leaver(port: int, model: str, stop: asyncio.Event, outcome: Outcome) -> None:
    """Asks and goes before the answer comes."""
    while not stop.is_set():
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(predict(model, SLOW_EACH))
        await asyncio.sleep(0.01)
        writer.transport.abort()
        outcome.left += 1


async def changer(port: int, connector: str, stop: asyncio.Event, outcome: Outcome) -> None:
    """Changes what is loaded, and the rules for dialling, under load."""
    while not stop.is_set():
        outcome.changes += 1
        await asyncio.to_thread(
            call, port, "PUT", f"{ML}/connectors/{connector}", {"description": str(outcome.changes)}
        )
        setting = {"plugins.ml_commons.max_json_size": str(10_000_000 + outcome.changes)}
        if outcome.changes % 5 == 0:
            await asyncio.to_thread(call, port, "PUT", "/_cluster/settings", {"persistent": setting})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)


def scraped(port: int) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/_fairlead/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def load(port: int, model: str, connector: str, seconds: float) -> tuple[Outcome, list[dict[str, float]]]:
    outcome, stop, samples = Outcome(), asyncio.Event(), []
    work = [caller(port, model, first, stop, outcome) for first in range(CALLERS)]
    work += [leaver(port, model, stop, outcome) for _ in range(LEAVERS)]
    tasks = [asyncio.create_task(one) for one in (*work, changer(port, connector, stop, outcome))]
    started = time.monotonic()
    for number in range(SAMPLES):
        await asyncio.sleep(max(0.0, started + (number + 1) * seconds / SAMPLES - time.monotonic()))
        samples.append(await asyncio.to_thread(scraped, port))
        for task in tasks:
            if task.done():
                task.result()
    stop.set()
    await asyncio.gather(*tasks)
    return outcome, samples


def grown(samples: list[dict[str, float]]) -> tuple[list[str], dict[str, list[float]]]:
    """Complaints, and by series the medians of the middle and of the end."""
    complaints, medians = [], {}
    first = int(len(samples) * WARM_UP)
    middle, end = samples[first : (first + len(samples)) // 2], samples[-(len(samples) - first) // 4 :]
    for series in sorted(name for name in samples[-1] if name.split("{")[0] in GROWTH):
        share, amount = GROWTH[series.split("{")[0]]
        before = statistics.median(sample[series] for sample in middle if series in sample)
        after = statistics.median(sample[series] for sample in end if series in sample)
        medians[series] = [before, after]
        if after - before > max(before * share, amount):
            complaints.append(f"{series} grew from {before:.0f} to {after:.0f}")
    return complaints, medians


async def settled(port: int, seconds: float = 10.0) -> str | None:
    """What is still in flight when the load has ended."""
    ends = time.monotonic() + seconds
    while (found := await asyncio.to_thread(scraped, port))["fairlead_requests_in_flight"] > 0:
        if time.monotonic() > ends:
            return f"{found['fairlead_requests_in_flight']:.0f} requests are in flight {seconds:.0f} s after the last"
        await asyncio.sleep(0.2)
    return None


async def soak(port: int, seconds: float) -> tuple[list[str], dict[str, Any]]:
    provider = await asyncio.start_server(provide, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{provider.sockets[0].getsockname()[1]}/echo"
    trusted = {
        "trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1:.*$"],
        "connector.private_ip_enabled": True,
    }
    settings = {"persistent": {f"plugins.ml_commons.{name}": value for name, value in trusted.items()}}
    await asyncio.to_thread(call, port, "PUT", "/_cluster/settings", settings)
    action = {
        "action_type": "predict", "method": "POST", "url": address, "request_body": '{"v":"${parameters.v}"}',
        "headers": {"Authorization": "Bearer ${credential.key}"},
    }  # fmt: skip
    body = {"name": "soak", "version": 1, "protocol": "http", "credential": {"key": "x"}, "actions": [action]}
    connector = (await asyncio.to_thread(call, port, "POST", f"{ML}/connectors/_create", body))["connector_id"]
    body = {"name": "soak", "function_name": "remote", "connector_id": connector}
    model = (await asyncio.to_thread(call, port, "POST", f"{ML}/models/_register", body))["model_id"]
    await asyncio.to_thread(call, port, "POST", f"{ML}/models/{model}/_deploy", {})
    outcome, samples = await load(port, model, connector, seconds)
    complaints, medians = grown(samples)
    complaints += outcome.wrong[:5]
    if (left := await settled(port)) is not None:
        complaints.append(left)
    if not (outcome.right and outcome.faults and outcome.left and outcome.changes):
        complaints.append(f"the load was not what it should be: {outcome}")
    provider.close()
    counts = {"right": outcome.right, "faults": outcome.faults, "left": outcome.left, "changes": outcome.changes}
    return complaints, {"seconds": seconds, **counts, "middle_and_end": medians}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, process(serve(folder, workers=arguments.workers)) as (_, port, _):
        complaints, result = asyncio.run(soak(port, arguments.seconds))
    print(json.dumps(result, indent=1))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({**result, "complaints": complaints}, indent=1))
    for complaint in complaints:
        print(complaint)
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
