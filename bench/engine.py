"""Microseconds of the engine's four steps: a chat request, a signature, a definite path, an embeddings reply to bytes.

Budgets (issue 4): 6 µs, 8 µs, 0.3 µs, 600 µs for 16 embeddings of 1536 numbers, 0.35 MB. The general way through numbers is
measured beside the raw one. Run: `scripts/bench engine [--json FILE]`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.timing import microseconds, show
from fairlead.api.encode import encode
from fairlead.domain.connector import Action, ActionType, Connector
from fairlead.domain.dataset import JsonText, Remote
from fairlead.domain.secret import Secret
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.compiled import CompiledConnector
from fairlead.engine.functions.post import POST_FUNCTIONS, data_type_of
from fairlead.engine.interpret import interpret
from fairlead.engine.jsonpath import compile_path
from fairlead.engine.parameters import Parameters
from fairlead.engine.scripts import Script
from fairlead.engine.sigv4 import Signer
from fairlead.java.json import strict_loads

BUDGETS_US = {
    "chat request": 6.0,
    "signature": 8.0,
    "definite path": 0.3,
    "embeddings reply": 600.0,
}
ROWS, NUMBERS = 16, 1536
HEADERS = ((b"Content-Type", b"application/json"), (b"Content-Length", b"300"))
OPENAI = POST_FUNCTIONS["connector.post_process.openai.embedding"]
NONE = Parameters({}, {})


class NoScripts:
    """The benchmark's connector has no script."""

    def compile(self, source: str) -> Script:
        raise AssertionError(source)


def chat() -> Callable[[], object]:
    action = Action(
        ActionType.PREDICT,
        "POST",
        "https://${parameters.endpoint}/v1/chat/completions",
        {"Authorization": "Bearer ${credential.key}"},
        '{ "model": "${parameters.model}", "messages": ${parameters.messages}, "temperature": ${parameters.temperature} }',
    )
    owned = {"endpoint": "api.openai.com", "model": "gpt-4o-mini", "temperature": "0.2"}
    connector = Connector("http", "chat", "1", parameters=owned, actions=(action,))
    compiled = CompiledConnector(connector, {"key": Secret("x" * 50)}, NoScripts()).action("PREDICT")
    messages = JsonText(json.dumps([{"role": "user", "content": "y" * 240}]))
    dataset = Remote({"messages": messages})
    return lambda: compiled.prepare(dataset)


def signature() -> Callable[[], object]:
    signer = Signer(Secret("AKIDEXAMPLE"), Secret("x" * 40), Secret("t" * 300), "us-east-1", "bedrock")
    host, target, body = "bedrock-runtime.us-east-1.amazonaws.com", b"/model/m%3A0/invoke", b"x" * 300
    return lambda: signer.sign("POST", target, host, HEADERS, body, "20261125T171200Z")


def path() -> Callable[[], object]:
    compiled = compile_path("$.choices[0].message.content")
    document: dict[str, Any] = {"choices": [{"message": {"content": "Paris"}}]}
    return lambda: compiled.read(document)


def embeddings() -> bytes:
    """A reply as OpenAI writes it: floats of single precision, about 14 characters a number."""
    draw = random.Random(4)
    rows = [[round(draw.gauss(0.0, 0.026), 10) for _ in range(NUMBERS)] for _ in range(ROWS)]
    data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
    usage = {"prompt_tokens": 128, "total_tokens": 128}
    return json.dumps({"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}).encode()


def raw(body: bytes) -> bytes:
    return encode([InferenceResult(tuple(interpret(body, OPENAI, NONE, "PREDICT", -1)), 200)])


def through_numbers(body: bytes) -> bytes:
    value = compile_path(OPENAI.filter).read(strict_loads(body))
    return encode([InferenceResult(tuple(OPENAI.run(value, data_type_of(OPENAI.filter))), 200)])


def figures() -> dict[str, float]:
    body = embeddings()
    assert json.loads(raw(body)) == json.loads(through_numbers(body))
    return {
        "chat request": microseconds(chat(), calls=5_000),
        "signature": microseconds(signature(), calls=5_000),
        "definite path": microseconds(path(), calls=50_000),
        "embeddings reply": microseconds(lambda: raw(body), calls=50),
        "the same through numbers": microseconds(lambda: through_numbers(body), calls=10),
        "reply, bytes": float(len(body)),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = options.parse_args()
    found = figures()
    show(found, BUDGETS_US)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
