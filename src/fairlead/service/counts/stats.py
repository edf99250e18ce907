"""Statistics of cluster, nodes, actions and models (spec/02 11), from what all workers counted and what the store holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fairlead.domain import connector, model, task
from fairlead.domain.ports import Json
from fairlead.domain.principal import Principal
from fairlead.service.access import is_super
from fairlead.service.counts.reports import Reports
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

CONTROLLER_KIND = "controller"


class Level(StrEnum):
    """What a statistic is about."""

    CLUSTER = "cluster"
    NODE = "node"
    ALGORITHM = "algorithm"
    MODEL = "model"
    ACTION = "action"


INDEXES: Mapping[str, tuple[str, ...]] = {
    "ml_model_index_status": (model.KIND,),
    "ml_connector_index_status": (connector.KIND,),
    "ml_config_index_status": (connector.KIND, model.KIND),
    "ml_task_index_status": (task.KIND,),
    "ml_controller_index_status": (CONTROLLER_KIND,),
}
"""A status and the kinds of which one document makes the original create that index (the keys come with the first
connector)."""

COUNTS: Mapping[str, str] = {"ml_model_count": model.KIND, "ml_connector_count": connector.KIND}

NODE_STATS: Mapping[str, str] = {
    "ml_jvm_heap_usage": "memory",
    "ml_executing_task_count": "executing",
    "ml_request_count": "requests",
    "ml_failure_count": "failures",
    "ml_deployed_model_count": "deployed",
    "ml_circuit_breaker_trigger_count": "",
}
"""Node level statistics and the member of a worker's report they come from; there is no circuit breaker here."""

CLUSTER_STATS = frozenset((*INDEXES, *COUNTS))
ACTION_STATS = ("ml_action_request_count", "ml_action_failure_count")
ACTIONS = ("train", "predict", "train_predict", "execute", "register", "deploy", "undeploy", "batch_predict")


@dataclass(frozen=True, slots=True)
class StatsQuery:
    """What is asked for, names in lower case; an empty collection asks for all there is. `nodes`: None = all."""

    levels: frozenset[Level] = frozenset()
    cluster: frozenset[str] = frozenset()
    node: frozenset[str] = frozenset()
    action_stats: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    algorithms: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    nodes: frozenset[str] | None = None

    def wants(self, level: Level) -> bool:
        return not self.levels or level in self.levels


def _in(name: str, wanted: Collection[str]) -> bool:
    return not wanted or name in wanted


class StatsService:
    """Statistics."""

    def __init__(self, ports: Ports, snapshot: Snapshot, reports: Reports) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._reports = reports

    async def stats(self, query: StatsQuery, principal: Principal | None = None) -> Json:
        """The reply; only `nodes` when no cluster level statistic is asked for, and the other way round."""
        shown = await self._cluster(query) if query.wants(Level.CLUSTER) else {}
        if query.levels == {Level.CLUSTER}:
            return shown
        hidden = set() if is_super(principal) else self._snapshot.hidden
        nodes = {
            node: _node(reports, query, hidden)
            for node, reports in (await self._reports.by_node()).items()
            if query.nodes is None or node in query.nodes
        }
        return {**shown, "nodes": nodes} if nodes else shown

    async def _cluster(self, query: StatsQuery) -> Json:
        store, shown = self._ports.store, {}
        for name, kind in COUNTS.items():
            if _in(name, query.cluster):
                shown[name] = await store.count(kind)
        statuses = {}
        for name, kinds in INDEXES.items():
            if _in(name, query.cluster):
                there = [await store.known(kind) for kind in kinds]
                statuses[name] = "green" if any(there) else "non-existent"
        return {**shown, **statuses}


def _node(reports: Sequence[Json], query: StatsQuery, hidden: Collection[str]) -> Json:
    shown: Json = {}
    if query.wants(Level.NODE):
        for name, member in NODE_STATS.items():
            if _in(name, query.node):
                shown[name] = _total(reports, member) if member else 0
    by_action = query.wants(Level.ALGORITHM) or query.wants(Level.ACTION)
    shown["algorithms"] = _algorithms(reports, query) if by_action and _in("remote", query.algorithms) else {}
    shown["models"] = _models(reports, query, hidden)
    return shown


_GAUGES = frozenset({"memory", "executing", "deployed"})
"""True of a living worker only; the workers of a node have the same models deployed."""


def _total(reports: Sequence[Json], member: str) -> int:
    values = [int(report[member]) for report in reports if member not in _GAUGES or not report["stopped"]]
    return max(values, default=0) if member == "deployed" else sum(values)


def _counts(requests: int, failures: int, query: StatsQuery) -> Json:
    """A counter that never moved is not shown."""
    pairs = zip(ACTION_STATS, (requests, failures), strict=True)
    return {name: count for name, count in pairs if count and _in(name, query.action_stats)}


def _algorithms(reports: Sequence[Json], query: StatsQuery) -> Json:
    totals: dict[str, list[int]] = {}
    for report in reports:
        for action, (requests, failures) in report["actions"].items():
            total = totals.setdefault(action, [0, 0])
            total[0] += requests
            total[1] += failures
    remote = {
        action: counts
        for action, (requests, failures) in sorted(totals.items())
        if _in(action, query.actions) and (counts := _counts(requests, failures, query))
    }
    return {"remote": remote} if remote else {}


def _models(reports: Sequence[Json], query: StatsQuery, hidden: Collection[str]) -> Json:
    """By model no failures are counted, as in the original (spec/02 11); hidden models are for super admins (spec/06 7.5)."""
    totals: dict[str, dict[str, int]] = {}
    for report in reports:
        for id, usage in report["models"].items():
            if _in(id, query.models) and id not in hidden:
                actions = totals.setdefault(id, {})
                for action, requests in usage["actions"].items():
                    actions[action] = actions.get(action, 0) + requests
    shown: Json = {}
    for id, actions in totals.items():
        found = {
            action: counts
            for action, requests in actions.items()
            if _in(action, query.actions) and (counts := _counts(requests, 0, query))
        }
        if found:
            shown[id] = found
    return shown
