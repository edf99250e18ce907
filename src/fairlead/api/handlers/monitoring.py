"""Profile, statistics and metrics."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.api.decode import monitoring as queries
from fairlead.api.exposition import CONTENT_TYPE, exposition
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.service.counts.metrics import METRICS
from fairlead.service.counts.profile import ProfileQuery
from fairlead.service.counts.stats import StatsQuery
from fairlead.service.house import House


def decode_stats(request: Request) -> StatsQuery:
    if request.body:
        return queries.stats_of_body(request.body)
    return queries.stats_of_path(request.ids.get("stat", ""), request.ids.get("node_id", ""))


async def stats(house: House, request: Request, query: StatsQuery) -> Reply:
    return Reply(await house.stats.stats(query, request.principal))


def decode_profile(*, models: bool, tasks: bool) -> Callable[[Request], ProfileQuery]:
    """For a path that shows models, tasks or both; ids in the path narrow it down."""

    def decode(request: Request) -> ProfileQuery:
        by_model = request.query.get("view") == "model"
        if request.body:
            return queries.profile_of_body(request.body, by_model=by_model)
        model_ids = queries.listed(request.ids.get("model_id", ""))
        task_ids = queries.listed(request.ids.get("task_id", ""))
        return ProfileQuery(models and not model_ids, tasks and not task_ids, model_ids, task_ids, by_model=by_model)

    return decode


async def profile(house: House, request: Request, query: ProfileQuery) -> Reply:
    return Reply(await house.profile.profile(query, request.principal))


async def metrics(house: House, request: Request, _: None) -> Reply:
    return Reply(exposition(METRICS, await house.metrics.node()), content_type=CONTENT_TYPE)
