"""Built-in post-process functions: one table from name to default filter and algorithm (spec/03 section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead.domain.tensor import DataType, RawJson, Tensor
from fairlead.errors import ClassCast, IllegalArgument, IndexOutOfBounds

PREFIX = "connector.post_process."

Run = Callable[[Any, DataType], list[Tensor]]


@dataclass(frozen=True, slots=True)
class PostFunction:
    """One built-in: reads `filter` from the reply unless the connector or request names another path."""

    name: str
    filter: str
    gives: str
    run: Run

    @property
    def per_document(self) -> bool:
        return self.run is _embeddings

    @property
    def single(self) -> bool:
        """Whether the whole answer is one embedding."""
        return self.run is _one_embedding


def data_type_of(filter: str) -> DataType:
    """The first type whose name follows a dot in the filter's text, else FLOAT32."""
    lowered = filter.lower()
    return next((kind for kind in DataType if f".{kind.lower()}" in lowered), DataType.FLOAT32)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise IllegalArgument("Post process function input is not a List.")
    return value


def embedding(numbers: Sequence[Any] | RawJson, kind: DataType, size: int) -> Tensor:
    """One embedding of `size` numbers, given as numbers or as the text of their array."""
    if kind is DataType.UNKNOWN:
        raise IllegalArgument("data type is null")
    return Tensor("sentence_embedding", kind, (size,), numbers)


def _embeddings(value: Any, kind: DataType) -> list[Tensor]:
    rows = _list(value)
    if rows and not isinstance(rows[0], list):
        raise IllegalArgument("The embedding should be a non-empty List containing List of Float values.")
    if rows and not (rows[0] and _is_number(rows[0][0])):
        raise IllegalArgument("The embedding should be a non-empty List containing Float values.")
    for n, row in enumerate(rows):
        if not isinstance(row, list) or not all(_is_number(number) for number in row):
            raise ClassCast(f"The embedding at position {n} of the provider's reply is not a list of numbers")
    return [embedding(row, kind, len(row)) for row in rows]


def _one_embedding(value: Any, kind: DataType) -> list[Tensor]:
    numbers = _list(value)
    if numbers and not _is_number(numbers[0]):
        raise IllegalArgument("The embedding should be a non-empty List containing Float values.")
    if not all(_is_number(number) for number in numbers):
        raise ClassCast("The embedding in the provider's reply is not a list of numbers")
    return [embedding(numbers, kind, len(numbers))]


def _scores(results: Sequence[Mapping[str, Any]], key: str) -> list[Tensor]:
    """Scores at the position their index names; holes stay null (spec/03 5). Any number is a score (D-16)."""
    scores: list[Any] = [None] * len(results)
    for n, result in enumerate(results):
        index, score = result.get("index"), result.get(key)
        if not isinstance(index, (int, float)) or isinstance(index, bool) or not _is_number(score):
            raise ClassCast(
                f"The rerank result at position {n} of the provider's reply needs a number as index and {key}"
            )
        if not 0 <= int(index) < len(results):
            raise IndexOutOfBounds(f"Index {int(index)} out of bounds for length {len(results)}")
        scores[int(index)] = score
    return [Tensor("similarity", DataType.FLOAT32, (1,), [score]) for score in scores]


def _rerank(value: Any, _: DataType) -> list[Tensor]:
    results = _list(value)
    if results and not isinstance(results[0], dict):
        raise IllegalArgument("Post process function input is not a List of Map.")
    if results and not {"index", "relevance_score"} <= results[0].keys():
        raise IllegalArgument("The rerank result should contain index and relevance_score.")
    for n, result in enumerate(results):
        if not isinstance(result, dict):
            raise ClassCast(f"The rerank result at position {n} of the provider's reply is not an object")
    return _scores(results, "relevance_score")


