"""The OpenAPI 3.1 document of a route table; a route that names an unknown shape or parameter is a KeyError here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fairlead import __version__
from fairlead.api.openapi import bodies, replies
from fairlead.api.openapi.parameters import EVERYWHERE, PATH, QUERY
from fairlead.api.openapi.schema import Schema, ref
from fairlead.api.route import Access, Route

JSON, YAML = "application/json", "application/yaml"
_ERROR = "Error"
_ANY = (400, 406, 503)
"""Statuses that every route may have: a request that is not understood, a form that is not written or read, and a store
that is away."""
_WITH_BODY = (413, 415)
"""And those that read a body: too much of it, and a coding that is not known."""
_GUARDED = (401, 403)
"""And those that want a caller to be known and allowed when security is on."""
_UNAVAILABLE = 503
_MEANINGS = {
    400: "The request is not understood; the reason names the field.",
    401: "No valid credentials.",
    403: "The caller lacks a permission or the access to the resource.",
    404: "There is no such resource.",
    406: "The body or the reply is in a form that is not read or written here.",
    409: "Somebody else changed the resource at the same time, or it is in use.",
    413: "The body is larger than what is accepted.",
    415: "The body is in a coding that is not known.",
    429: "A limit is reached; Retry-After says when to come again where that is known.",
    502: "The provider could not be reached or broke off.",
    503: "The store is away, or the model is not taking calls.",
    504: "The provider did not answer in time.",
}
"""What a status means here: the phrases of the standard library change from one Python to the next."""
_CHALLENGE = {"description": _MEANINGS[401], "content": {"text/plain": {"schema": {"type": "string"}}}}
_SCHEMES = {"basic": {"type": "http", "scheme": "basic", "description": "When the server runs with security."}}

_DESCRIPTION = (
    "The remote-model part of the ML Commons REST API of OpenSearch, and Fairlead's own routes. Replies whose request "
    "has `filter_path` have only what it names."
)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document, a JSON value."""
    table = tuple(routes)
    paths: dict[str, Any] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fairlead",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in sorted({_tag(route.path) for route in table})],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "parameters": _shared_parameters(),
            "responses": _shared_responses(table),
            "securitySchemes": _SCHEMES,
        },
    }


def _schemas() -> dict[str, Schema]:
    named = {name: body.schema for name, body in bodies.BODIES.items()}
    return dict(sorted({**named, **bodies.COMPONENTS, **replies.REPLIES, **replies.COMPONENTS}.items()))


def _shared_parameters() -> dict[str, Any]:
    return {name: {"name": name, "in": "query", "schema": schema} for name, schema in EVERYWHERE.items()}


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.doc,
        "tags": [_tag(route.path)],
        "parameters": [*_path_parameters(route.path), *_query_parameters(route)],
        "responses": _responses(route),
        "security": [{}] if route.access is Access.OPEN else [{}, *({name: []} for name in _SCHEMES)],
        "x-access": str(route.access),
        "x-privilege": route.action,
    }
    if route.old:
        operation["deprecated"] = True
    if route.body is not None:
        body = bodies.BODIES[route.body]
        operation["requestBody"] = {"required": body.required, "content": {JSON: {"schema": ref(route.body)}}}
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": PATH[name]} for name in _names(path)]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    own = [{"name": name, "in": "query", "schema": QUERY[name]} for name in route.parameters]
    return own + [{"$ref": f"#/components/parameters/{name}"} for name in EVERYWHERE]


def _statuses(route: Route) -> list[int]:
    with_body = _WITH_BODY if route.body is not None else ()
    guarded = () if route.access is Access.OPEN else _GUARDED
    return sorted({*_ANY, *with_body, *guarded, *route.answers})


def _responses(route: Route) -> dict[str, Any]:
    return {
        "200": _response("OK", route.reply, *route.media),
        **{str(status): _fault(status, route) for status in _statuses(route)},
        "default": {"$ref": "#/components/responses/default"},
    }


def _fault(status: int, route: Route) -> dict[str, Any]:
    if status == _UNAVAILABLE and route.unavailable != _ERROR:
        return _response(_MEANINGS[status], route.unavailable)
    return {"$ref": f"#/components/responses/{status}"}


def _shared_responses(table: tuple[Route, ...]) -> dict[str, Any]:
    statuses = sorted({status for route in table for status in _statuses(route)})
    return {
        **{str(status): _response(_MEANINGS[status], _ERROR) for status in statuses},
        "401": _CHALLENGE,
        "default": _response("Any other error; that of a provider keeps the provider's status.", _ERROR),
    }


def _response(doc: str, name: str, *media: str) -> dict[str, Any]:
    return {"description": doc, "content": {kind: {"schema": ref(name)} for kind in media or (JSON, YAML)}}


def operation_id(route: Route) -> str:
    """`post_models_register`: the method and the words of the path, `by_` before what the caller puts in."""
    words = re.sub(r"\{(\w+)\}", r"by_\1", route.path.removeprefix("/_plugins/_ml"))
    parts = [part.lstrip("_") for part in re.split(r"[/.]", words) if part]
    return "_".join([route.method.lower(), *(parts or ["root"])])


def _tag(path: str) -> str:
    parts = [part.lstrip("_") for part in path.removeprefix("/_plugins/_ml").split("/") if part and part[0] != "{"]
    return parts[0] if parts else "cluster"


def _names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)
