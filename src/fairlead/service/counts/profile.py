"""The profile: which models are loaded where, how long their requests took, what runs now (spec/02 10)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import floor

from fairlead.domain.ports import Json
from fairlead.domain.principal import Principal
from fairlead.service.access import conceals, is_super
from fairlead.service.counts.reports import Reports
from fairlead.service.ports import Ports
from fairlead.service.snapshot import ReadyModel, Snapshot


@dataclass(frozen=True, slots=True)
class ProfileQuery:
    """What is asked for. `nodes`: None = all. `by_model` turns the reply inside out."""

    all_models: bool = False
    all_tasks: bool = False
    models: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    nodes: frozenset[str] | None = None
    by_model: bool = False


class ProfileService:
    """Profiles."""

    def __init__(self, ports: Ports, snapshot: Snapshot, reports: Reports) -> None:
        self._ports = ports
        self._snapshot = snapshot
        self._reports = reports

    async def profile(self, query: ProfileQuery, principal: Principal | None = None) -> Json:
        """The reply; `{}` when there is nothing to show. Hidden models and their tasks are for super admins (spec/06 7.5)."""
        reports = await self._reports.by_node()
        count = self._snapshot.settings["monitoring_request_count"]
        ready = [
            model
            for model in self._snapshot.ready.values()
            if (query.all_models or model.id in query.models) and not conceals(model.model, principal)
        ]
        nodes: Json = {}
        for node in reports:
            if query.nodes is not None and node not in query.nodes:
                continue
            hidden = set() if is_super(principal) else self._snapshot.hidden
            tasks = _tasks(node, reports[node], query, hidden)
            models = {
                model.id: _model(model, list(reports), _samples(reports[node], model.id, count)) for model in ready
            }
            shown = {name: members for name, members in (("tasks", tasks), ("models", models)) if members}
            if shown:
                nodes[node] = shown
        if not nodes:
            return {}
        return {"models": _turned(nodes)} if query.by_model else {"nodes": nodes}


def _model(ready: ReadyModel, workers: list[str], stats: Json) -> Json:
    targets = list(ready.model.planning_worker_nodes or ())
    shown = {
        "model_state": str(ready.model.model_state),
        "predictor": f"fairlead.RemoteModel@{id(ready.connector):x}",
        "target_worker_nodes": targets,
        "worker_nodes": workers,
        **stats,
    }
    return {**shown, "is_hidden": True} if ready.model.is_hidden is True else shown


Timed = list[tuple[float, float]]
"""When a request ended and how long it took, in milliseconds."""


def _samples(reports: Sequence[Json], model_id: str, count: int) -> Json:
    """Both kinds of durations over all workers of a node, the last `count` of them."""
    shown: Json = {}
    for name, member in (("model_inference_stats", "inference"), ("predict_request_stats", "predict")):
        timed: Timed = []
        for report in reports:
            usage = report["models"].get(model_id)
            if usage is not None:
                timed += [(report["updated"] - ago, value) for ago, value in usage[member]]
        timed.sort()
        values = sorted(value for _, value in timed[-count:]) if count else []
        if values:
            shown[name] = summary(values)
    return shown


_PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))


def summary(values: Sequence[float]) -> Json:
    """Of sorted milliseconds, at least one: count, extremes, average, linearly interpolated percentiles."""
    shown: Json = {
        "count": len(values),
        "max": values[-1],
        "min": values[0],
        "average": sum(values) / len(values),
    }
    return {**shown, **{name: percentile(values, share) for name, share in _PERCENTILES}}


def percentile(values: Sequence[float], share: float) -> float:
    place = share * (len(values) - 1)
    below = floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def _tasks(node: str, reports: Sequence[Json], query: ProfileQuery, hidden: Collection[str]) -> Json:
    shown: Json = {}
    for report in reports:
        if report["stopped"]:
            continue
        for number, model_id, input_type, started in report["running"]:
            id = f"{report['worker']}-{number}"
            if (query.all_tasks or id in query.tasks) and model_id not in hidden:
                shown[id] = {
                    "task_id": id,
                    "model_id": model_id,
                    "task_type": "PREDICTION",
                    "function_name": "REMOTE",
                    "state": "RUNNING",
                    "input_type": input_type,
                    "worker_node": [node],
                    "create_time": started,
                    "last_update_time": started,
                    "is_async": False,
                }
    return shown


_ROUTING = ("target_worker_nodes", "worker_nodes")


def _turned(nodes: Json) -> Json:
    """By model: where it is at the top, the rest by node, and the tasks that run on it."""
    turned: Json = {}
    for node, members in nodes.items():
        for id, shown in members.get("models", {}).items():
            model = turned.setdefault(id, {name: shown[name] for name in _ROUTING if shown[name]})
            inner = {name: value for name, value in shown.items() if name not in _ROUTING}
            model.setdefault("nodes", {})[node] = inner
        for id, shown in members.get("tasks", {}).items():
            turned.setdefault(shown["model_id"], {}).setdefault("tasks", {})[id] = shown
    return turned
