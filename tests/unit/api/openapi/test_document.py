"""The OpenAPI document: complete over the route table, and its bodies are what decoding reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from fairlead.api.decode import connector, fields, model
from fairlead.api.openapi import bodies, replies
from fairlead.api.openapi.document import document, operation_id
from fairlead.api.openapi.parameters import EVERYWHERE, PATH, QUERY
from fairlead.api.request import GLOBAL_PARAMETERS, Request
from fairlead.api.route import Route
from fairlead.api.routes import ROUTES
from fairlead.errors import FairleadError
from fairlead.java.jackson import parse_object

DOCUMENT = document(ROUTES)
ALSO_READ = {
    "DeployOptions": {"model_ids"},
    "ConnectorUpdate": bodies.NOT_UPDATED,
    "ModelGroupUpdate": {"model_group_id"},
}
"""Members that are read and dropped: a deployment has its model in the path, and some things an update cannot change."""


def sent(route: Route, body: bytes) -> Request:
    return Request(route.method, route.path, "", {}, {}, {"content-type": "application/json"}, body)


def reads_a_body(route: Route) -> bool:
    """Whether a body that is no JSON makes it fail; the predict routes decode on their own path."""
    if route.run is None:
        return True
    try:
        route.decode(sent(route, b"{"))
    except FairleadError:
        return True
    return False


@pytest.mark.parametrize("route", ROUTES, ids=operation_id)
def test_a_route_has_a_body_in_the_document_if_it_reads_one(route: Route) -> None:
    assert (route.body is not None) == reads_a_body(route)
    assert ("requestBody" in DOCUMENT["paths"][route.path][route.method.lower()]) == (route.body is not None)


def test_every_row_of_shapes_and_parameters_is_used() -> None:
    assert {route.body for route in ROUTES} - {None} == set(bodies.BODIES)
    used = {route.reply for route in ROUTES} | {route.unavailable for route in ROUTES} | {"Error"}
    assert set(replies.REPLIES) == used
    assert {name for route in ROUTES for name in route.parameters} == set(QUERY)
    assert set(EVERYWHERE) == GLOBAL_PARAMETERS
    assert {part[1:-1] for route in ROUTES for part in route.path.split("/") if part[:1] == "{"} == set(PATH)


def test_every_operation_has_an_id_of_its_own() -> None:
    assert len({operation_id(route) for route in ROUTES}) == len(ROUTES)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (value[key] for key in value if key == "$ref")
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_part_is_referred_to_and_every_reference_leads_to_a_part() -> None:
    named = {kind: set(parts) for kind, parts in DOCUMENT["components"].items() if kind != "securitySchemes"}
    parts = {f"#/components/{kind}/{name}" for kind, names in named.items() for name in names}
    assert set(references(DOCUMENT)) == parts


def test_the_document_is_json() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The names of members that decoding looks for, an object at a time, the outermost first."""
    found: list[set[str]] = []
    each = fields.each

    def recorded(node: Any, readers: dict[str, Any]) -> dict[str, Any]:
        found.append(set(readers))
        return each(node, readers)

    monkeypatch.setattr(fields, "each", recorded)
    return found


BY_BODY = {route.body: route for route in ROUTES if route.body is not None}


@pytest.mark.parametrize("name", sorted(set(BY_BODY) - {"Search", "Settings", "Predict", "RemotePredict"}))
def test_a_body_has_the_members_that_its_route_reads(name: str, read: list[set[str]]) -> None:
    with suppress(FairleadError):
        BY_BODY[name].decode(sent(BY_BODY[name], b"{}"))
    assert read[0] == set(bodies.BODIES[name].schema["properties"]) | ALSO_READ.get(name, set())


PARTS: dict[str, Callable[[Any], Any]] = {
    "InlineConnector": connector.inline_connector,
    "RateLimiter": model.rate_limiter,
    "Guardrails": model.guardrails,
    "ModelConfig": model.model_config,
}


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_part_has_the_members_that_decoding_reads(name: str, read: list[set[str]]) -> None:
    with suppress(FairleadError):
        PARTS[name](parse_object(b"{}"))
    assert read[0] - {"created_time", "last_updated_time"} == set(bodies.COMPONENTS[name]["properties"])


def test_actions_and_client_config_have_the_members_that_decoding_reads(read: list[set[str]]) -> None:
    body = b'{"client_config": {}, "actions": [{}]}'
    with suppress(FairleadError):
        connector.connector_update(body)
    _, config, action = read
    assert config == set(bodies.CLIENT_CONFIG["properties"])
    assert action == set(bodies.ACTION["properties"])
