"""The root, cluster health, cluster settings and our own health routes."""

from __future__ import annotations

import re
from typing import Any

from fairlead import __version__
from fairlead.api.decode.settings import Flat
from fairlead.api.decode.settings import settings_update as decode_update
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.domain.cluster_settings import Text
from fairlead.domain.version import REFERENCE_VERSION
from fairlead.errors import BodyParse, IllegalArgument
from fairlead.service.house import House

_TIME = re.compile(r"-1|0|\d+(d|h|m|s|ms|micros|nanos)", re.ASCII)


async def root(house: House, request: Request, _: None) -> Reply:
    identity = house.identity
    return Reply(
        {
            "name": identity.name,
            "cluster_name": identity.cluster_name,
            "cluster_uuid": identity.cluster_uuid,
            "version": {
                "distribution": "opensearch",
                "number": REFERENCE_VERSION,
                "build_type": "fairlead",
                "build_hash": __version__,
                "build_date": "unknown",
                "build_snapshot": False,
                "lucene_version": "none",
                "minimum_wire_compatibility_version": "2.19.0",
                "minimum_index_compatibility_version": "2.0.0",
            },
            "tagline": "The OpenSearch Project: https://opensearch.org/",
        }
    )


async def cluster_health(house: House, request: Request, _: None) -> Reply:
    return Reply(
        {
            "cluster_name": house.identity.cluster_name,
            "status": "green",
            "timed_out": False,
            "number_of_nodes": 1,
            "number_of_data_nodes": 1,
            "discovered_master": True,
            "discovered_cluster_manager": True,
            "active_primary_shards": 0,
            "active_shards": 0,
            "relocating_shards": 0,
            "initializing_shards": 0,
            "unassigned_shards": 0,
            "delayed_unassigned_shards": 0,
            "number_of_pending_tasks": 0,
            "number_of_in_flight_fetch": 0,
            "task_max_waiting_in_queue_millis": 0,
            "active_shards_percent_as_number": 100.0,
        }
    )


def decode_settings(request: Request) -> tuple[Flat, Flat]:
    if not request.body:
        raise BodyParse("request body is required")
    _check_times(request)
    request.flag("flat_settings")
    return decode_update(request.body)


def decode_get_settings(request: Request) -> None:
    _check_times(request)
    for name in ("flat_settings", "include_defaults", "local"):
        request.flag(name)


def _check_times(request: Request) -> None:
    for name in ("timeout", "cluster_manager_timeout", "master_timeout"):
        value = request.query.get(name)
        if value is not None and not _TIME.fullmatch(value):
            raise IllegalArgument(
                f"failed to parse setting [{name}] with value [{value}] as a time value: unit is missing or unrecognized"
            )


_DEPRECATED = {
    "Warning": '299 OpenSearch-3.6.0 "Parameter [master_timeout] is deprecated and will be removed in 3.0. '
    'To support inclusive language, please use [cluster_manager_timeout] instead."'
}


async def put_settings(house: House, request: Request, wanted: tuple[Flat, Flat]) -> Reply:
    persistent, transient = wanted
    await house.settings.update(persistent, transient)
    flat = request.flag("flat_settings")
    shown = {
        scope: _rendered({key: value for key, value in values.items() if value is not None}, flat)
        for scope, values in (("persistent", persistent), ("transient", transient))
    }
    return Reply({"acknowledged": True, **shown}, headers=_warnings(request))


def _warnings(request: Request) -> dict[str, str]:
    return _DEPRECATED if "master_timeout" in request.query else {}


async def get_settings(house: House, request: Request, _: None) -> Reply:
    settings, flat = house.snapshot.settings, request.flag("flat_settings")
    body = {"persistent": _rendered(settings.persistent, flat), "transient": _rendered(settings.transient, flat)}
    if request.flag("include_defaults"):
        body["defaults"] = _rendered(settings.defaults(), flat)
    return Reply(body, headers=_warnings(request))


def _rendered(values: dict[str, Text], flat: bool) -> dict[str, Any]:
    shown = {key: value if isinstance(value, str) else list(value) for key, value in sorted(values.items())}
    if flat:
        return shown
    nested: dict[str, Any] = {}
    for key, value in shown.items():
        *parents, leaf = key.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return nested


async def health(house: House, request: Request, _: None) -> Reply:
    """Degraded: the server works, and credentials under a key that is not at hand cannot be used (spec/06 15.1)."""
    identity = house.identity
    problem = await house.key_problem()
    keys: dict[str, Any] = {"status": "ok"}
    if problem is not None:
        keys = {
            "status": "degraded",
            "missing_key_id": problem.key_id,
            "affected_resources": problem.resources,
            "reason": problem.line,
        }
    return Reply(
        {
            "status": keys["status"],
            "mode": identity.mode,
            "version": __version__,
            "workers": identity.workers,
            "keys": keys,
            **_users(house, told=True),
        }
    )


def _users(house: House, *, told: bool) -> dict[str, Any]:
    """That users' files changed and could not be taken; what is wrong with them is not for everybody."""
    files = None if house.security is None else house.security.files
    if files is None:
        return {}
    if files.problem is None:
        return {"users": {"status": "ok"}}
    return {"users": {"status": "outdated", **({"reason": files.problem} if told else {})}}


async def live(house: House, request: Request, _: None) -> Reply:
    return Reply({"status": "ok"})


async def ready(house: House, request: Request, _: None) -> Reply:
    """Ready means that the store answers; 503 tells a load balancer to go elsewhere."""
    problem = await house.store_problem()
    if problem is not None:
        return Reply({"status": "unavailable", "reason": problem}, 503)
    return Reply({"status": "ok", **_users(house, told=False)})
