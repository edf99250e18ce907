"""A row of the route table: what a method and path do, who may, and what goes in and comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.service.house import House

Decode = Callable[[Request], Any]
Run = Callable[[House, Request, Any], Awaitable[Reply]]


class Access(StrEnum):
    """Who may pass when security is on; the words are those of the reference."""

    PRIVILEGE = "who has the privilege"
    AUTHENTICATED = "every authenticated caller"
    REST_API = "who has a role of setting `security_rest_roles`"
    OPEN = "everybody, also without credentials"


@dataclass(frozen=True, slots=True)
class Route:
    """`action` is the privilege's name; `decode` reads the body before `run` changes anything; `parameters` are the
    query parameters it knows beside the global ones; `remote` routes are refused while remote inference is off.
    The predict routes have no `run`: they are answered on the fast path (fairlead.api.predict_route).

    For the OpenAPI document: `body` and `reply` name rows of fairlead.api.openapi.bodies and replies, `unavailable` the
    reply of a 503; `answers` are statuses beside 200 and those that any route may have; `old` is a path that is kept for
    old clients; `media` is given for a reply that is neither JSON nor YAML.
    """

    method: str
    path: str
    action: str
    decode: Decode
    run: Run | None
    doc: str
    parameters: tuple[str, ...] = ()
    remote: bool = False
    access: Access = Access.PRIVILEGE
    body: str | None = None
    reply: str = "Object"
    unavailable: str = "Error"
    answers: tuple[int, ...] = ()
    old: bool = False
    media: tuple[str, ...] = ()
