"""Controllers: the limits of single users on a model."""

from __future__ import annotations

from fairlead.api.decode.controller import user_limiters
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.domain.controller import Limiters
from fairlead.service.house import House


def decode_create(request: Request) -> Limiters:
    return user_limiters(request.require_body("Create model controller request has empty body"))


def decode_update(request: Request) -> Limiters:
    return user_limiters(request.require_body("Update model controller request has empty body"))


async def create(house: House, request: Request, limiters: Limiters) -> Reply:
    return Reply(await house.controllers.create(request.ids["model_id"], limiters, request.principal))


async def update(house: House, request: Request, limiters: Limiters) -> Reply:
    return Reply(await house.controllers.update(request.ids["model_id"], limiters, request.principal))


async def get(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.controllers.get(request.ids["model_id"], request.principal))


async def delete(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.controllers.delete(request.ids["model_id"], request.principal))
