"""Queries of stats and profile: from path and parameters, or from a body, which replaces both (spec/02 10, 11)."""

from __future__ import annotations

from collections.abc import Collection

from fairlead.api.decode import fields as read
from fairlead.domain.dataset import LOCAL_ALGORITHMS, Algorithm
from fairlead.errors import IllegalArgument
from fairlead.java.jackson import Node, parse_object
from fairlead.service.counts.profile import ProfileQuery
from fairlead.service.counts.stats import ACTION_STATS, ACTIONS, CLUSTER_STATS, NODE_STATS, Level, StatsQuery

EVERY_NODE = frozenset({"_all", "*"})


def listed(text: str) -> frozenset[str]:
    """A comma list of a path; empty parts are nothing."""
    return frozenset(part for part in text.split(",") if part)


def _nodes(names: Collection[str]) -> frozenset[str] | None:
    return None if not names or not EVERY_NODE.isdisjoint(names) else frozenset(names)


def stats_of_path(stats: str, nodes: str) -> StatsQuery:
    """Cluster and node level names may be mixed; the levels asked for are those of the names."""
    names = frozenset(name.lower() for name in listed(stats))
    if not names <= CLUSTER_STATS | NODE_STATS.keys():
        raise IllegalArgument("Wrong ML cluster level stat")
    cluster, node = names & CLUSTER_STATS, names & NODE_STATS.keys()
    levels = frozenset(level for level, some in ((Level.CLUSTER, cluster), (Level.NODE, node)) if some)
    return StatsQuery(levels, cluster, node, nodes=_nodes(listed(nodes)))


_ALGORITHMS = frozenset((*Algorithm, *LOCAL_ALGORITHMS))
_NAMED: dict[str, tuple[str, frozenset[str], str]] = {
    "target_stat_levels": ("levels", frozenset(Level), "Wrong ML stat level"),
    "cluster_level_stats": ("cluster", CLUSTER_STATS, "Wrong ML cluster level stat"),
    "node_level_stats": ("node", frozenset(NODE_STATS), "Wrong ML node level stat"),
    "action_level_stats": ("action_stats", frozenset(ACTION_STATS), "Wrong ML action level stat"),
    "actions": ("actions", frozenset(ACTIONS), "Wrong action name"),
    "algorithms": ("algorithms", _ALGORITHMS, "Wrong function name"),
}
"""Members of a body whose names are known, the field of the query, and what an unknown name is answered."""


def stats_of_body(body: bytes) -> StatsQuery:
    found = read.each(parse_object(body), dict.fromkeys((*_NAMED, "models", "node_ids"), read.texts))
    query: dict[str, frozenset[str]] = {}
    for member, (name, known, reason) in _NAMED.items():
        names = frozenset(text.lower() for text in found.get(member, ()))
        if not names <= known:
            raise IllegalArgument(reason)
        query[name] = names
    levels = frozenset(Level(name) for name in query.pop("levels"))
    return StatsQuery(
        levels, **query, models=frozenset(found.get("models", ())), nodes=_nodes(found.get("node_ids", ()))
    )


def profile_of_body(body: bytes, *, by_model: bool) -> ProfileQuery:
    """With a body nothing is shown that it does not name."""

    def ids(node: Node) -> frozenset[str]:
        return frozenset(read.texts(node))

    found = read.each(
        parse_object(body),
        {
            **dict.fromkeys(("model_ids", "task_ids", "node_ids"), ids),
            **dict.fromkeys(("return_all_models", "return_all_tasks"), read.boolean),
        },
    )
    return ProfileQuery(
        found.get("return_all_models", False),
        found.get("return_all_tasks", False),
        found.get("model_ids", frozenset()),
        found.get("task_ids", frozenset()),
        _nodes(found.get("node_ids", ())),
        by_model,
    )
