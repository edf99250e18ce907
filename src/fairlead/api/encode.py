"""Predictions as bytes; provider JSON passes through as it came."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from fairlead.api.reply import dumps
from fairlead.domain.tensor import InferenceResult
from fairlead.engine.inferences import inferences


def encode(results: Sequence[InferenceResult]) -> bytes:
    """The reply of a predict (spec/02 3.7)."""
    return dumps(inferences(results, orjson.Fragment))
