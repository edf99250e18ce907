"""Microseconds per read of compiled JSONPaths, against plain subscripts and python-jsonpath; strict JSON and a chain too.

Budgets: a definite path 0.3 µs, strict_loads of a 400-byte object 4 µs. Run: `scripts/bench jsonpath [--json FILE]`.
The cases of the tests are read as a whole for one figure that notices when any kind of path gets slow.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import jsonpath
from bench.timing import microseconds, show
from fairlead.engine.jsonpath import compile_path
from fairlead.engine.processors import compile_chain
from fairlead.errors import FairleadError
from fairlead.java.json import compact, strict_loads
from fairlead.java.regex import compile_java

CASES = Path(__file__).parent.parent / "tests" / "unit" / "engine" / "jsonpath" / "cases" / "read.json"
BUDGETS_US = {"definite, 4 steps": 0.3, "strict_loads, 400 bytes": 4.0}

CHAT = {
    "id": "chatcmpl-9f8a7b6c5d4e3f2a1b0c",
    "object": "chat.completion",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Paris is the capital of France: it has been since 987."},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {"prompt_tokens": 24, "completion_tokens": 13, "total_tokens": 37},
    "system_fingerprint": "fp_0123456789abcdef01",
}
EMBEDDINGS = {"data": [{"index": n, "embedding": [0.01 * m for m in range(1536)]} for n in range(16)]}
CHAIN = '[{"type":"regex_capture","pattern":"capital of (\\\\w+)"},{"type":"to_string","escape_json":true}]'


def read(path: str, document: Any) -> float:
    compiled = compile_path(path)
    return microseconds(lambda: compiled.read(document))


def all_cases() -> float:
    """One read of every case that compiles, misses included, divided by their number."""
    spec = json.loads(CASES.read_text())
    reads = [
        (compile_path(case["path"]), spec["documents"][case["document"]])
        for case in spec["cases"]
        if case.get("error") != "InvalidPath"
    ]

    def run() -> None:
        for path, document in reads:
            try:
                path.read(document)
            except FairleadError:
                continue

    return microseconds(run, calls=3, rounds=5) / len(reads)


def figures() -> dict[str, float]:
    definite = "$.choices[0].message.content"
    other = jsonpath.compile(definite)
    chain = compile_chain(CHAIN)
    assert chain is not None
    body = json.dumps(CHAT)
    endpoint = compile_java(r"^https://api\.openai\.com/.*$")
    return {
        "definite, 1 step": read("$.id", CHAT),
        "definite, 4 steps": read(definite, CHAT),
        "plain subscripts, 4 steps": microseconds(lambda: CHAT["choices"][0]["message"]["content"]),  # type: ignore[index]
        "python-jsonpath, 4 steps": microseconds(lambda: other.findall(CHAT), calls=500),
        "$.data[*].embedding": read("$.data[*].embedding", EMBEDDINGS),
        "$.data[?(@.index > 7)].index": read("$.data[?(@.index > 7)].index", EMBEDDINGS),
        "all cases, mean": all_cases(),
        "compile, 4 steps": microseconds(lambda: compile_path.__wrapped__(definite), calls=500),
        "strict_loads, 400 bytes": microseconds(lambda: strict_loads(body)),
        "compact of the same": microseconds(lambda: compact(CHAT)),
        "chain of two steps": microseconds(lambda: chain.run(body)),
        "endpoint pattern": microseconds(lambda: endpoint.fullmatch("https://api.openai.com/v1/chat/completions")),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    found = figures()
    show(found, BUDGETS_US)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
