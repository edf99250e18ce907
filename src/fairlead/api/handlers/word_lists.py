"""Word lists that guardrails name."""

from __future__ import annotations

from fairlead.api.decode.word_list import word_list
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.domain.word_list import WordList
from fairlead.service.house import House


def decode_put(request: Request) -> WordList:
    return word_list(request.require_body("Word list request has empty body"))


async def put(house: House, request: Request, words: WordList) -> Reply:
    return Reply(await house.word_lists.put(request.ids["index_name"], words))


async def get(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.word_lists.get(request.ids["index_name"]))


async def delete(house: House, request: Request, _: None) -> Reply:
    return Reply(await house.word_lists.delete(request.ids["index_name"]))
