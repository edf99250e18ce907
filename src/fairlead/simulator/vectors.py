"""Embeddings, scores and token counts that depend on the text alone; nothing here understands a text."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import sqrt

MODEL_DIMENSIONS = {
    "text-embedding-ada-002": 1536,
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "embed-english-v3.0": 1024,
    "embed-multilingual-v3.0": 1024,
    "embed-english-light-v3.0": 384,
    "embed-v4.0": 1536,
    "amazon.titan-embed-text-v1": 1536,
    "amazon.titan-embed-text-v2:0": 1024,
    "amazon.titan-embed-image-v1": 1024,
    "amazon.nova-2-multimodal-embeddings-v1:0": 3072,
    "cohere.embed-english-v3": 1024,
    "cohere.embed-multilingual-v3": 1024,
    "cohere.embed-v4:0": 1536,
    "text-embedding-004": 768,
    "gemini-embedding-001": 3072,
}
"""Lengths of the vectors that the real models give."""

UNLISTED_DIMENSIONS = 1024
_SMALL = tuple(round((byte - 128) / 256, 6) for byte in range(256))


def short_vector(text: object, length: int = 4) -> list[float]:
    """Up to 32 numbers from -0.5 to 0.496, a byte of the text's SHA-256 each: the vectors of the parity records."""
    return [_SMALL[byte] for byte in hashlib.sha256(str(text).encode("utf-8", "surrogatepass")).digest()[:length]]


@lru_cache(maxsize=128)
def unit_vector(text: str, length: int) -> tuple[float, ...]:
    """`length` numbers of eight decimals, together of length 1, so that a reply weighs what a provider's does."""
    raw = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(4 * length)
    parts = struct.unpack(f"<{length}i", raw)
    norm = sqrt(sum(part * part for part in parts)) or 1.0
    return tuple([round(part / norm, 8) for part in parts])


def model_dimensions(model: str) -> int:
    """The length of the real model's vectors, 1024 for a model nobody listed."""
    return MODEL_DIMENSIONS.get(model, UNLISTED_DIMENSIONS)


QUANTIZED: Mapping[str, Callable[[tuple[float, ...]], list[float] | list[int]]] = {
    "float": lambda vector: list(vector),
    "int8": lambda vector: [int(number * 127) for number in vector],
    "uint8": lambda vector: [int(number * 127) + 128 for number in vector],
    "binary": lambda vector: [byte - 128 for byte in sign_bits(vector)],
    "ubinary": lambda vector: list(sign_bits(vector)),
}
"""The number formats that Cohere and Titan name: one number an element, or one byte of signs for eight."""


def sign_bits(vector: tuple[float, ...]) -> bytes:
    """A bit an element, 1 for positive, most significant first, filled up with 0."""
    bits = "".join("1" if number > 0 else "0" for number in vector)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def relevance(query: str, document: str) -> float:
    """From 0 to 1: the share of the query's words that the document has, and a little of its hash to order the rest."""
    wanted = set(query.lower().split())
    shared = len(wanted & set(document.lower().split())) / len(wanted) if wanted else 0.0
    tail = hashlib.sha256(document.encode("utf-8", "surrogatepass")).digest()[0] / 255
    return round(0.9 * shared + 0.1 * tail, 7)


def tokens(text: str) -> int:
    """A count that grows with the text: a token for every four characters begun."""
    return -(-len(text) // 4)
