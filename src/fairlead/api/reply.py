"""Answers of control-plane handlers and how they become bytes: filter_path, pretty, error envelopes, simple errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.responses import Response

from fairlead.api.error_body import envelope
from fairlead.api.filter_path import apply_filter
from fairlead.api.media import CONTENT_TYPES, JSON, PLAIN, YAML, Shape
from fairlead.api.yaml_text import yaml_of
from fairlead.domain.version import REFERENCE_VERSION
from fairlead.errors import FairleadError, SecurityApiFault
from fairlead.java.json import JsonFault, compact, strict_loads

JSON_CONTENT_TYPE = CONTENT_TYPES[JSON]
VERSION_HEADER = ("X-OpenSearch-Version", f"OpenSearch/{REFERENCE_VERSION} (opensearch)")


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is any JSON value, or text that goes out as it is with `content_type`."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_CONTENT_TYPE


def dumps(value: Any, *, pretty: bool = False) -> bytes:
    option = (orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE) if pretty else 0
    try:
        return orjson.dumps(value, option=option)
    except TypeError:  # integers beyond 64 bits, nesting beyond 254 levels
        return _big_dumps(value).encode("utf-8", "replace")


def _big_dumps(value: Any) -> str:
    try:
        return compact(value)
    except JsonFault:  # a provider's raw JSON stands somewhere inside
        pass
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(key)}:{_big_dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_big_dumps, value)) + "]"
    return orjson.dumps(value).decode()


def rendered(body: Any, status: int, shape: Shape) -> bytes:
    """A JSON value in the form the caller wants; error bodies are never filtered. Raises IllegalArgument of `apply_filter`."""
    if shape.filter_path and status < 400:
        body = apply_filter(body, shape.filter_path)
    if shape.form == YAML:
        return yaml_of(strict_loads(dumps(body)))  # through JSON, so that both say the same
    return dumps(body, pretty=shape.pretty)


def content_type(shape: Shape) -> str:
    return CONTENT_TYPES.get(shape.form, JSON_CONTENT_TYPE)


def respond(reply: Reply, shape: Shape = PLAIN) -> Response:
    headers = {**dict([VERSION_HEADER]), **reply.headers}
    if isinstance(reply.body, str):
        return Response(reply.body, reply.status, headers, reply.content_type)
    return Response(rendered(reply.body, reply.status, shape), reply.status, headers, content_type(shape))


def error_reply(error: FairleadError, shape: Shape = PLAIN) -> Reply:
    if isinstance(error, SecurityApiFault):
        return Reply(error.body, error.status, error.headers)
    return Reply(envelope(error, trace=shape.trace), error.status, error.headers)


def simple_error(
    text: str, status: int, *, with_status: bool = True, headers: Mapping[str, str] | None = None
) -> Reply:
    """The plain form that routing and header faults take (spec/01 5.5)."""
    return Reply({"error": text, "status": status} if with_status else {"error": text}, status, headers or {})
