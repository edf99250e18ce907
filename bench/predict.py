"""Predict end to end against the floor: predicts/s, CPU per predict, latency, memory, start-up. Ratios within one run.

scripts/bench predict [--seconds N] [--rounds N] [--transport NAME] [--tls] [--lane] [--json FILE]; --tls: the provider speaks
TLS; --lane: also with the fast lane and its floor, in the same rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.load import Run, cpu_seconds, drive, request, rss_mb
from bench.paced import paced

ML = "/_plugins/_ml"
REPLY = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1689793889, "model": "gpt-3.5-turbo",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 120}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 19, "completion_tokens": 9, "total_tokens": 28},
    }
)  # fmt: skip
_CORES = os.sched_getaffinity(0)
BODY = json.dumps({"parameters": {"messages": [{"role": "user", "content": "y" * 240}]}}).encode()


def bind(pid: int, core: int) -> None:
    """Keeps a process, 0 for this one, on one core, where there are several. Those were counted when this module was
    loaded: a process that is bound already sees one."""
    if len(_CORES) > 1:
        os.sched_setaffinity(pid, {core})


def serve(folder: Path | str, *more: str, workers: int = 1) -> list[str]:
    """The command of a gateway whose data is in `folder`, on a free port."""
    command = [sys.executable, "-m", "fairlead.cli.main", "serve", "--port", "0"]
    return [*command, "--workers", str(workers), "--data-dir", str(folder), *more]


@contextlib.contextmanager
def process(
    command: list[str], pin: int | None = None, environment: dict[str, str] | None = None
) -> Iterator[tuple[int, int, float]]:
    """Starts a server that prints its address; gives pid, port and seconds until the line came."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        found = re.search(r":(\d+)\s*$", line)
        if not found:
            raise SystemExit(f"{command} did not start: {line!r}")
        if pin is not None:
            bind(child.pid, pin)
        yield child.pid, int(found[1]), time.perf_counter() - started
    finally:
        child.terminate()
        child.wait(30)


@contextlib.contextmanager
def static_upstream(*, secure: bool = False) -> Iterator[tuple[int, str]]:
    """nginx answering with a fixed reply if it is installed, else the simulator."""
    if shutil.which("nginx") is None:
        if secure:
            raise SystemExit("--tls needs nginx")
        with process([sys.executable, "-m", "fairlead.cli.main", "simulate", "--port", "0"]) as (_, port, _):
            yield port, "simulator"
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        Path(folder, "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log stderr crit; worker_processes 1; events {{ worker_connections 4096; }}\n"
            f"http {{ access_log off; keepalive_requests 10000000; client_body_temp_path {folder}; server {{ listen "
            f"127.0.0.1:{port}{certificate(Path(folder)) if secure else ''}; location / {{ default_type application/json; return 200 '{REPLY}'; }} }} }}\n"
        )
        child = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder])
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
                    break
                time.sleep(0.05)
            yield port, "nginx"
        finally:
            child.terminate()
            child.wait(10)


