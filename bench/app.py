"""The application without sockets: CPU of one predict in one hot loop, whole and part by part, open and with logins.

What servers and kernel add is left to bench.predict and bench.auth. scripts/bench app [--calls N] [--rounds N] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvloop

from bench.auth import SCHEMES, settle
from bench.predict import BODY, ML, REPLY
from bench.timing import awaited, microseconds
from fairlead.api.body import read_body
from fairlead.api.decode.predict import predict_body
from fairlead.api.encode import encode
from fairlead.api.predict_route import BY_MODEL
from fairlead.api.presence import PRESENCE, Presence
from fairlead.bootstrap.application import application
from fairlead.bootstrap.preparation import prepare
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.interpret import interpret
from fairlead.java.json import strict_loads
from fairlead.settings import Settings
from fairlead.transport.port import Call, Limits, Reply, Route

_ANSWER = REPLY.encode()
_MODES = {"open": "", **SCHEMES}
Message = dict[str, Any]


class Answering:
    """An upstream that has the reply at once."""

    async def send(self, route: Route, call: Call, limits: Limits) -> Reply:
        return Reply(200, [(b"Content-Type", b"application/json")], _ANSWER)


@dataclass(frozen=True, slots=True)
class Gateway:
    """An application that runs, and a model that it has deployed."""

    app: Any
    model_id: str

    @property
    def path(self) -> str:
        return f"{ML}/models/{self.model_id}/_predict"

    @property
    def predict(self) -> Any:
        return self.app._predict._house.predict


def scope(method: str, path: str, body: bytes, authorization: str = "") -> Message:
    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    if authorization:
        headers.append((b"authorization", authorization.encode()))
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
        "http_version": "1.1", "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 1), "scheme": "http", PRESENCE: Presence(),
    }  # fmt: skip


async def call(app: Any, method: str, path: str, body: Any, authorization: str = "") -> Any:
    raw, sent = json.dumps(body).encode(), []

    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope(method, path, raw, authorization), receive, send)
    if sent[0]["status"] != 200:
        raise SystemExit(f"{method} {path}: {sent[0]['status']} {sent[1]['body'].decode()}")
    return json.loads(sent[1]["body"])


@contextlib.asynccontextmanager
async def gateway(folder: str, authorization: str = "") -> AsyncIterator[Gateway]:
    """A started application with one model, whose provider answers at once."""
    settings = replace(Settings(), data_dir=Path(folder), auth="on" if authorization else "off", audit_sinks=())
    await prepare(settings)
    app = application(settings)
    asked: asyncio.Queue[Message] = asyncio.Queue()
    said: asyncio.Queue[Message] = asyncio.Queue()
    lifespan = asyncio.create_task(app({"type": "lifespan"}, asked.get, said.put))
    await asked.put({"type": "lifespan.startup"})
    if (started := await said.get())["type"] != "lifespan.startup.complete":
        raise SystemExit(started.get("message"))
    cluster = {
        "trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1:.*$"],
        "connector.private_ip_enabled": True,
    }
    persistent = {f"plugins.ml_commons.{name}": value for name, value in cluster.items()}
    await call(app, "PUT", "/_cluster/settings", {"persistent": persistent}, authorization)
    connector = await call(app, "POST", f"{ML}/connectors/_create", {
        "name": "bench", "version": "1", "protocol": "http", "credential": {"key": "secret-key"},
        "parameters": {"endpoint": "127.0.0.1:1", "model": "m"},
        "actions": [{
            "action_type": "predict", "method": "POST", "url": "http://${parameters.endpoint}/v1/chat/completions",
            "headers": {"Authorization": "Bearer ${credential.key}"},
            "request_body": '{ "model": "${parameters.model}", "messages": ${parameters.messages} }',
        }],
    }, authorization)  # fmt: skip
    asked_model = {"name": "bench", "function_name": "remote", **connector}
    model = await call(app, "POST", f"{ML}/models/_register", asked_model, authorization)
    await call(app, "POST", f"{ML}/models/{model['model_id']}/_deploy", {}, authorization)
    ready = Gateway(app, model["model_id"])
    caller = ready.predict._caller
    caller._outside = replace(caller._outside, upstream=Answering())
    yield ready
    await asked.put({"type": "lifespan.shutdown"})
    await lifespan


def predict(gateway: Gateway, authorization: str = "") -> Callable[[], Awaitable[None]]:
    """One predict, as an ASGI server asks for it."""
    asked = scope("POST", gateway.path, BODY, authorization)
    message = {"type": "http.request", "body": BODY, "more_body": False}

    async def receive() -> Message:
        return message

    async def send(message: Message) -> None:
        if message.get("status", 200) != 200:
            raise SystemExit(f"a predict failed with {message['status']}")

    async def run() -> None:
        await gateway.app(asked, receive, send)

    return run


def python_calls(work: Callable[[], Awaitable[None]]) -> int:
    """Calls of functions written in Python, coroutines that are resumed included."""
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    coroutine: Any = work()
    sys.setprofile(count)
    with contextlib.suppress(StopIteration):
        coroutine.send(None)
    sys.setprofile(None)
    return counted


async def parts(gateway: Gateway, calls: int, rounds: int) -> dict[str, float]:
    """Microseconds of what a predict consists of."""
    ready = gateway.app._predict._house.snapshot.ready[gateway.model_id]
    caller, connector = gateway.predict._caller, ready.connector
    asked = predict_body("remote", BODY)
    action = connector.action(asked.action)
    outgoing = action.prepare(asked.dataset)
    post = action.post(outgoing.parameters)
    destination = caller.destination(connector, ready.routes, outgoing)
    arguments = (_ANSWER, post, outgoing.parameters, action.type, destination.max_size)
    results = [InferenceResult(tuple(interpret(*arguments)), 200)]
    given: Any = scope("POST", gateway.path, BODY)
    message = {"type": "http.request", "body": BODY, "more_body": False}

    async def receive() -> Message:
        return message

    meter, recorder = gateway.app._meter, gateway.predict._recorder

    def counted() -> None:
        number = recorder.begin(gateway.model_id, "REMOTE")
        meter.replied(200, 0.001, len(BODY), len(_ANSWER))
        recorder.succeeded(number, recorder.now())
        meter.answered("POST", BY_MODEL, 200)

    work: dict[str, Callable[[], object]] = {
        "caller's JSON, parameters": lambda: predict_body("remote", BODY),
        "of that, reading strictly": lambda: strict_loads(BODY),
        "request rendered": lambda: action.prepare(asked.dataset),
        "destination": lambda: caller.destination(connector, ready.routes, outgoing),
        "provider's JSON, tensors": lambda: interpret(*arguments),
        "of that, reading it strictly": lambda: strict_loads(_ANSWER),
        "reply as bytes": lambda: encode(results),
        "counted for metrics and profile": counted,
    }
    found = {name: microseconds(run, calls=calls, rounds=rounds) for name, run in work.items()}
    found["body read"] = await awaited(lambda: read_body(given["headers"], receive, 10**7), calls=calls, rounds=rounds)
    found["service and engine"] = await awaited(
        lambda: gateway.predict.predict(gateway.model_id, asked), calls=calls, rounds=rounds
    )
    return found


async def measured(calls: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as root:
        first, second = Path(root, "open"), Path(root, "secured")
        for folder in (first, second):
            folder.mkdir(mode=0o700)
        await settle(second, "all_access")
        async with gateway(str(first)) as opened, gateway(str(second), SCHEMES["basic"]) as secured:
            work = {name: predict(secured if value else opened, value) for name, value in _MODES.items()}
            found: dict[str, list[float]] = {name: [] for name in work}
            for run in work.values():
                for _ in range(calls):
                    await run()
            for _ in range(rounds):
                for name, run in work.items():
                    started = time.process_time()
                    for _ in range(calls):
                        await run()
                    found[name].append((time.process_time() - started) / calls * 1e6)
            over = {
                name: statistics.median(one - base for one, base in zip(taken, found["open"], strict=True))
                for name, taken in found.items() if name != "open"
            }  # fmt: skip
            return {
                "predict_us": {name: statistics.median(taken) for name, taken in found.items()},
                "best_us": {name: min(taken) for name, taken in found.items()},
                "over_open_us": over,
                "python_calls": {name: python_calls(run) for name, run in work.items()},
                "parts_us": await parts(opened, calls, rounds),
            }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    result = uvloop.run(measured(arguments.calls, arguments.rounds))
    for name, value in result["predict_us"].items():
        over = f", over the open one {result['over_open_us'][name]:+.1f}" if name != "open" else ""
        print(
            f"{name:10} {value:6.1f} us (best {result['best_us'][name]:.1f}), {result['python_calls'][name]} Python calls{over}"
        )
    for name, value in result["parts_us"].items():
        print(f"    {name:30} {value:6.2f} us")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
