"""What a model answers: output tensors and the inference results around them (spec/03 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class DataType(StrEnum):
    """Element types in the order in which a filter's text is searched for them (spec/03 5)."""

    FLOAT32 = "FLOAT32"
    FLOAT64 = "FLOAT64"
    FLOAT16 = "FLOAT16"
    UINT8 = "UINT8"
    INT32 = "INT32"
    INT8 = "INT8"
    INT64 = "INT64"
    BOOLEAN = "BOOLEAN"
    UNKNOWN = "UNKNOWN"
    STRING = "STRING"
    BINARY = "BINARY"
    UBINARY = "UBINARY"


class RawJson(NamedTuple):
    """The bytes of a valid JSON value, passed through as the provider wrote it."""

    text: bytes


class Tensor(NamedTuple):
    """One output. Members that are None are left out; `data` is numbers or the raw text of an array of numbers."""

    name: str | None = None
    data_type: DataType | None = None
    shape: Sequence[int] | None = None
    data: Sequence[Any] | RawJson | None = None
    result: str | None = None
    data_as_map: Any | RawJson | None = None


class InferenceResult(NamedTuple):
    """The outputs of one call to the provider and its HTTP status."""

    output: tuple[Tensor, ...]
    status_code: int
