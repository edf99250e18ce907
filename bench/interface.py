"""Microseconds of a compiled interface and of guardrails on one chat request; what a model without them pays is one comparison.

Budget: a request checked by its schema 2 µs. Run: `scripts/bench interface [--json FILE]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.timing import awaited, microseconds, show
from fairlead.domain.dataset import JsonText, PredictInput, Remote
from fairlead.domain.ports import Document
from fairlead.domain.tensor import InferenceResult, RawJson, Tensor
from fairlead.domain.word_list import WordList
from fairlead.engine.compiled import Outgoing
from fairlead.engine.interface import Interface
from fairlead.engine.parameters import Parameters
from fairlead.service.guards.guard import Watch, compile_guard
from fairlead.service.guards.known_words import KnownWords

BUDGETS_US = {"input, chat request of 300 bytes": 2.0}

PROMPT = "Tell me in two sentences why the harbour of Hamburg lies so far from the open sea, and since when. " * 2
CHAT = {
    "input": {
        "type": "object",
        "required": ["parameters"],
        "properties": {
            "parameters": {
                "type": "object",
                "required": ["prompt"],
                "properties": {
                    "prompt": {"type": "string", "maxLength": 2000},
                    "temperature": {"type": "number", "minimum": 0, "maximum": 1},
                    "max_tokens": {"type": "integer"},
                },
            }
        },
    },
    "output": {"type": "object", "required": ["inference_results"]},
}
REPLY = {"id": "chatcmpl-1", "choices": [{"message": {"role": "assistant", "content": PROMPT}}]}


async def nobody(model_id: str, parameters: Any) -> Any:
    raise AssertionError("no model is asked")


async def guards(executor: ThreadPoolExecutor) -> dict[str, float]:
    known = KnownWords()
    phrases = WordList({"title": tuple(f"bad phrase {n}" for n in range(1000))})
    await known.take("bad", Document("word_list", "bad", phrases.document(), 1, 1))
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}).encode()
    sent = Outgoing("POST", "https://api.example.com", (), body, Parameters({}, {}))

    def watch(**side: Any) -> Watch:
        guard = compile_guard("m", {"input_guardrail": side}, known, executor)
        assert guard is not None
        return guard.asking(nobody)

    pattern, fields = watch(regex=[".*kill.*"]), watch(regex=["kill"], match="search", fields=["$.messages[*].content"])
    words = watch(stop_words=[{"index_name": "bad", "source_fields": ["title"]}])
    return {
        "guard, one pattern over the body": await awaited(lambda: pattern.request(sent)),
        "guard, one pattern over a field": await awaited(lambda: fields.request(sent)),
        "guard, 1,000 phrases": await awaited(lambda: words.request(sent)),
    }


def figures() -> dict[str, float]:
    interface = Interface({side: json.dumps(schema) for side, schema in CHAT.items()})
    given = {"prompt": PROMPT, "temperature": JsonText("0.7"), "max_tokens": JsonText("256")}
    asked = PredictInput(Remote(given))
    results = [InferenceResult((Tensor("response", data_as_map=RawJson(json.dumps(REPLY).encode())),), 200)]
    found = {
        "input, chat request of 300 bytes": microseconds(lambda: interface.check_input(asked)),
        "output, chat reply": microseconds(lambda: interface.check_output(results)),
        "compiling both": microseconds(lambda: Interface({s: json.dumps(v) for s, v in CHAT.items()}), calls=100),
    }
    with ThreadPoolExecutor(1) as executor:
        return {**found, **asyncio.run(guards(executor))}


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