def _bedrock_rerank(value: Any, _: DataType) -> list[Tensor]:
    results = _list(value)
    if not results:
        raise IllegalArgument("Post process function input is empty.")
    for result in results:
        if not isinstance(result, dict):
            raise IllegalArgument("Rerank result is not a Map.")
        if not result:
            raise IllegalArgument("Rerank result is empty.")
        if not {"index", "relevanceScore"} <= result.keys():
            raise IllegalArgument("Rerank result should have both index and relevanceScore.")
        if not _is_number(result["relevanceScore"]):
            raise IllegalArgument("relevanceScore is not BigDecimal or Double.")
    return _scores(results, "relevanceScore")


def _job_arn(value: Any, _: DataType) -> list[Tensor]:
    if not isinstance(value, dict):
        raise IllegalArgument("Post process function input is not a Map.")
    if not isinstance(value.get("jobArn"), str):
        raise IllegalArgument("job arn is missing.")
    return [Tensor("response", data_as_map={**value, "processedJobArn": value["jobArn"].replace("/", "%2F")})]


def _passthrough(value: Any, _: DataType) -> list[Tensor]:
    """The reply of another ML Commons node, its outputs handed on."""
    if not isinstance(value, (dict, list)):
        raise IllegalArgument("Post process function input must be a Map or List")
    if isinstance(value, list):
        raise ClassCast("The provider's reply is a list; a reply of ML Commons is an object")
    results = value.get("inference_results")
    if not isinstance(results, list):
        return [Tensor("response", data_as_map=value)]
    lists = [result.get("output") for result in results if isinstance(result, dict)]
    outputs = [output for listed in lists if isinstance(listed, list) for output in listed]
    return [_handed_on(output) for output in outputs if isinstance(output, dict) and output]


def _handed_on(output: Mapping[str, Any]) -> Tensor:
    kind = output.get("data_type")
    data_type = DataType(kind) if isinstance(kind, str) and kind in DataType.__members__ else None
    data = output.get("data") if isinstance(output.get("data"), list) else None
    if data is not None and data_type in (None, DataType.UNKNOWN):
        raise IllegalArgument("data type is null")
    name, shape, result, mapped = (output.get(key) for key in ("name", "shape", "result", "dataAsMap"))
    return Tensor(
        name if isinstance(name, str) else "output",
        data_type,
        [int(n) for n in shape] if isinstance(shape, list) and all(_is_number(n) for n in shape) else None,
        data,
        result if isinstance(result, str) else None,
        mapped if isinstance(mapped, dict) else None,
    )


def _row(name: str, filter: str, gives: str, run: Run) -> PostFunction:
    return PostFunction(PREFIX + name, filter, gives, run)


_MANY, _ONE, _SCORES = "one embedding per inner list", "one embedding", "one similarity per document, in their order"

_ROWS = (
    _row("openai.embedding", "$.data[*].embedding", _MANY, _embeddings),
    _row("cohere.embedding", "$.embeddings", _MANY, _embeddings),
    *(
        _row(f"cohere_v2.embedding.{kind}", f"$.embeddings.{kind}", _MANY, _embeddings)
        for kind in ("float", "int8", "uint8", "binary", "ubinary")
    ),
    _row("default.embedding", "$[*]", _MANY, _embeddings),
    _row("bedrock.nova.embedding", "$.embeddings[*].embedding", _MANY, _embeddings),
    _row("bedrock.embedding", "$.embedding", _ONE, _one_embedding),
    *(
        _row(f"bedrock_v2.embedding.{kind}", f"$.embeddingsByType.{kind}", _ONE, _one_embedding)
        for kind in ("float", "binary")
    ),
    _row("cohere.rerank", "$.results", _SCORES, _rerank),
    _row("default.rerank", "$[*]", _SCORES, _rerank),
    _row("bedrock.rerank", "$.results", _SCORES, _bedrock_rerank),
    _row("bedrock.batch_job_arn", "$", "the reply with `processedJobArn`", _job_arn),
    _row("mlcommons.passthrough", "$", "the outputs of the other node", _passthrough),
)

POST_FUNCTIONS: Mapping[str, PostFunction] = {row.name: row for row in _ROWS}
