"""What a caller asks a model: the inputs of a predict and the values of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class JsonText(str):
    """The compact JSON text of a value that was not a string: `5`, `true`, `["a"]`. Valid JSON by construction."""

    __slots__ = ()


Value = str | None
"""A parameter's value: a caller's text (`str`), the text of another JSON value (`JsonText`) or JSON null (`None`)."""


class Algorithm(StrEnum):
    """Names a predict route may carry (spec/03 1.2); most belong to local models and take no body of ours."""

    REMOTE = "remote"
    TEXT_EMBEDDING = "text_embedding"
    SPARSE_ENCODING = "sparse_encoding"
    SPARSE_TOKENIZE = "sparse_tokenize"
    TEXT_SIMILARITY = "text_similarity"
    QUESTION_ANSWERING = "question_answering"


TEXT_DOCS_ALGORITHMS = frozenset({Algorithm.TEXT_EMBEDDING, Algorithm.SPARSE_ENCODING, Algorithm.SPARSE_TOKENIZE})

LOCAL_ALGORITHMS = frozenset(
    {
        "linear_regression", "kmeans", "ad_libsvm", "sample_algo", "local_sample_calculator", "fit_rcf", "batch_rcf",
        "anomaly_localization", "rcf_summarize", "logistic_regression", "metrics_correlation", "agent", "connector",
        "semantic_highlighter", "multimodal",
    }
)  # fmt: skip
"""Known to the original, but not for remote models."""


class Remote(NamedTuple):
    """Raw parameters; None where the body had none."""

    parameters: Mapping[str, Value] | None


class TextDocs(NamedTuple):
    """Documents to embed. A None among them stands for JSON null (an absent text beside an image).

    `algorithm_parameters` are the typed parameters of the route, present only if the body had `parameters`;
    `result_filter` is what the body said of its reply: only an interface sees it.
    """

    docs: tuple[str | None, ...]
    algorithm_parameters: Mapping[str, Value] | None = None
    step: str | None = None
    result_filter: Mapping[str, object] | None = None


class TextSimilarity(NamedTuple):
    """One query against several documents."""

    query: str
    docs: tuple[str, ...]


class QuestionAnswering(NamedTuple):
    """One question about one context."""

    question: str
    context: str


Dataset = Remote | TextDocs | TextSimilarity | QuestionAnswering


class PredictInput(NamedTuple):
    """A decoded predict request: the dataset, the action to run, and where a batch job's failures are to be written."""

    dataset: Dataset
    action: str = "PREDICT"
    dlq: Mapping[str, str] | None = None
