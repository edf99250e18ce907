"""Counting and timing on the predict path."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.errors import FairleadError, IllegalArgument, StatusFault
from fairlead.service.counts.usage import SHARED_RUNNING, Recorder


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> int:
        return int(self.seconds * 1000) + 1_000_000


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def recorder(time: Time) -> Recorder:
    return Recorder(time.wall, time.monotonic, 3)


def predict(recorder: Recorder, time: Time, took: float, inference: float) -> None:
    call = recorder.begin("m", "REMOTE")
    time.seconds += took - inference
    began = recorder.now()
    time.seconds += inference
    recorder.succeeded(call, began)


def test_a_success_is_timed_as_a_whole_and_from_where_inference_began(recorder: Recorder, time: Time) -> None:
    predict(recorder, time, 0.5, 0.25)
    model = recorder.report()["models"]["m"]
    assert model == {"used": 1_100_500, "actions": {"predict": 1}, "inference": [[0, 250.0]], "predict": [[0, 500.0]]}


@pytest.mark.parametrize(
    ("fault", "failures", "timed"),
    [
        (IllegalArgument("x"), 0, 1),
        (StatusFault("x", 429), 0, 1),
        (StatusFault("x", 503), 1, 1),
        (FairleadError("x"), 1, 1),
        (ValueError("x"), 1, 1),
        (asyncio.CancelledError(), 0, 0),
    ],
)
def test_only_what_is_not_the_callers_fault_is_a_failure(
    recorder: Recorder, fault: BaseException, failures: int, timed: int
) -> None:
    recorder.failed(recorder.begin("m", "REMOTE"), fault)
    report = recorder.report()
    assert (report["requests"], report["failures"], report["executing"]) == (1, failures, 0)
    assert report["actions"] == {"predict": [1, failures]}
    assert (len(report["models"]["m"]["predict"]), report["models"]["m"]["inference"]) == (timed, [])


def test_the_last_samples_stay(recorder: Recorder, time: Time) -> None:
    for took in (1, 2, 3, 4):
        predict(recorder, time, took, took)
    assert [value for _, value in recorder.report()["models"]["m"]["predict"]] == [2000.0, 3000.0, 4000.0]
    recorder.resize(2)
    assert [value for _, value in recorder.report()["models"]["m"]["predict"]] == [3000.0, 4000.0]
    recorder.resize(0)
    predict(recorder, time, 5, 5)
    model = recorder.report()["models"]["m"]
    assert (model["predict"], model["inference"], model["actions"]) == ([], [], {"predict": 5})


def test_an_action_counts_once_for_all_and_once_for_its_model(recorder: Recorder) -> None:
    with recorder.action("deploy", "m") as action:
        assert recorder.report()["executing"] == 1
        action.failed(StatusFault("x", 500))
    with pytest.raises(IllegalArgument), recorder.action("deploy", "m"):
        raise IllegalArgument("x")
    with recorder.action("register"):
        pass
    report = recorder.report()
    assert report["actions"] == {"deploy": [2, 1], "register": [1, 0]}
    assert report["models"]["m"]["actions"] == {"deploy": 2}
    assert (report["requests"], report["failures"], report["executing"]) == (3, 1, 0)


def test_running_predicts_are_shown_oldest_first_up_to_a_bound(recorder: Recorder) -> None:
    for number in range(SHARED_RUNNING + 5):
        recorder.begin(f"m{number}", "TEXT_DOCS")
    report = recorder.report()
    assert report["executing"] == SHARED_RUNNING + 5
    assert len(report["running"]) == SHARED_RUNNING
    assert report["running"][0] == [1, "m0", "TEXT_DOCS", 1_100_000]


def test_a_deleted_model_takes_its_numbers_along_but_not_the_totals(recorder: Recorder, time: Time) -> None:
    predict(recorder, time, 1, 1)
    recorder.forget("m")
    recorder.forget("never seen")
    report = recorder.report()
    assert (report["models"], report["requests"], report["actions"]) == ({}, 1, {"predict": [1, 0]})
