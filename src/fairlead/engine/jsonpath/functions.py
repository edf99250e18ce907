"""The functions that may end a path, one row each. They read the value before the dot and their arguments only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fairlead.java.json import JsonFault, compact


class NoResult(Exception):
    """A function that has no value here; `reason` is Jayway's text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Argument:
    """A value handed to a function; `hits` is the list of hits when it came from an indefinite path."""

    value: Any
    hits: list[Any] | None = None


Apply: TypeAlias = Callable[[Any, Sequence[Argument]], Any]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    apply: Apply
    doc: str


_NO_NUMBERS = "Aggregation function attempted to calculate value using empty array"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _items(arguments: Sequence[Argument]) -> Iterator[Any]:
    for argument in arguments:
        if isinstance(argument.value, list):
            yield from argument.value
        else:
            yield argument.value


def _aggregate(reduce: Callable[[list[float]], float]) -> Apply:
    """Over the numbers of the array before the dot and of the arguments, as doubles."""

    def apply(model: Any, arguments: Sequence[Argument]) -> float:
        values = [*(model if isinstance(model, list) else ()), *_items(arguments)]
        try:
            numbers = [float(value) for value in values if _is_number(value)]
            if not numbers:
                raise NoResult(_NO_NUMBERS)
            result = reduce(numbers)
        except OverflowError as fault:
            raise NoResult("A number is out of range") from fault
        if result - result != 0.0:
            raise NoResult("A number is out of range")
        return result

    return apply


def _sum(numbers: list[float]) -> float:
    total = 0.0
    for number in numbers:  # in order, as Java adds: math.fsum and Python 3.12's sum would round otherwise
        total += number
    return total


def _average(numbers: list[float]) -> float:
    return _sum(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float:
    count = len(numbers)
    total = _sum(numbers)
    return math.sqrt(max(0.0, _sum([number * number for number in numbers]) / count - total * total / count / count))


def _length(model: Any, arguments: Sequence[Argument]) -> int | None:
    if arguments and arguments[0].hits is not None:
        return sum(len(hit) for hit in arguments[0].hits if isinstance(hit, (list, dict)))
    if arguments and isinstance(arguments[0].value, (list, dict)):
        model = arguments[0].value
    return len(model) if isinstance(model, (list, dict)) else None


def _keys(model: Any, arguments: Sequence[Argument]) -> list[str] | None:
    return list(model) if isinstance(model, dict) else None


def _append(model: Any, arguments: Sequence[Argument]) -> Any:
    return [*model, *(argument.value for argument in arguments)] if isinstance(model, list) else model


def _concat(model: Any, arguments: Sequence[Argument]) -> str:
    own = [item for item in model if isinstance(item, str)] if isinstance(model, list) else []
    try:
        return "".join(own + [text_of(item) for item in _items(arguments) if item is not None])
    except JsonFault as fault:
        raise NoResult(fault.reason) from fault


def text_of(value: Any) -> str:
    """A string as it is, anything else as JSON text."""
    return value if isinstance(value, str) else compact(value)


def _at(position: int | None) -> Apply:
    def apply(model: Any, arguments: Sequence[Argument]) -> Any:
        if not isinstance(model, list):
            raise NoResult(_NO_NUMBERS)
        index = position
        if index is None:
            numbers = [item for item in _items(arguments) if _is_number(item)]
            if not numbers:
                raise NoResult("Index 0 out of bounds for length 0")
            index = int(numbers[0])
        if index < -len(model):
            raise NoResult(f"Target index:{index} larger than object count:{len(model)}")
        if index >= len(model):
            raise NoResult(f"Index {index} out of bounds for length {len(model)}")
        return model[index]

    return apply


FUNCTIONS: dict[str, Function] = {
    row.name: row
    for row in (
        Function("length", _length, "number of items of an array or members of an object, else null"),
        Function("size", _length, "the same as length"),
        Function("min", _aggregate(min), "smallest number"),
        Function("max", _aggregate(max), "largest number"),
        Function("avg", _aggregate(_average), "mean"),
        Function("stddev", _aggregate(_deviation), "standard deviation of the whole population"),
        Function("sum", _aggregate(_sum), "sum"),
        Function("keys", _keys, "names of an object's members, else null"),
        Function("concat", _concat, "strings of the array and all arguments joined"),
        Function("append", _append, "the array with the arguments added"),
        Function("first", _at(0), "first item"),
        Function("last", _at(-1), "last item"),
        Function("index", _at(None), "item at the position given, negative from the end"),
    )
}
