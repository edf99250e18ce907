"""The walk-through of scripts/demo: a real server, real sockets, every request and answer printed. Standard library only."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
FLOWS = ROOT / "docs" / "walkthrough" / "flows.json"
START_SECONDS = 30
WIDTH = 600


def start(data_dir: str, port: int) -> tuple[subprocess.Popen[str], str]:
    command = [
        sys.executable,
        "-m",
        "fairlead.cli.main",
        "serve",
        "--simulate",
        "--port",
        str(port),
        "--data-dir",
        data_dir,
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=data_dir)
    assert server.stdout is not None
    line = server.stdout.readline()
    found = re.search(r"http://\S+", line)
    if not found:
        raise SystemExit(f"The server did not start (status {server.wait(START_SECONDS)}); its message is above.")
    return server, found[0]


def call(base: str, method: str, path: str, body: Any) -> tuple[int, Any]:
    address = urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def fill(value: Any, known: dict[str, str]) -> Any:
    text = json.dumps(value)
    for name, found in known.items():
        text = text.replace("{{" + name + "}}", found)
    return json.loads(text)


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else f"{text[:WIDTH]} ... ({len(text)} characters)"


def walk(base: str) -> bool:
    known: dict[str, str] = {}
    for number, flow in enumerate(json.loads(FLOWS.read_text("utf-8")), 1):
        print(f"\n=== {number}. {flow['name']}")
        for step in flow["steps"]:
            path, body = fill(step["path"], known), fill(step.get("body"), known)
            started = time.perf_counter()
            status, answer = call(base, step["method"], path, body)
            took = (time.perf_counter() - started) * 1000
            print(f"\n--- {step['title']}\n{step['method']} {path}")
            if body is not None:
                print(shown(body))
            print(f"-> {status} in {took:.1f} ms\n   {shown(answer)}")
            if status != 200:
                print("This was not expected. Please report it with the output above.")
                return False
            for name, pointer in step.get("save", {}).items():
                known[name] = answer[pointer.removeprefix("/")]
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the walk-through")
    parser.add_argument("--port", type=int, default=0, help="port of the server (default: a free one)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="fairlead-demo-") as data_dir:
        server, base = start(data_dir, arguments.port)
        try:
            if not walk(base):
                return 1
            print("\nAll five flows ended in an answer.")
            if not arguments.once:
                print(
                    f"The server stays up at {base} until you press Ctrl-C. Try:\n  curl {base}/_plugins/_ml/models/_search -H 'Content-Type: application/json' -d '{{\"query\":{{\"match_all\":{{}}}}}}'"
                )
                server.wait()
        except KeyboardInterrupt:
            print()
        finally:
            server.terminate()
            server.wait(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