def certificate(folder: Path) -> str:
    """What follows nginx's `listen` for TLS with a certificate of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=2))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return f" ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem"


def free_port() -> int:

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def call(port: int, method: str, path: str, body: Any) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    answer = json.loads(reply.read())
    connection.close()
    if reply.status != 200:
        raise SystemExit(f"{method} {path}: {reply.status} {answer}")
    return answer


def deploy(port: int, upstream: int, *, secure: bool = False) -> str:
    settings = {
        "trusted_connector_endpoints_regex": ["^https?://127\\.0\\.0\\.1:.*$"],
        "connector.private_ip_enabled": True,
    }
    call(port, "PUT", "/_cluster/settings", {"persistent": {f"plugins.ml_commons.{k}": v for k, v in settings.items()}})
    action = {
        "action_type": "predict", "method": "POST", "url": "${parameters.endpoint}/v1/chat/completions",
        "headers": {"Authorization": "Bearer ${credential.key}"},
        "request_body": '{ "model": "${parameters.model}", "messages": ${parameters.messages} }',
    }  # fmt: skip
    connector = call(port, "POST", f"{ML}/connectors/_create", {
        "name": "bench", "version": 1, "protocol": "http", "credential": {"key": "x"}, "actions": [action],
        "parameters": {"endpoint": f"http{'s' * secure}://127.0.0.1:{upstream}", "model": "m"},
        "client_config": {"max_connection": 100, "skip_ssl_verification": secure},
    })  # fmt: skip
    model = call(port, "POST", f"{ML}/models/_register", {"name": "bench", "function_name": "remote", **connector})
    call(port, "POST", f"{ML}/models/{model['model_id']}/_deploy", {})
    return str(model["model_id"])


def measure(port: int, data: bytes, pid: int, seconds: float, rate: float | None) -> list[Run]:
    """Closed loops of 1 and 32 callers; with a rate, 32 callers that send no faster, whoever answers."""
    if rate is None:
        return [asyncio.run(drive(port, data, connections, seconds, pid)) for connections in (1, 32)]
    before = cpu_seconds(pid)
    run = asyncio.run(paced(port, data, 32, rate, seconds))
    cpu_us = (cpu_seconds(pid) - before) / (run.rate * seconds) * 1e6
    return [Run(32, run.rate, run.p50_ms, run.p99_ms, cpu_us)]


def import_seconds() -> float:
    code = "import time; t = time.perf_counter(); import fairlead; print(time.perf_counter() - t)"
    return min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--transport", default="owned")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--lane", action="store_true")
    parser.add_argument("--rate", type=float, help="requests per second, the same for all, instead of closed loops")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    rows: dict[str, list[list[Run]]] = {}
    data: dict[str, tuple[int, bytes, int]] = {}
    with contextlib.ExitStack() as stack:
        upstream, kind = stack.enter_context(static_upstream(secure=arguments.tls))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for suffix in ["", " lane"][: 1 + arguments.lane]:
            command = ["-m", "bench.floor", str(upstream), arguments.transport]
            command += ["tls"] * arguments.tls + suffix.split()
            floor_pid, port, _ = stack.enter_context(process([sys.executable, *command], 0))
            data["floor" + suffix] = (port, request(f"{ML}/models/x/_predict", "localhost", BODY), floor_pid)
            command = serve(f"{folder}/{suffix}", "--transport", arguments.transport)
            environment = {**os.environ, "FAIRLEAD_FAST_LANE": str(bool(suffix))}
            pid, port, start = stack.enter_context(process(command, 0, environment))
            model = deploy(port, upstream, secure=arguments.tls)
            data["fairlead" + suffix] = (port, request(f"{ML}/models/{model}/_predict", "localhost", BODY), pid)
        rows.update({name: [] for name in data})
        for where, payload, process_id in data.values():
            asyncio.run(drive(where, payload, 32, 1, process_id))
        for number in range(arguments.rounds):
            for name in list(data) if number % 2 == 0 else reversed(list(data)):
                where, payload, process_id = data[name]
                rows[name].append(measure(where, payload, process_id, arguments.seconds, arguments.rate))
        memory = rss_mb(pid)
    report(rows, kind, memory, start, arguments.json)


def report(rows: dict[str, list[list[Run]]], kind: str, memory: float, start: float, file: str | None) -> None:
    result: dict[str, Any] = {"upstream": kind, "rss_mb": memory, "start_s": start, "import_s": import_seconds()}
    print(f"upstream: {kind}; median of {len(rows['floor'])} rounds\n")
    print(f"{'':14}{'conns':>6}{'predicts/s':>12}{'CPU us':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for name, rounds in rows.items():
        for at, connections in enumerate(run.connections for run in rounds[0]):
            runs = [runs[at] for runs in rounds]
            median = {key: statistics.median(asdict(run)[key] for run in runs) for key in asdict(runs[0])}
            result[f"{name}_{connections}"] = median
            print(
                f"{name:14}{connections:>6}{median['rate']:>12.0f}{median['cpu_us']:>9.0f}{median['p50_ms']:>9.2f}{median['p99_ms']:>9.2f}"
            )
    for name, floor in [("fairlead", "floor"), ("fairlead lane", "floor lane"), ("fairlead lane", "fairlead")]:
        for at, connections in enumerate(run.connections for run in rows["floor"][0]) if name in rows else ():
            pairs = [(a[at].cpu_us, b[at].cpu_us) for a, b in zip(rows[name], rows[floor], strict=True)]
            ratios = [a / b for a, b in pairs]
            added = statistics.median(a - b for a, b in pairs)
            result[f"cpu_ratio_{connections}" if floor == "floor" else f"{name}/{floor}_{connections}"] = ratios
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            print(f"CPU per predict of {name} by {floor}, {connections} connections: {spread}, {added:+.0f} us")
    print(
        f"start to ready: {start:.2f} s; import fairlead: {result['import_s']:.3f} s; RSS after all runs: {memory:.0f} MB"
    )
    if file:
        Path(file).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
