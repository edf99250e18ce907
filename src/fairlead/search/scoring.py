"""BM25 in the arithmetic of Lucene's BM25Similarity (single precision, coarse lengths); refuses to look at documents.

k1 = 1.2, b = 0.75, without the factor k1 + 1 of the older similarity.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache

K1 = 1.2
B = 0.75

_FLOAT = struct.Struct("<f")
_GREATEST = float.fromhex("0x1.fffffep127")
_BEYOND = float.fromhex("0x1.ffffffp127")


def f32(value: float) -> float:
    """The nearest single-precision number that is finite: JSON has no infinity."""
    if math.isinf(value):
        return math.copysign(_GREATEST, value)
    try:
        return float(_FLOAT.unpack(_FLOAT.pack(value))[0])
    except OverflowError:
        return math.copysign(_GREATEST, value)


def shown(score: float) -> float:
    """The number whose shortest text is what Java prints for the single-precision `score`."""
    for digits in range(1, 10):
        short = float(f"{score:.{digits}g}")
        if abs(short) < _BEYOND and f32(short) == score:
            return short
    return score


def idf(doc_count: int, doc_freq: int) -> float:
    """Inverse document frequency among `doc_count` documents that have the field."""
    return f32(math.log(1 + (doc_count - doc_freq + 0.5) / (doc_freq + 0.5)))


@lru_cache(maxsize=4096)
def coarse_length(length: int) -> int:
    """A field length as one byte keeps it: exact to 40, then with four significant bits above 24 free values."""
    free = 24
    if length < free:
        return length
    rest = length - free
    bits = rest.bit_length()
    return length if bits < 4 else free + ((rest >> (bits - 4)) << (bits - 4))


def term_score(weight: float, freq: float, length: int, average: float) -> float:
    """The share of one term: `weight` is boost times idf, `length` and `average` count terms of the field."""
    inverse = f32(1 / f32(f32(K1) * f32(f32(1 - B) + f32(f32(f32(B) * coarse_length(length)) / average))))
    return f32(weight - f32(weight / f32(1 + f32(f32(freq) * inverse))))
