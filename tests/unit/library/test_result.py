"""Tensors of the library: numbers out of raw text or lists, numpy where it is there, and what is said where it is not."""

from __future__ import annotations

import pickle
import sys
import types
from typing import Any

import pytest

from fairlead import library
from fairlead.domain.tensor import DataType, InferenceResult, RawJson
from fairlead.domain.tensor import Tensor as Inner
from fairlead.errors import IllegalArgument, IllegalState
from fairlead.library import Prediction, Tensor


class Array:
    """What of a numpy array `Tensor.numpy` uses."""

    def __init__(self, numbers: list[Any], dtype: str | None) -> None:
        if dtype == "uint8" and any(not 0 <= number < 256 for number in numbers):
            raise OverflowError("out of bounds for uint8")
        self.numbers, self.dtype, self.shape = numbers, dtype, (len(numbers),)

    def reshape(self, shape: tuple[int, ...]) -> Array:
        self.shape = shape
        return self


@pytest.fixture
def numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("numpy")
    module.asarray = lambda numbers, dtype: Array(numbers, dtype)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "numpy", module)


def tensor(kind: DataType | None, data: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    return Tensor(Inner("t", kind, (len(data),) if shape is None and isinstance(data, list) else shape, data))


def test_raw_text_and_lists_give_the_same_numbers() -> None:
    raw = tensor(DataType.FLOAT32, RawJson(b" [1, -2.5e-3 ,0]"), (3,))
    assert raw.tolist() == tensor(DataType.FLOAT32, [1, -2.5e-3, 0]).tolist() == [1, -0.0025, 0]
    assert raw.tolist() is not raw.data


@pytest.mark.usefixtures("numpy")
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (DataType.FLOAT32, "float32"),
        (DataType.FLOAT64, "float64"),
        (DataType.INT8, "int8"),
        (DataType.UINT8, "uint8"),
        (DataType.BINARY, "int8"),
        (DataType.UBINARY, "uint8"),
        (DataType.BOOLEAN, "bool"),
        (None, None),
    ],
)
def test_an_array_has_the_type_and_shape_of_the_tensor(kind: DataType | None, dtype: str | None) -> None:
    array = tensor(kind, [1, 0, 1, 0], (2, 2)).numpy()
    assert (array.numbers, array.dtype, array.shape) == ([1, 0, 1, 0], dtype, (2, 2))
    assert tensor(kind, [1, 0, 1], (2, 2)).numpy().shape == (3,)


@pytest.mark.usefixtures("numpy")
def test_numbers_that_the_type_cannot_hold_are_refused() -> None:
    with pytest.raises(IllegalArgument, match="do not fit UINT8"):
        tensor(DataType.UINT8, [300]).numpy()


def test_without_numpy_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"needs numpy, which is not installed; use tolist\(\)"):
        tensor(DataType.FLOAT32, [1]).numpy()


def test_a_map_has_no_numbers() -> None:
    shown = Tensor(Inner("response", data_as_map=RawJson(b'{"a":[1]}')))
    assert shown.data_as_map == {"a": [1]}
    with pytest.raises(IllegalState):
        shown.tolist()


def test_a_prediction_holds_the_tensors_of_all_calls_and_survives_pickling() -> None:
    results = tuple(InferenceResult((Inner("t", DataType.INT8, (1,), [n]),), 200 + n) for n in range(2))
    found = pickle.loads(pickle.dumps(Prediction(results)))
    assert [one.tolist() for one in found.output] == [[0], [1]]
    assert found.status_code == 200
    assert [one["status_code"] for one in found.json()["inference_results"]] == [200, 201]
    assert repr(found) == "<Prediction status 200, 2 tensors>"
    assert repr(found.output[0]) == "<Tensor 't' INT8[1]>"
    assert repr(Tensor(Inner("response", data_as_map={}))) == "<Tensor 'response' map>"


def test_the_package_offers_what_it_lists_and_nothing_else() -> None:
    assert {name: getattr(library, name).__name__ for name in library.__all__} == {
        name: name for name in library.__all__
    }
    assert set(library.__all__) <= set(dir(library))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        library.Nothing  # noqa: B018
