"""What a predict of the library answers: tensors with their numbers at hand, and the documented JSON of the whole."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from fairlead.api.encode import encode
from fairlead.domain import tensor
from fairlead.domain.tensor import DataType, InferenceResult, RawJson
from fairlead.errors import IllegalArgument, IllegalState
from fairlead.java.json import strict_loads

_DTYPES: Mapping[DataType, str] = {
    DataType.FLOAT32: "float32",
    DataType.FLOAT64: "float64",
    DataType.FLOAT16: "float16",
    DataType.UINT8: "uint8",
    DataType.INT32: "int32",
    DataType.INT8: "int8",
    DataType.INT64: "int64",
    DataType.BOOLEAN: "bool",
    DataType.STRING: "str",
    DataType.BINARY: "int8",
    DataType.UBINARY: "uint8",
}
"""numpy's type for each data type; packed bits come as bytes, signed or not, as providers send them."""


@dataclass(frozen=True)
class Tensor:
    """One output. A tensor of numbers has `data_type`, `shape` and `tolist()`; a reply that no function took apart has
    `data_as_map`."""

    _tensor: tensor.Tensor

    def __repr__(self) -> str:
        return f"<Tensor {self.name!r} {self.data_type or 'map'}{'' if self.shape is None else list(self.shape)}>"

    @property
    def name(self) -> str | None:
        return self._tensor.name

    @property
    def data_type(self) -> str | None:
        """`FLOAT32`, `INT8`, ... or None."""
        kind = self._tensor.data_type
        return None if kind is None else kind.value

    @property
    def shape(self) -> tuple[int, ...] | None:
        return None if self._tensor.shape is None else tuple(self._tensor.shape)

    @property
    def result(self) -> str | None:
        """The text of a tensor that is one."""
        return self._tensor.result

    @cached_property
    def data(self) -> list[Any] | None:
        """The numbers in one list; None for a tensor without."""
        data = self._tensor.data
        if data is None:
            return None
        return list(strict_loads(data.text)) if isinstance(data, RawJson) else list(data)

    @cached_property
    def data_as_map(self) -> Any:
        """The object of a reply that was mapped as a whole; None for a tensor of numbers."""
        shown = self._tensor.data_as_map
        return strict_loads(shown.text) if isinstance(shown, RawJson) else shown

    def tolist(self) -> list[Any]:
        """The numbers. Raises IllegalState for a tensor that has none."""
        if self.data is None:
            raise IllegalState(
                f"The tensor '{self.name}' holds no numbers: the connector has no post_process_function that takes the "
                "provider's reply apart, see data_as_map"
            )
        return list(self.data)

    def numpy(self) -> Any:
        """The numbers as a numpy array of the tensor's type and shape.

        Raises ImportError without numpy, IllegalState for a tensor without numbers, IllegalArgument for numbers that
        its type cannot hold.
        """
        try:
            numpy: Any = importlib.import_module("numpy")
        except ImportError as fault:
            raise ImportError("Tensor.numpy() needs numpy, which is not installed; use tolist() instead") from fault
        numbers = self.tolist()
        kind = self._tensor.data_type
        try:
            array = numpy.asarray(numbers, dtype=None if kind is None else _DTYPES.get(kind))
        except (OverflowError, ValueError, TypeError) as fault:
            raise IllegalArgument(f"The numbers of tensor '{self.name}' do not fit {self.data_type}") from fault
        shape = self.shape
        return array.reshape(shape) if shape is not None and prod(shape) == len(numbers) else array


@dataclass(frozen=True)
class Prediction:
    """The inference results of one predict: one for each call that the provider got."""

    _results: tuple[InferenceResult, ...]

    def __repr__(self) -> str:
        return f"<Prediction status {self.status_code}, {len(self.output)} tensors>"

    @cached_property
    def output(self) -> list[Tensor]:
        """The tensors of all calls, in the order of the documents."""
        return [Tensor(found) for result in self._results for found in result.output]

    @property
    def status_code(self) -> int:
        """The provider's HTTP status, that of the first call where there were several."""
        return self._results[0].status_code

    def json(self) -> dict[str, Any]:
        """The body that the predict API answers: `{"inference_results": [{"output": [...], "status_code": 200}]}`."""
        body: dict[str, Any] = strict_loads(encode(self._results))
        return body
