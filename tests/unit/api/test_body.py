"""Reading bodies from ASGI: parts, the size limit, callers that leave."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fairlead.api.body import Disconnected, Message, read_body
from fairlead.errors import StatusFault


class Script:
    """A receive channel that gives messages in order."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = list(messages)
        self.asked = 0

    async def __call__(self) -> Message:
        self.asked += 1
        return self.messages.pop(0)


def part(body: bytes | None = None, more: bool | None = None) -> Message:
    message: Message = {"type": "http.request"}
    if body is not None:
        message["body"] = body
    if more is not None:
        message["more_body"] = more
    return message


GONE: Message = {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("messages", "body"),
    [
        ([part()], b""),
        ([part(b"abc")], b"abc"),
        ([part(b"abc", False)], b"abc"),
        ([part(b"a", True), part(b"", True), part(b"bc")], b"abc"),
        ([part(None, True), part(b"c", False)], b"c"),
    ],
)
async def test_the_parts_of_a_body_are_joined_and_nothing_is_read_past_the_last(
    messages: list[Message], body: bytes
) -> None:
    receive = Script(messages)
    assert await read_body(receive, 10) == body
    assert receive.asked == len(messages)


@pytest.mark.parametrize(
    "messages", [[part(b"abcd")], [part(b"ab", True), part(b"cd", True)], [part(b"a", True), part(b"bcd")]]
)
async def test_a_body_over_the_limit_is_a_413_as_soon_as_it_is_known(messages: list[Message]) -> None:
    receive = Script([*messages, part(b"never read", True)])
    with pytest.raises(StatusFault) as caught:
        await read_body(receive, 3)
    assert (caught.value.status, caught.value.reason) == (413, "The request body is larger than 3 bytes")
    assert receive.asked == len(messages)


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    assert await read_body(Script([part(b"ab", True), part(b"c")]), 3) == b"abc"


@pytest.mark.parametrize("messages", [[GONE], [part(b"a", True), GONE]])
async def test_a_caller_that_leaves_is_told_apart(messages: list[Message]) -> None:
    with pytest.raises(Disconnected):
        await read_body(Script(messages), 10)
