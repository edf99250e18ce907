"""Answers to requests that came to no reply of a route: written as the caller wishes, so far as that can be read.

It decides no refusal.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.responses import Response

from fairlead.api.body import Scope
from fairlead.api.media import PLAIN, Shape, shape, unacceptable
from fairlead.api.reply import Reply, error_reply, respond
from fairlead.api.request import parse_query
from fairlead.errors import BadParameter, FairleadError, Unavailable

log = logging.getLogger("fairlead.api")

STOPS = "The server stops"


def refused(reply: Reply, scope: Scope) -> Response:
    return respond(reply, _wished(scope))


def faulted(fault: FairleadError, scope: Scope) -> Response:
    wished = _wished(scope)
    return respond(error_reply(fault, wished), wished)


def defect(scope: Scope) -> Response:
    """The answer to a fault of ours that is being handled; the log learns all of it."""
    path = scope["raw_path"].decode("latin-1")
    log.exception("unexpected fault while answering %s %s", scope["method"], path)
    return faulted(FairleadError("Internal error; the server's log says more"), scope)


def given_up(scope: Scope) -> Response:
    """The answer to a request that is cancelled because the time for draining is over; nothing is cancelled any more."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    return faulted(Unavailable(STOPS), scope)


def header_texts(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _wished(scope: Scope) -> Shape:
    headers = header_texts(scope)
    try:
        query = parse_query(scope["query_string"].decode("latin-1"))
    except BadParameter:
        query = {}
    wanted = shape(query, headers.get("accept"), headers.get("content-type"))
    return PLAIN if unacceptable(wanted) else wanted
