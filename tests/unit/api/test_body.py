"""Reading bodies from ASGI: parts, codings, types, the size limit, callers that leave."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import pytest

from fairlead.api.body import Disconnected, Message, read_body
from fairlead.errors import FairleadError, PlainFault, StatusFault


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


HEADERS = [(b"content-type", b"application/json")]
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
    assert await read_body(HEADERS, receive, 10) == body
    assert receive.asked == len(messages)


@pytest.mark.parametrize(
    "messages", [[part(b"abcd")], [part(b"ab", True), part(b"cd", True)], [part(b"a", True), part(b"bcd")]]
)
async def test_a_body_over_the_limit_is_a_413_as_soon_as_it_is_known(messages: list[Message]) -> None:
    receive = Script([*messages, part(b"never read", True)])
    with pytest.raises(StatusFault) as caught:
        await read_body(HEADERS, receive, 3)
    assert (caught.value.status, caught.value.reason) == (413, "The request body is larger than 3 bytes")
    assert receive.asked == len(messages)


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    assert await read_body(HEADERS, Script([part(b"ab", True), part(b"c")]), 3) == b"abc"


@pytest.mark.parametrize("messages", [[GONE], [part(b"a", True), GONE]])
async def test_a_caller_that_leaves_is_told_apart(messages: list[Message]) -> None:
    with pytest.raises(Disconnected):
        await read_body(HEADERS, Script(messages), 10)


async def test_a_body_announced_over_the_limit_is_a_413_before_any_of_it_is_read() -> None:
    receive = Script([])
    with pytest.raises(StatusFault) as caught:
        await read_body([*HEADERS, (b"content-length", b"11")], receive, 10)
    assert (caught.value.status, receive.asked, dict(caught.value.headers)) == (413, 0, {})


async def test_who_waits_for_100_continue_is_told_that_the_connection_closes() -> None:
    with pytest.raises(StatusFault) as caught:
        await read_body([(b"content-length", b"11"), (b"expect", b"100-continue")], Script([]), 10)
    assert caught.value.headers == {"Connection": "close"}


async def test_a_coded_body_arrives_plain() -> None:
    headers = [*HEADERS, (b"content-encoding", b"GZip")]
    assert await read_body(headers, Script([part(gzip.compress(b"{}"))]), 100) == b"{}"


@pytest.mark.parametrize("codings", [[b"br"], [b"gzip, gzip"], [b"gzip", b"gzip"]])
async def test_an_unknown_or_doubled_coding_is_a_415_that_says_what_is_taken(codings: list[bytes]) -> None:
    headers = [*HEADERS, *((b"content-encoding", coding) for coding in codings)]
    with pytest.raises(PlainFault) as caught:
        await read_body(headers, Script([part(b"x")]), 100)
    assert (caught.value.status, caught.value.headers) == (415, {"Accept-Encoding": "gzip, deflate"})


@pytest.mark.parametrize(
    ("headers", "status"),
    [([], 406), ([(b"content-type", b"text/plain")], 406), ([(b"content-type", b"json")], 400)],
)
async def test_only_a_body_that_holds_something_needs_a_type(headers: list[tuple[bytes, bytes]], status: int) -> None:
    assert await read_body(headers, Script([part(b"")]), 10) == b""
    with pytest.raises(FairleadError) as caught:
        await read_body(headers, Script([part(b"{}")]), 10)
    assert caught.value.status == status
