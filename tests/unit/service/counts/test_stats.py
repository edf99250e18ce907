"""Statistics by level, name, action, algorithm, model and node."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.errors import StatusFault
from fairlead.service.counts.stats import CLUSTER_STATS, NODE_STATS, Level, StatsQuery
from fairlead.service.house import House
from unit.service.world import connected, registered


def names(*texts: str) -> frozenset[str]:
    return frozenset(texts)


async def test_a_store_that_nobody_used_has_no_index_and_no_count(house: House) -> None:
    shown = await house.stats.stats(StatsQuery())
    node = shown.pop("nodes")["node-1"]
    assert shown == {name: 0 if name.endswith("_count") else "non-existent" for name in CLUSTER_STATS}
    assert node == {**dict.fromkeys(NODE_STATS, 0), "algorithms": {}, "models": {}}


async def test_counts_follow_what_happens(house: House) -> None:
    model = await registered(house)
    await house.deployments.deploy(model)
    await house.deployments.undeploy([model])
    recorder = house.recorder
    recorder.succeeded(recorder.begin(model, "REMOTE"), recorder.now())
    recorder.failed(recorder.begin(model, "REMOTE"), StatusFault("x", 502))
    shown = await house.stats.stats(StatsQuery())
    assert (shown["ml_model_count"], shown["ml_connector_count"]) == (1, 1)
    assert shown["ml_model_index_status"] == shown["ml_config_index_status"] == "green"
    assert shown["ml_controller_index_status"] == "non-existent"
    node = shown["nodes"]["node-1"]
    assert (node["ml_request_count"], node["ml_failure_count"], node["ml_deployed_model_count"]) == (5, 1, 0)
    once = {"ml_action_request_count": 1}
    assert node["algorithms"] == {
        "remote": {
            "deploy": once,
            "predict": {"ml_action_request_count": 2, "ml_action_failure_count": 1},
            "register": once,
            "undeploy": once,
        }
    }
    assert node["models"] == {model: {"deploy": once, "undeploy": once, "predict": {"ml_action_request_count": 2}}}


@pytest.mark.parametrize(
    ("query", "cluster", "node"),
    [
        (StatsQuery(levels=frozenset({Level.CLUSTER}), cluster=names("ml_model_count")), {"ml_model_count"}, None),
        (StatsQuery(levels=frozenset({Level.NODE}), node=names("ml_request_count")), set(), {"ml_request_count"}),
        (StatsQuery(cluster=names("ml_model_count"), node=names("ml_request_count")), {"ml_model_count"}, {"ml_request_count"}),
        (StatsQuery(levels=frozenset({Level.ACTION})), set(), set()),
        (StatsQuery(nodes=names("other")), set(CLUSTER_STATS), None),
        (StatsQuery(nodes=names("node-1", "other")), set(CLUSTER_STATS), set(NODE_STATS)),
    ],
)  # fmt: skip
async def test_only_what_is_asked_for_is_shown(
    house: House, query: StatsQuery, cluster: set[str], node: set[str] | None
) -> None:
    shown = await house.stats.stats(query)
    nodes = shown.pop("nodes", {})
    assert set(shown) == cluster
    assert (set(nodes["node-1"]) - {"algorithms", "models"} if nodes else None) == node


@pytest.mark.parametrize(
    ("query", "algorithms", "models"),
    [
        (StatsQuery(actions=names("deploy")), {"deploy"}, {"deploy"}),
        (StatsQuery(actions=names("train")), set(), set()),
        (StatsQuery(action_stats=names("ml_action_failure_count")), set(), set()),
        (StatsQuery(algorithms=names("kmeans")), set(), {"deploy"}),
        (StatsQuery(levels=frozenset({Level.NODE})), set(), {"deploy"}),
        (StatsQuery(models=names("other")), {"deploy", "register"}, set()),
    ],
)
async def test_actions_are_narrowed_down(
    house: House, query: StatsQuery, algorithms: set[str], models: set[str]
) -> None:
    model = await registered(house, await connected(house))
    await house.deployments.deploy(model)
    node: Any = (await house.stats.stats(query))["nodes"]["node-1"]
    assert set(node["algorithms"].get("remote", {})) == algorithms
    assert set(node["models"].get(model, {})) == models
