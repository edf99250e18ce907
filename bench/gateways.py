"""Gateways in one run against one static upstream: nginx, the floor, Fairlead in several forms, LiteLLM's proxy if it is there.

scripts/bench gateways [--seconds N] [--rounds N] [--predicts N] [--json FILE]. FAIRLEAD_BENCH_LITELLM names a virtual environment
with `litellm[proxy]`. Needs nginx. One process of each, on one processor; the load and the upstream share the others.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import gateway_streams
from bench.auth import SCHEMES, settle
from bench.load import Run, drive, request, rss_mb
from bench.paced import Paced, paced
from bench.predict import BODY, ML, REPLY, bind, call, certificate, free_port, process, serve

CONNECTIONS = (1, 8, 32, 256)
SHARE = 0.7
"""Of the closed loop's rate, for the paced run at the most connections."""
CHAT = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "y" * 240}]}).encode()
EMBEDDINGS = json.dumps(
    {
        "object": "list", "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1},
        "data": [
            {"object": "embedding", "index": n, "embedding": [round((n * 1536 + i) % 9973 / 9973 - 0.5, 8) for i in range(1536)]}
            for n in range(16)
        ],
    }
)  # fmt: skip
TITAN = json.dumps({"embedding": [round(i % 9973 / 9973 - 0.5, 8) for i in range(1536)], "inputTextTokenCount": 8})
PRE = """return '{"parameters":{"input":"' + params.text_docs[0] + '"}}';"""
POST = """def e = params.embedding;
return '{"name":"sentence_embedding","data_type":"FLOAT32","shape":[' + e.size() + '],"data":' + e + '}';"""


@dataclass(frozen=True, slots=True)
class Contender:
    """Where requests go, and the process that answers them; `pid` 0: the upstream itself."""

    port: int
    data: bytes
    pid: int


