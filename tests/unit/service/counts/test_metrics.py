"""Metrics: every row is bounded and read, workers are added up, and a replacement goes on from its predecessor."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fairlead.api.exposition import exposition
from fairlead.service.counts.board import Board
from fairlead.service.counts.meter import BOUNDS, NAMED_MODELS, OTHER, Histogram, Meter
from fairlead.service.counts.metrics import GONE_SECONDS, METRICS, Metric, MetricsService, _requests
from fairlead.service.counts.usage import Recorder
from fairlead.service.house import House
from unit.service.world import World

BY_NAME = {metric.name: metric for metric in METRICS}


def test_names_follow_the_conventions_of_prometheus() -> None:
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"fairlead_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.doc.endswith("."), metric.name
        assert metric.read is not None or metric.kind == "gauge"


def test_a_bucket_holds_its_upper_bound() -> None:
    histogram = Histogram()
    for seconds in (BOUNDS[0], BOUNDS[0] + 1e-9, BOUNDS[-1] + 1):
        histogram.observe(seconds)
    assert histogram.buckets[:2] == [1, 1]
    assert histogram.buckets[-1] == 1


def test_a_histogram_is_written_cumulative_with_sum_and_count() -> None:
    histogram = Histogram()
    for seconds in (0.001, 0.002, 100.0):
        histogram.observe(seconds)
    metric = Metric("x_seconds", "histogram", "Text.", lambda sources: (), ("model",))
    text = exposition([metric], {"x_seconds": {('a"\\\n',): histogram.value}})
    assert text.splitlines()[:4] == [
        "# HELP x_seconds Text.",
        "# TYPE x_seconds histogram",
        'x_seconds_bucket{model="a\\"\\\\\\n",le="0.001"} 1',
        'x_seconds_bucket{model="a\\"\\\\\\n",le="0.0025"} 2',
    ]
    assert text.splitlines()[-3:] == [
        'x_seconds_bucket{model="a\\"\\\\\\n",le="+Inf"} 3',
        'x_seconds_sum{model="a\\"\\\\\\n"} 100.003',
        'x_seconds_count{model="a\\"\\\\\\n"} 3',
    ]


def test_models_beyond_the_first_share_a_histogram() -> None:
    recorder = Recorder(lambda: 0, lambda: 0.0)
    for number in range(NAMED_MODELS + 5):
        recorder.succeeded(recorder.begin(f"m{number}", "REMOTE"), 0.0)
    named = dict(recorder.latencies())
    assert len(named) == NAMED_MODELS + 1
    assert sum(named[OTHER].buckets) == 5
    assert sum(sum(histogram.buckets) for histogram in named.values()) == NAMED_MODELS + 5


async def test_every_metric_of_a_fresh_worker_can_be_read(house: House) -> None:
    sample = await house.metrics.node()
    assert set(sample) == set(BY_NAME)
    for name, values in sample.items():
        metric = BY_NAME[name]
        for labels in values:
            assert len(labels) == len(metric.labels) + metric.by_worker, name
    assert sample["fairlead_store_up"] == {(): 1}
    assert sample["fairlead_workers_up"] == {(): 1}


def service(world: World, house: House, meter: Meter, board: Board) -> MetricsService:
    return MetricsService(house.ports, house.snapshot, house.recorder, meter, board)


async def test_workers_are_added_up(world: World, house: House) -> None:
    board, one, other = Board(2), Meter(), Meter()
    asked, shows = service(world, house, one, board), service(world, house, other, board.of(1))
    one.answered("GET", "/", 200)
    other.answered("GET", "/", 200)
    other.answered("GET", "/", 404)
    one.replied(200, 0.002, 1, 2)
    other.replied(200, 0.002, 10, 20)
    shows.show()
    sample = await asked.node()
    assert sample["fairlead_requests_total"] == {("GET", "/", "200"): 2, ("GET", "/", "404"): 1}
    assert sample["fairlead_upstream_sent_bytes_total"] == {(): 11}
    [latency] = sample["fairlead_upstream_seconds"].values()
    assert isinstance(latency, list)
    assert sum(latency[:-1]) == 2
    assert latency[-1] == pytest.approx(0.004)
    assert sample["fairlead_workers_up"] == {(): 2}
    assert set(sample["fairlead_worker_resident_bytes"]) == {("0",), ("1",)}


async def test_a_replacement_goes_on_from_the_counts_of_the_dead(world: World, house: House) -> None:
    board, meter = Board(1), Meter()
    meter.answered("GET", "/", 200)
    service(world, house, meter, board).show()
    fresh = Meter()
    fresh.answered("GET", "/", 200)
    successor = service(world, house, fresh, board)
    assert (await successor.node())["fairlead_requests_total"] == {("GET", "/", "200"): 2}
    successor.show()
    third = service(world, house, Meter(), board)
    assert (await third.node())["fairlead_requests_total"] == {("GET", "/", "200"): 2}


async def test_a_worker_that_shows_nothing_is_not_up_and_its_counts_stay(world: World, house: House) -> None:
    board, other = Board(2), Meter()
    other.retries = 7
    service(world, house, other, board.of(1)).show()
    later = replace(house.ports, monotonic=lambda: house.ports.monotonic() + GONE_SECONDS + 1)
    sample = await MetricsService(later, house.snapshot, house.recorder, Meter(), board).node()
    assert sample["fairlead_workers_up"] == {(): 1}
    assert sample["fairlead_upstream_retries_total"] == {(): 7}
    assert set(sample["fairlead_worker_resident_bytes"]) == {("0",)}


def test_requests_are_counted_by_route_and_status(house: House) -> None:
    house.meter.answered("GET", "/", 200)
    assert list(_requests(house.metrics._sources)) == [(("GET", "/", "200"), 1)]
