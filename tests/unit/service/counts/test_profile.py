"""The profile: loaded models, latencies, running predicts."""

from __future__ import annotations

import pytest

from fairlead.domain.dataset import PredictInput, Remote
from fairlead.service.counts.profile import ProfileQuery, percentile, summary
from fairlead.service.house import House
from unit.service.world import World, registered

ALL = ProfileQuery(all_models=True, all_tasks=True)


def test_percentiles_are_interpolated_between_the_neighbours() -> None:
    """The example of spec/02 10."""
    assert summary([5.4, 90.1]) == {
        "count": 2, "max": 90.1, "min": 5.4, "average": pytest.approx(47.75), "p50": pytest.approx(47.75),
        "p90": pytest.approx(81.63), "p99": pytest.approx(89.253),
    }  # fmt: skip
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.5) == 3.0


async def test_nothing_to_show_is_an_empty_object(house: House) -> None:
    assert await house.profile.profile(ALL) == {}
    await registered(house)
    assert await house.profile.profile(ALL) == {}


async def test_a_loaded_model_is_shown_in_both_views(house: House) -> None:
    model = await registered(house)
    await house.deployments.deploy(model)
    shown = await house.profile.profile(ProfileQuery(models=frozenset({model, "other"})))
    entry = shown["nodes"]["node-1"]["models"][model]
    assert entry["predictor"].startswith("fairlead.RemoteModel@")
    assert {key: value for key, value in entry.items() if key != "predictor"} == {
        "model_state": "DEPLOYED", "target_worker_nodes": ["node-1"], "worker_nodes": ["node-1"],
    }  # fmt: skip
    await house.predict.predict(model, PredictInput(Remote({}), "PREDICT"))
    turned = (await house.profile.profile(ProfileQuery(all_models=True, by_model=True)))["models"][model]
    assert (turned["target_worker_nodes"], turned["worker_nodes"]) == (["node-1"], ["node-1"])
    node = turned["nodes"]["node-1"]
    assert (node["model_inference_stats"]["count"], node["predict_request_stats"]["count"]) == (1, 1)
    assert await house.profile.profile(ProfileQuery(all_models=True, nodes=frozenset({"other"}))) == {}
    await house.deployments.undeploy([model])
    assert await house.profile.profile(ALL) == {}


async def test_a_running_predict_is_a_task_until_it_ends(world: World, house: House) -> None:
    model = await registered(house)
    seen = []

    async def look() -> None:
        seen.append(await house.profile.profile(ProfileQuery(all_tasks=True)))
        [id] = seen[0]["nodes"]["node-1"]["tasks"]
        seen.append(await house.profile.profile(ProfileQuery(tasks=frozenset({id}), by_model=True)))
        seen.append(await house.profile.profile(ProfileQuery(tasks=frozenset({"other"}))))

    world.provider.before = look
    await house.predict.predict(model, PredictInput(Remote({}), "PREDICT"))
    tasks = seen[0]["nodes"]["node-1"]["tasks"]
    [(id, task)] = tasks.items()
    assert task == {
        "task_id": id, "model_id": model, "task_type": "PREDICTION", "function_name": "REMOTE", "state": "RUNNING",
        "input_type": "REMOTE", "worker_node": ["node-1"], "create_time": task["create_time"],
        "last_update_time": task["create_time"], "is_async": False,
    }  # fmt: skip
    assert seen[1] == {"models": {model: {"tasks": tasks}}}
    assert seen[2] == {}
    assert await house.profile.profile(ProfileQuery(all_tasks=True)) == {}


async def test_latencies_of_all_workers_of_a_node_count_the_last_ones(world: World) -> None:
    one, two = await world.worker(), await world.worker()
    model = await registered(one)
    await one.deployments.deploy(model)
    await two.snapshot.catch_up()
    for house, count in ((two, 60), (one, 70)):
        for _ in range(count):
            house.recorder.succeeded(house.recorder.begin(model, "REMOTE"), house.recorder.now())
    await two.reports.stop()
    shown = await one.profile.profile(ALL)
    stats = shown["nodes"]["node-1"]["models"][model]["predict_request_stats"]
    assert stats["count"] == 100
