"""A million doubles and a million floats have the texts that a JVM gave them.

The answers are stored as digests of blocks; the numbers come from the same xorshift generator on both sides.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairlead.java.text import double_text, float_text

STORED = json.loads((Path(__file__).parent / "cases" / "jvm_numbers.json").read_text("utf-8"))
BLOCKS = 100 if os.environ.get("FAIRLEAD_FUZZ") == "full" else 10
"""A tenth by default; all of the million with FAIRLEAD_FUZZ=full."""

_MASK = (1 << 64) - 1


def _bits() -> Iterator[int]:
    state = STORED["seed"]
    while True:
        state ^= (state << 13) & _MASK
        state ^= state >> 7
        state ^= (state << 17) & _MASK
        yield state


def _double(bits: int) -> str:
    return double_text(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


def _float(bits: int) -> str:
    return float_text(struct.unpack("<f", (bits & 0xFFFFFFFF).to_bytes(4, "little"))[0])


@pytest.mark.parametrize(("kind", "text"), [("double", _double), ("float", _float)])
def test_random_numbers_have_the_texts_of_a_jvm(kind: str, text: Callable[[int], str]) -> None:
    bits = _bits()
    for number in range(BLOCKS):
        texts = [text(next(bits)) for _ in range(STORED["block"])]
        if number == 0:
            assert texts[:200] == STORED[kind]["first"]
        digest = hashlib.sha256("".join(f"{line}\n" for line in texts).encode()).hexdigest()[:16]
        assert digest == STORED[kind]["sha256"][number], f"block {number}"
