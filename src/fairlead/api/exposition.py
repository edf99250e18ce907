"""Metrics in the text format of Prometheus, version 0.0.4. It knows no single metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from fairlead.service.counts.meter import BOUNDS
from fairlead.service.counts.metrics import Labels, Metric, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


def exposition(metrics: Iterable[Metric], sample: Sample) -> str:
    """One block per metric; a metric without values has its head only."""
    return "".join(line + "\n" for metric in metrics for line in _block(metric, sample.get(metric.name, {})))


def _block(metric: Metric, values: dict[Labels, float | list[float]]) -> Iterator[str]:
    yield f"# HELP {metric.name} " + metric.doc.replace("\\", "\\\\")
    yield f"# TYPE {metric.name} {metric.kind}"
    names = (*metric.labels, "worker") if metric.by_worker else metric.labels
    for labels, value in sorted(values.items()):
        pairs = [f'{name}="{text.translate(_ESCAPES)}"' for name, text in zip(names, labels, strict=True)]
        if isinstance(value, list):
            yield from _histogram(metric.name, pairs, value)
        else:
            yield f"{metric.name}{_braced(pairs)} {_number(value)}"


def _histogram(name: str, pairs: list[str], value: list[float]) -> Iterator[str]:
    *buckets, seconds = value
    counts = list(accumulate(buckets))
    for bound, count in zip((*map(_number, BOUNDS), "+Inf"), counts, strict=True):
        edge = f'le="{bound}"'
        yield f"{name}_bucket{_braced([*pairs, edge])} {_number(count)}"
    yield f"{name}_sum{_braced(pairs)} {_number(seconds)}"
    yield f"{name}_count{_braced(pairs)} {_number(counts[-1])}"


def _braced(pairs: list[str]) -> str:
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
