"""Predictions as a JSON value: tensors in the documented member order. What becomes of a provider's own JSON is the caller's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fairlead.domain.tensor import InferenceResult, RawJson, Tensor

Raw = Callable[[bytes], Any]
"""Takes the text of a provider's JSON: to pass it through or to read it."""


def inferences(results: Sequence[InferenceResult], raw: Raw) -> dict[str, Any]:
    """The reply of a predict (spec/02 3.7)."""
    return {"inference_results": [_result(result, raw) for result in results]}


def _result(result: InferenceResult, raw: Raw) -> dict[str, Any]:
    if not result.output:
        return {"status_code": result.status_code}
    return {"output": [_tensor(tensor, raw) for tensor in result.output], "status_code": result.status_code}


def _tensor(tensor: Tensor, raw: Raw) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if tensor.name is not None:
        shown["name"] = tensor.name
    if tensor.data_type is not None:
        shown["data_type"] = tensor.data_type.value
    if tensor.shape is not None:
        shown["shape"] = list(tensor.shape)
    if tensor.data is not None:
        shown["data"] = raw(tensor.data.text) if isinstance(tensor.data, RawJson) else tensor.data
    if tensor.result is not None:
        shown["result"] = tensor.result
    if tensor.data_as_map is not None:
        shown["dataAsMap"] = (
            raw(tensor.data_as_map.text) if isinstance(tensor.data_as_map, RawJson) else tensor.data_as_map
        )
    return shown
