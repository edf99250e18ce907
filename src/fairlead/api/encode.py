"""Predictions as bytes: tensors in the documented member order, provider JSON passed through as it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from fairlead.api.reply import dumps
from fairlead.domain.tensor import InferenceResult, RawJson, Tensor


def encode(results: Sequence[InferenceResult]) -> bytes:
    """The reply of a predict (spec/02 3.7)."""
    return dumps({"inference_results": [_result(result) for result in results]})


def _result(result: InferenceResult) -> dict[str, Any]:
    if not result.output:
        return {"status_code": result.status_code}
    return {"output": [_tensor(tensor) for tensor in result.output], "status_code": result.status_code}


def _raw(value: Any) -> Any:
    return orjson.Fragment(value.text) if isinstance(value, RawJson) else value


def _tensor(tensor: Tensor) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if tensor.name is not None:
        shown["name"] = tensor.name
    if tensor.data_type is not None:
        shown["data_type"] = tensor.data_type.value
    if tensor.shape is not None:
        shown["shape"] = list(tensor.shape)
    if tensor.data is not None:
        shown["data"] = _raw(tensor.data)
    if tensor.result is not None:
        shown["result"] = tensor.result
    if tensor.data_as_map is not None:
        shown["dataAsMap"] = _raw(tensor.data_as_map)
    return shown