@contextlib.contextmanager
def nginx(configuration: str, port: int, pin: int | None = None) -> Iterator[int]:
    """One nginx process with these servers; gives its pid."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "chat.json").write_text(REPLY)
        Path(folder, "embeddings.json").write_text(EMBEDDINGS)
        Path(folder, "titan.json").write_text(TITAN)
        filled = configuration.replace("FOLDER", folder)
        if "CERTIFICATE" in filled:
            filled = filled.replace("CERTIFICATE", certificate(Path(folder)))
        Path(folder, "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr crit; events {{ worker_connections 4096; }}\n"
            f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}; {filled} }}\n"
        )
        child = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder])
        try:
            await_port(port)
            if pin is not None:
                bind(child.pid, pin)
            yield child.pid
        finally:
            child.terminate()
            child.wait(10)


def await_port(port: int, seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port} after {seconds:.0f} s")


LOCATIONS = """root FOLDER; default_type application/json; error_page 405 =200 $uri;
location /v1/chat/completions { try_files /chat.json =404; error_page 405 =200 /chat.json; }
location /v1/embeddings { try_files /embeddings.json =404; error_page 405 =200 /embeddings.json; }
location /model/ { try_files /titan.json =404; error_page 405 =200 /titan.json; }
location / { try_files $uri =404; }"""


def upstream_servers(port: int, secure_port: int) -> str:
    chat = f"location = /v1/chat/completions {{ default_type application/json; return 200 '{REPLY}'; }}"
    files = LOCATIONS.replace(LOCATIONS.splitlines()[1], chat)
    return (
        f"server {{ listen 127.0.0.1:{port}; {files} }} server {{ listen 127.0.0.1:{secure_port}CERTIFICATE; {files} }}"
    )


def proxy_server(port: int, upstream: int) -> str:
    return (
        f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 300; keepalive_requests 100000000; }} "
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1; "
        'proxy_set_header Connection ""; } }'
    )


def blueprints(upstream: int, secure: int) -> dict[str, dict[str, Any]]:
    """Connectors by kind of load."""
    bearer = {"Authorization": "Bearer ${credential.key}"}
    chat = {
        "action_type": "predict", "method": "POST", "headers": bearer,
        "url": "${parameters.endpoint}/v1/chat/completions",
        "request_body": '{ "model": "${parameters.model}", "messages": ${parameters.messages} }',
    }  # fmt: skip
    embeddings = {
        "action_type": "predict", "method": "POST", "headers": bearer, "url": "${parameters.endpoint}/v1/embeddings",
        "request_body": '{ "input": ${parameters.input}, "model": "${parameters.model}" }',
        "pre_process_function": "connector.pre_process.openai.embedding",
        "post_process_function": "connector.post_process.openai.embedding",
    }  # fmt: skip
    titan = {
        "action_type": "predict", "method": "POST", "headers": bearer, "url": "${parameters.endpoint}/model/titan/invoke",
        "request_body": '{ "inputText": "${parameters.input}" }',
    }  # fmt: skip
    plain = f"http://127.0.0.1:{upstream}"
    made = {
        "chat": (chat, plain, {"protocol": "http"}),
        "TLS upstream": (chat, f"https://127.0.0.1:{secure}", {"protocol": "http"}),
        "aws_sigv4": (
            {**chat, "headers": {"Content-Type": "application/json"}},
            plain,
            {"protocol": "aws_sigv4", "credential": {"access_key": "AKIAEXAMPLE", "secret_key": "s" * 40}},
        ),
        "embeddings 16 x 1536": (embeddings, plain, {"protocol": "http"}),
        "Painless, 1536 numbers": (
            {**titan, "pre_process_function": PRE, "post_process_function": POST},
            plain,
            {"protocol": "http"},
        ),
    }
    return {
        name: {
            "name": name, "version": 1, "credential": {"key": "x"}, "actions": [action],
            "parameters": {"endpoint": endpoint, "model": "m", "region": "us-east-1", "service_name": "bedrock"},
            "client_config": {"max_connection": 300, "skip_ssl_verification": True}, **more,
        }
        for name, (action, endpoint, more) in made.items()
    }  # fmt: skip


DOCS = json.dumps({"text_docs": ["a sentence of some eight words or so"] * 16}).encode()
DOC = json.dumps({"text_docs": ["a sentence of some eight words or so"]}).encode()
BODIES = {"embeddings 16 x 1536": DOCS, "Painless, 1536 numbers": DOC}


def models(port: int, upstream: int, secure: int) -> dict[str, tuple[str, bytes]]:
    """A deployed model per kind of load: predict path and body."""
    settings = {
        "trusted_connector_endpoints_regex": ["^https?://127\\.0\\.0\\.1:.*$"],
        "connector.private_ip_enabled": True,
    }
    call(port, "PUT", "/_cluster/settings", {"persistent": {f"plugins.ml_commons.{k}": v for k, v in settings.items()}})
    found = {}
    for name, body in blueprints(upstream, secure).items():
        connector = call(port, "POST", f"{ML}/connectors/_create", body)
        model = call(port, "POST", f"{ML}/models/_register", {"name": name, "function_name": "remote", **connector})[
            "model_id"
        ]
        call(port, "POST", f"{ML}/models/{model}/_deploy", {})
        docs = BODIES.get(name)
        path = f"{ML}/_predict/text_embedding/{model}" if docs else f"{ML}/models/{model}/_predict"
        found[name] = (path, docs or BODY)
    return found


@contextlib.contextmanager
def litellm(upstream: int) -> Iterator[Contender | None]:
    home = os.environ.get("FAIRLEAD_BENCH_LITELLM")
    if home is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port, file = free_port(), Path(folder, "config.yaml")
        provider = {"model": "openai/gpt-4o", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "x"}
        settings = {
            "model_list": [{"model_name": "gpt-4o", "litellm_params": provider}],
            "litellm_settings": {"telemetry": False},
        }
        file.write_text(json.dumps(settings))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        }
        command = [
            f"{home}/bin/litellm",
            "--config",
            str(file),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--num_workers",
            "1",
        ]
        child = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            await_port(port, 120)
            for thread in os.listdir(f"/proc/{child.pid}/task"):
                bind(int(thread), 0)
            yield Contender(port, request("/v1/chat/completions", "localhost", CHAT), child.pid)
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:  # streams that callers left keep it
                child.kill()
                child.wait(10)


def litellm_version() -> str | None:
    home = os.environ.get("FAIRLEAD_BENCH_LITELLM")
    if home is None:
        return None
    code = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.check_output([f"{home}/bin/python", "-c", code], text=True).strip()


def versions() -> dict[str, str | None]:
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return {"python": platform.python_version(), "nginx": said.rpartition("/")[2].strip(), "litellm": litellm_version()}


@contextlib.contextmanager
def nginx_stream(upstream: int) -> Iterator[gateway_streams.Streaming]:
    port = free_port()
    server = proxy_server(port, upstream).replace("proxy_pass", "proxy_buffering off; proxy_pass")
    with nginx(server, port, 0) as pid:
        ask = request("/v1/chat/completions", "localhost", gateway_streams.CHAT)
        yield gateway_streams.Streaming(port, ask, pid)


@contextlib.contextmanager
def litellm_stream(upstream: int) -> Iterator[gateway_streams.Streaming | None]:
    with litellm(upstream) as found:
        ask = request("/v1/chat/completions", "localhost", gateway_streams.CHAT)
        yield None if found is None else gateway_streams.Streaming(found.port, ask, found.pid)


Kinds = dict[str, Contender]


def opened(stack: contextlib.ExitStack) -> tuple[Kinds, Kinds]:
    """Everybody who relays a chat, and Fairlead by kind of load."""
    root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    upstream, secure, proxy = free_port(), free_port(), free_port()
    stack.enter_context(nginx(upstream_servers(upstream, secure), upstream))
    proxy_pid = stack.enter_context(nginx(proxy_server(proxy, upstream), proxy, 0))
    chat = request("/v1/chat/completions", "localhost", CHAT)
    gateways = {"direct": Contender(upstream, chat, 0), "nginx proxy_pass": Contender(proxy, chat, proxy_pid)}
    for name, more in (("floor", []), ("floor, fast lane", ["lane"])):
        command = [sys.executable, "-m", "bench.floor", str(upstream), "owned", *more]
        pid, port, _ = stack.enter_context(process(command, 0))
        gateways[name] = Contender(port, request(f"{ML}/models/x/_predict", "localhost", BODY), pid)
    (root / "open").mkdir(mode=0o700)
    asyncio.run(settle(root / "open"))
    with process(serve(root / "open", "--auth", "off")) as (_, port, _):
        made = models(port, upstream, secure)
    (path, body), kinds = made["chat"], {}
    for name, auth, lane, scheme in (
        ("Fairlead", "off", True, ""),
        ("Fairlead, without the lane", "off", False, ""),
        ("Fairlead, Basic", "on", True, SCHEMES["basic"]),
        ("Fairlead, API key", "on", True, SCHEMES["api key"]),
    ):
        folder = shutil.copytree(root / "open", root / name.replace(" ", "_").replace(",", ""))
        folder.chmod(0o700)
        environment = {**os.environ, "FAIRLEAD_FAST_LANE": str(lane)}
        pid, port, _ = stack.enter_context(process(serve(folder, "--auth", auth), 0, environment))
        gateways[name] = Contender(port, request(path, "localhost", body, scheme), pid)
        if name == "Fairlead":
            kinds = {kind: Contender(port, request(p, "localhost", b), pid) for kind, (p, b) in made.items()}
    if (other := stack.enter_context(litellm(upstream))) is not None:
        gateways["LiteLLM proxy"] = other
    return gateways, kinds


def once(contender: Contender, connections: int, seconds: float) -> Run:
    return asyncio.run(drive(contender.port, contender.data, connections, seconds, contender.pid or os.getpid()))


def median(runs: list[Any]) -> dict[str, float]:
    return {key: statistics.median(asdict(run)[key] for run in runs) for key in asdict(runs[0])}


def spread(runs: list[Run]) -> float:
    """How far rates of the same thing lie apart, as a share of their median."""
    rates = [run.rate for run in runs]
    return (max(rates) - min(rates)) / statistics.median(rates)


def measured(gateways: Kinds, kinds: Kinds, seconds: float, rounds: int) -> dict[str, Any]:
    runs: dict[tuple[str, int], list[Run]] = {}
    steady: dict[str, list[Paced]] = {}
    for contender in (*gateways.values(), *kinds.values()):
        once(contender, 8, 0.5)
    for number in range(rounds):
        order = list(gateways.items())
        for name, contender in order if number % 2 == 0 else reversed(order):
            for connections in CONNECTIONS:
                runs.setdefault((name, connections), []).append(once(contender, connections, seconds))
            rate = SHARE * runs[(name, CONNECTIONS[-1])][-1].rate
            run = asyncio.run(paced(contender.port, contender.data, CONNECTIONS[-1], rate, seconds))
            steady.setdefault(name, []).append(run)
        for name, contender in kinds.items():
            runs.setdefault((f"kind {name}", 32), []).append(once(contender, 32, seconds))
    direct = median(runs[("direct", 1)])
    rows = {}
    for name, contender in gateways.items():
        closed = {str(c): {**median(runs[(name, c)]), "spread": spread(runs[(name, c)])} for c in CONNECTIONS}
        added = {key: closed["1"][key] - direct[key] for key in ("p50_ms", "p99_ms")}
        memory = rss_mb(contender.pid) if contender.pid else 0.0
        rows[name] = {"closed": closed, "added": added, "paced": median(steady[name]), "rss_mb": memory}
    loads = {
        name: {**median(runs[(f"kind {name}", 32)]), "spread": spread(runs[(f"kind {name}", 32)])} for name in kinds
    }
    return {"gateways": rows, "loads": loads}


def many(contender: Contender, predicts: int) -> list[tuple[int, float]]:
    """Memory in MB after so many predicts, ten times on the way."""
    found, done = [(0, rss_mb(contender.pid))], 0
    while done < predicts:
        run = once(contender, 32, 10.0)
        done += int(run.rate * 10.0)
        found.append((done, rss_mb(contender.pid)))
    return found


def shown(result: dict[str, Any]) -> Iterator[str]:
    yield "| | predicts/s at 1 / 8 / 32 / 256 | CPU us at 32 | added p50 / p99 ms | p50 / p99 ms at 256, 70 % | RSS MB |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, row in result["gateways"].items():
        rates = " / ".join(f"{row['closed'][str(c)]['rate']:,.0f}" for c in CONNECTIONS)
        steady = f"{row['paced']['p50_ms']:.1f} / {row['paced']['p99_ms']:.1f}"
        if name == "direct":
            yield f"| {name} | {rates} | – | – | {steady} | – |"
            continue
        added = f"{row['added']['p50_ms']:.2f} / {row['added']['p99_ms']:.2f}"
        yield f"| {name} | {rates} | {row['closed']['32']['cpu_us']:,.0f} | {added} | {steady} | {row['rss_mb']:.0f} |"
    yield ""
    yield "| Fairlead, 32 connections | predicts/s | CPU us | p50 / p99 ms |"
    yield "|---|--:|--:|--:|"
    for name, row in result["loads"].items():
        yield f"| {name} | {row['rate']:,.0f} | {row['cpu_us']:,.0f} | {row['p50_ms']:.1f} / {row['p99_ms']:.1f} |"
    noise = [run["spread"] for row in result["gateways"].values() for run in row["closed"].values()]
    yield ""
    yield f"Rates of one thing differ by {statistics.median(noise):.0%} (median) and {max(noise):.0%} (most) between rounds."
    if result["memory"]:
        yield "RSS in MB by predicts: " + ", ".join(f"{count:,}: {memory:.1f}" for count, memory in result["memory"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--predicts", type=int, default=0, help="then so many predicts, and what memory they take")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        gateways, kinds = opened(stack)
        result = measured(gateways, kinds, arguments.seconds, arguments.rounds)
        result["memory"] = many(gateways["Fairlead"], arguments.predicts) if arguments.predicts else []
    proxies = {"nginx proxy_pass": nginx_stream, "LiteLLM proxy": litellm_stream}
    result["streams"] = gateway_streams.measured(proxies, arguments.seconds, arguments.rounds)
    result["versions"] = versions()
    print("\n".join((*shown(result), "", *gateway_streams.shown(result["streams"]))))
    print(result["versions"])
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
